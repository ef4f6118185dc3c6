import { join } from 'node:path';
import { AuditTrail } from '../audit/audit-trail.js';
import { searchTrail } from '../audit/search.js';
import { consoleFilesDirectory } from '../config/installation.js';
import { auditDirectory } from '../config/node-config.js';
import { usesTls } from '../config/place.js';
import { EventRing } from '../events/event-ring.js';
import { flavour } from '../flavour/current.js';
import { HttpServer } from '../http/server.js';
import { processMetrics } from '../metrics/process-metrics.js';
import { type MetricFamily, metricsText } from '../metrics/text.js';
import { HISTORY_STEP_MS } from '../model/history.js';
import { auditTrailOptions } from '../planes/audit-options.js';
import type { FromHttp, HttpPlaneData, ToHttp, ToPlane } from '../planes/messages.js';
import { dumpProgramOf } from '../server-packages/server-binary.js';
import { monotonicMs } from '../std/clock.js';
import { Emitter } from '../std/emitter.js';
import type { TlsIdentity, TlsSource } from '../std/tls-source.js';
import { HistoryRing } from './history-ring.js';
import { httpLimitsWithin } from './http-limits-within.js';
import { killJudge } from './kill-judge.js';
import { searchLog } from './log-search.js';
import { NodeBackups } from './node-backups.js';
import { PlaneNodeView } from './node-view.js';
import type { ClientPlane, PlaneThread } from './plane-thread.js';
import { PositionWaits } from './position-waits.js';
import { Questions } from './questions.js';
import { RelayedAudit } from './relayed-audit.js';

/**
 * Serves HTTP, and writes the audit trail of the node. It has a thread to itself: what requests do to its event loop delays no
 * acknowledgement, no heartbeat and no client of the MySQL ports.
 */
export class HttpPlane implements ClientPlane<Exclude<ToHttp, ToPlane>> {
  readonly #thread: PlaneThread<FromHttp>;
  readonly #waits: PositionWaits;
  readonly #questions: Questions;
  readonly #trail: AuditTrail;
  readonly #relayed: RelayedAudit;
  readonly #events = new EventRing();
  readonly #logged = new Emitter<readonly string[]>();
  readonly #tls: TlsCopy | null;
  readonly #backups: NodeBackups;
  readonly #http: HttpServer;
  readonly #history = new HistoryRing();
  readonly connections = null;
  #followers = 0;

  static async create(data: HttpPlaneData, thread: PlaneThread<FromHttp>): Promise<HttpPlane> {
    const { config } = data;
    const trail = await AuditTrail.open(auditTrailOptions(config, thread.secret), {
      log: thread.log.child({ part: 'audit' }),
    });
    return new HttpPlane(data, thread, trail);
  }

  private constructor(data: HttpPlaneData, thread: PlaneThread<FromHttp>, trail: AuditTrail) {
    const { config, budget } = data;
    const { log, plane, server, secret } = thread;
    this.#thread = thread;
    this.#trail = trail;
    this.#relayed = new RelayedAudit(
      {},
      { trail, audited: (number) => thread.send({ kind: 'audited', number }) },
    );
    for (const event of data.events) this.#events.take(event);
    this.#tls = data.tls && new TlsCopy(data.tls);
    this.#waits = new PositionWaits({
      plane,
      signals: thread.signals,
      readNow: () => thread.send({ kind: 'readNow' }),
    });
    this.#questions = new Questions({
      send: (id, what, input) => thread.send({ kind: 'ask', id, what, input }),
    });
    this.#backups = new NodeBackups(
      { config, secret, ...data.server },
      { plane, server, logger: log.child({ part: 'backup' }) },
    );
    const judge = killJudge({ logger: log, committingSessions: () => server.committingSessions() });
    const view = new PlaneNodeView({
      config,
      secret,
      clusterId: data.clusterId,
      dumpProgram: dumpProgramOf(data.server.binary),
      backup: (signal) => this.#backups.begin(signal),
      flavour,
      plane,
      waits: this.#waits,
      questions: this.#questions,
      waitApplied: (ordinal, timeoutMs) => server.waitApplied(ordinal, timeoutMs),
      authority: () => this.#tls?.current.ca,
      loginRefused: () => thread.send({ kind: 'loginRefused' }),
      metrics: () => this.#metricsOfAll(),
      statements: () => server.clientStatements(),
      endStatement: async (queryId) => {
        const refusal = await judge({ kind: 'query', queryId });
        if (refusal === null) await server.killQuery(queryId);
        return refusal;
      },
      history: (seconds) => this.#history.last(seconds, { nowMs: monotonicMs(), clockMs: Date.now() }),
      events: this.#events,
      audit: {
        add: (fields) => trail.add(fields),
        search: async (filter, count) => {
          await trail.settled();
          return searchTrail(auditDirectory(config), filter, count);
        },
        subscribe: (listener) => trail.onLines.on(listener),
      },
      logs: {
        search: async (filter, count) => {
          thread.flushLog();
          await this.#questions.flushLog();
          return searchLog(join(config.directory, 'node.log'), filter, count);
        },
        subscribe: (listener) => this.#follow(listener),
      },
    });
    this.#http = new HttpServer(
      {
        ...config.http,
        consoleDir: config.consoleDirectory ?? consoleFilesDirectory,
        tls: usesTls(config, 'http') ? this.#tls : null,
        stateDir: join(config.directory, 'state'),
        sessionsPerRole: budget.httpSessionsPerRole,
        limits: httpLimitsWithin(budget, config),
        primaryWaitMs: config.primaryWaitMs,
        ...(config.witness && config.adminTokenFile !== null && { ownTokenFile: config.adminTokenFile }),
        auditStyle: { statements: config.auditStatements, parameters: config.auditParameters },
      },
      { node: view, log: log.child({ part: 'http' }) },
    );
  }

  async start(): Promise<void> {
    await this.#http.start();
    setInterval(() => void this.#remember(), HISTORY_STEP_MS).unref();
  }

  /** No answer is a gap in the history. */
  async #remember(): Promise<void> {
    const status = await this.#questions.status().catch(() => null);
    if (status !== null) this.#history.take(status.members, monotonicMs());
  }

  received(message: Exclude<ToHttp, ToPlane>): void {
    switch (message.kind) {
      case 'moved':
        this.#waits.moved();
        return;
      case 'event':
        this.#events.take(message.event);
        return;
      case 'audit':
        this.#relayed.take(message.line);
        return;
      case 'logged':
        this.#logged.emit(message.lines);
        return;
      case 'tls':
        this.#tls?.take(message.identity);
        return;
      case 'answer':
        this.#questions.answered(message.id, message.answer);
        return;
    }
  }

  dropSessions(): void {
    this.#http.dropSessions();
  }

  #follow(listener: (lines: readonly string[]) => void): () => void {
    const thread = this.#thread;
    if (this.#followers++ === 0) thread.send({ kind: 'follow', on: true });
    const off = this.#logged.on(listener);
    return () => {
      off();
      if (--this.#followers === 0) thread.send({ kind: 'follow', on: false });
    };
  }

  async #metricsOfAll(): Promise<string> {
    const others = await this.#questions.metrics();
    const threads = [...others.map(({ thread }) => thread), this.#thread.meter.look()];
    return others.map(({ text }) => text).join('') + metricsText(processMetrics(threads));
  }

  /** None: the server of HTTP adds its own to each answer. */
  metrics(): MetricFamily[] {
    return [];
  }

  stop(): Promise<void> {
    return this.#http.stop();
  }

  end(): Promise<void> {
    return this.#trail.close();
  }
}

/** The certificate that the replication plane has read. */
class TlsCopy implements TlsSource {
  readonly onChange = new Emitter<void>();
  #current: TlsIdentity;

  constructor(identity: TlsIdentity) {
    this.#current = identity;
  }

  get current(): TlsIdentity {
    return this.#current;
  }

  take(identity: TlsIdentity): void {
    this.#current = identity;
    this.onChange.emit();
  }
}
