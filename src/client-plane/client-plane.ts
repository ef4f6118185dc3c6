import { join } from 'node:path';
import { AuditTrail } from '../audit/audit-trail.js';
import { auditKey } from '../audit/sealed-line.js';
import { searchTrail } from '../audit/search.js';
import { consoleFilesDirectory } from '../config/installation.js';
import { auditDirectory, type NodeConfig, usesTls } from '../config/node-config.js';
import { EventRing } from '../events/event-ring.js';
import { HttpServer } from '../http/server.js';
import { processMetrics, ThreadMeter } from '../metrics/process-metrics.js';
import { metricsText } from '../metrics/text.js';
import { messageOf } from '../model/error.js';
import { accountPassword } from '../mysql-control/accounts.js';
import { MariadbControl } from '../mysql-control/control.js';
import { mariadb } from '../mysql-protocol/mariadb.js';
import { FactsReader } from '../planes/facts-reader.js';
import type { ClientPlaneData, Order, ToClients, ToNode } from '../planes/messages.js';
import { StateReader } from '../planes/shared-state.js';
import { Emitter } from '../std/emitter.js';
import { LineBatch } from '../std/line-batch.js';
import type { Logger } from '../std/logger.js';
import { createNodeLogger } from '../std/pino-logger.js';
import type { TlsIdentity, TlsSource } from '../std/tls-source.js';
import { budgetOf, limitsWithin } from './descriptors.js';
import { killJudge } from './kill-judge.js';
import { searchLog } from './log-search.js';
import { MysqlPorts } from './mysql-ports.js';
import { PlaneNodeView } from './node-view.js';
import { PositionWaits } from './position-waits.js';
import { Questions } from './questions.js';
import { RelayedAudit } from './relayed-audit.js';

/** The replication plane takes this plane for hung when it has not turned for some of these. */
const TURN_MS = 250;

/**
 * What serves clients: HTTP, the MySQL ports and the audit trail, with sessions of their own on the local server. It has
 * a thread to itself; what it does to that thread's event loop delays no acknowledgement and no heartbeat.
 */
export class ClientPlane {
  readonly #send: (message: ToNode) => void;
  readonly #memory: StateReader;
  readonly #plane: FactsReader;
  readonly #waits: PositionWaits;
  readonly #questions: Questions;
  readonly #control: MariadbControl;
  readonly #trail: AuditTrail;
  readonly #relayed: RelayedAudit;
  readonly #events = new EventRing();
  readonly #logged = new Emitter<readonly string[]>();
  readonly #logLines: LineBatch;
  readonly #log: Logger;
  readonly #tls: TlsCopy | null;
  readonly #meter = new ThreadMeter('clients');
  readonly #http: HttpServer;
  readonly #mysqlPorts: MysqlPorts | null;
  readonly #turning: NodeJS.Timeout;
  #generation: number | null = null;
  #followers = 0;

  static async create(data: ClientPlaneData, modules: { send(message: ToNode): void }): Promise<ClientPlane> {
    const { config } = data;
    const { send } = modules;
    const logLines = new LineBatch({ pass: (lines, urgent) => send({ kind: 'log', lines, urgent }) });
    const log = createNodeLogger({
      sink: logLines,
      level: config.logLevel,
      bindings: { node: config.name },
    });
    const trail = await AuditTrail.open(
      {
        directory: auditDirectory(config),
        node: config.name,
        key: auditKey(Buffer.from(data.secret)),
        fileBytesMax: config.auditBytesMax,
        filesMax: config.auditFilesMax,
      },
      { log: log.child({ part: 'audit' }) },
    );
    return new ClientPlane(data, { send, log, logLines, trail });
  }

  private constructor(
    data: ClientPlaneData,
    modules: { send(message: ToNode): void; log: Logger; logLines: LineBatch; trail: AuditTrail },
  ) {
    const { config } = data;
    const { send, log, trail } = modules;
    const secret = Buffer.from(data.secret);
    this.#send = send;
    this.#log = log;
    this.#logLines = modules.logLines;
    this.#trail = trail;
    this.#relayed = new RelayedAudit({}, { trail, audited: (number) => send({ kind: 'audited', number }) });
    for (const event of data.events) this.#events.take(event);
    this.#tls = data.tls && new TlsCopy(data.tls);
    this.#memory = new StateReader(data.memory);
    this.#plane = new FactsReader({ state: this.#memory, port: data.factsPort });
    this.#waits = new PositionWaits({
      plane: this.#plane,
      memory: this.#memory,
      readNow: () => send({ kind: 'readNow' }),
    });
    this.#questions = new Questions({ send: (id, what) => send({ kind: 'ask', id, what }) });
    this.#control = new MariadbControl(
      { secret },
      { socketPath: () => this.#plane.facts.server?.socketPath ?? null },
    );
    const budget = budgetOf(config, log);
    const view = new PlaneNodeView({
      config,
      secret,
      dumpProgram: data.dumpProgram,
      flavour: mariadb,
      plane: this.#plane,
      waits: this.#waits,
      questions: this.#questions,
      waitApplied: (gtid, timeoutMs) => this.#control.waitApplied(gtid, timeoutMs),
      authority: () => this.#tls?.current.ca,
      loginRefused: () => send({ kind: 'loginRefused' }),
      metrics: () => this.#metrics(),
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
          this.#logLines.flush();
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
        limits: limitsWithin(budget, config),
        auditStyle: { statements: config.auditStatements, parameters: config.auditParameters },
      },
      { node: view, log: log.child({ part: 'http' }) },
    );
    this.#mysqlPorts = this.#makeMysqlPorts(config, secret, budget.mysqlConnectionsMax);
    this.#plane.onChange.on(() => this.#changed());
    this.#turning = setInterval(() => this.#memory.turn(this.#mysqlPorts?.connections ?? null), TURN_MS);
  }

  #makeMysqlPorts(config: NodeConfig, secret: Buffer, mysqlConnectionsMax: number): MysqlPorts | null {
    const { mysqlPorts } = config;
    const logger = this.#log.child({ part: 'mysql' });
    return (
      mysqlPorts &&
      new MysqlPorts(
        { ...config, mysqlPorts, mysqlConnectionsMax },
        {
          logger,
          plane: this.#plane,
          judge: killJudge({ logger, committingSessions: () => this.#control.committingSessions() }),
          threadsBeforeLogin: () => this.#control.threadsBeforeLogin(),
          waitApplied: (gtid, timeoutMs) => this.#control.waitApplied(gtid, timeoutMs),
          password: accountPassword(secret, 'app'),
        },
      )
    );
  }

  /** @throws SkeinError PORT_TAKEN | LISTEN_FAILED */
  async start(): Promise<void> {
    await this.#http.start();
    await this.#mysqlPorts?.start();
  }

  received(message: ToClients): void {
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
      case 'cutSessions':
        this.#mysqlPorts?.cutSessions(message.sessions);
        return;
      case 'answer':
        this.#questions.answered(message.id, message.answer);
        return;
      case 'order':
        void this.#obey(message.order, message.id);
        return;
    }
  }

  /** The session pools and the ports follow what the node is now. */
  #changed(): void {
    const { generation } = this.#plane.state;
    if (generation === this.#generation) return;
    this.#generation = generation;
    // The sessions of an earlier time may write with an earlier primary's server id (rule C10).
    this.#http.dropSessions();
    this.#control.serverDown();
  }

  #follow(listener: (lines: readonly string[]) => void): () => void {
    if (this.#followers++ === 0) this.#send({ kind: 'follow', on: true });
    const off = this.#logged.on(listener);
    return () => {
      off();
      if (--this.#followers === 0) this.#send({ kind: 'follow', on: false });
    };
  }

  async #metrics(): Promise<string> {
    const { text, thread } = await this.#questions.metrics();
    return (
      text +
      metricsText([...(this.#mysqlPorts?.metrics() ?? []), ...processMetrics([thread, this.#meter.look()])])
    );
  }

  async #obey(order: Order, id: number): Promise<void> {
    try {
      if (order === 'cut') {
        // Whatever is closed is in memory, or in the port, by now.
        this.#plane.look();
        this.#changed();
      } else if (order === 'stop') await this.#stop();
      else await this.#end();
    } catch (error) {
      this.#log.error({ order, reason: messageOf(error) }, 'the client plane failed to execute an order');
    }
    this.#logLines.flush();
    this.#send({ kind: 'done', id });
  }

  async #stop(): Promise<void> {
    await this.#mysqlPorts?.stop();
    await this.#http.stop();
    this.#control.close();
  }

  /** Everything that was sent before has been taken. */
  async #end(): Promise<void> {
    clearInterval(this.#turning);
    this.#meter.stop();
    this.#plane.close();
    await this.#trail.close();
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
