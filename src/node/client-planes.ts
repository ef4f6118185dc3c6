import type { Worker } from 'node:worker_threads';
import type { NodeConfig } from '../config/node-config.js';
import type { EventLog } from '../events/event-log.js';
import type { MysqlConnections } from '../model/status.js';
import type { UserSession } from '../mysql-control/user-accounts.js';
import {
  type AnswerTo,
  type CommonPlaneData,
  errorData,
  type FromHttp,
  type PlaneData,
  type PlaneEnds,
  type PlaneFigures,
  type PlaneName,
  type Question,
  type ServerPrograms,
  type ToHttp,
  type ToMysql,
} from '../planes/messages.js';
import type { Logger } from '../std/logger.js';
import type { TlsIdentity } from '../std/tls-source.js';
import type { AuditRelay } from './audit-relay.js';
import { ClientPlaneHost, type ClientPlaneHostModules, type ClientPlaneTimes } from './client-plane-host.js';
import { budgetOf } from './descriptors.js';
import type { PlanePublisher } from './plane-publisher.js';

export interface ClientPlanesModules {
  readonly logger: Logger;
  readonly publisher: PlanePublisher;
  readonly events: EventLog;
  readonly audit: AuditRelay;
  /** The node's log. */
  readonly log: {
    write(lines: readonly string[], urgent: boolean): void;
    /** Calls `listener` with lines once they are written. Returns a function that removes the listener. */
    follow(listener: (lines: readonly string[]) => void): () => void;
  };
  startThread(data: PlaneData): Worker;
  /** Null without TLS. */
  tls(): TlsIdentity | null;
  /** Answers a question of the HTTP plane. */
  answer<What extends Question>(what: What, input: unknown): Promise<AnswerTo<What>>;
  /** A request waits for a position. */
  readNow(): void;
  loginRefused(): void;
}

const NAMES: Readonly<Record<PlaneName, { readonly it: string; readonly other: string }>> = {
  http: { it: 'HTTP', other: 'the MySQL ports' },
  mysql: { it: 'the MySQL ports', other: 'HTTP' },
};

/** The client planes of a node: HTTP, and the MySQL ports if it has any. Each starts, ends and restarts alone. */
export class ClientPlanes {
  readonly #modules: ClientPlanesModules;
  readonly #data: Omit<CommonPlaneData, keyof PlaneEnds>;
  readonly #clusterId: string;
  readonly #server: ServerPrograms;
  readonly #http: ClientPlaneHost<ToHttp, FromHttp>;
  readonly #mysql: ClientPlaneHost<ToMysql, never> | null;
  #unfollow: (() => void) | null = null;

  /** @throws SkeinError DESCRIPTORS_TOO_FEW */
  constructor(
    options: {
      readonly config: NodeConfig;
      readonly clusterId: string;
      readonly secret: Buffer;
      readonly server: ServerPrograms;
    },
    modules: ClientPlanesModules,
    times: Partial<ClientPlaneTimes> = {},
  ) {
    const { config, secret } = options;
    this.#modules = modules;
    this.#data = { config, secret, budget: budgetOf(config, modules.logger) };
    this.#clusterId = options.clusterId;
    this.#server = options.server;
    this.#http = this.#httpPlane(times);
    this.#mysql = config.mysqlPorts && this.#mysqlPlane(times);
    modules.events.ring.subscribe((event) => this.#http.post({ kind: 'event', event }));
  }

  /** Resolves when all ports are open. @throws SkeinError PORT_TAKEN | LISTEN_FAILED | CLIENT_PLANE_FAILED */
  async start(): Promise<void> {
    await Promise.all([this.#http.start(), this.#mysql?.start()]);
  }

  /** Resolves when every connection that the current state does not allow is cut: see ClientPlaneHost. */
  async cut(): Promise<void> {
    await Promise.all([this.#http.cut(), this.#mysql?.cut()]);
  }

  /** Cuts the client connections to which these sessions of the local server belong. */
  cutSessions(sessions: readonly UserSession[]): void {
    this.#mysql?.post({
      kind: 'cutSessions',
      sessions: sessions.map(({ address, port }) => ({ address, port })),
    });
  }

  /** The certificate has changed. */
  renewTls(identity: TlsIdentity): void {
    this.#http.post({ kind: 'tls', identity });
  }

  /** Null without MySQL ports, and while their thread does not run. */
  get mysqlConnections(): MysqlConnections | null {
    return this.#mysql?.signals?.connections ?? null;
  }

  /** Null without MySQL ports, and when their thread does not answer in time. */
  async mysqlFigures(): Promise<PlaneFigures | null> {
    return (await this.#mysql?.measure()) ?? null;
  }

  /** Stops serving clients. The HTTP plane still writes the audit trail. */
  async stop(): Promise<void> {
    await Promise.all([this.#http.stop(), this.#mysql?.stop()]);
  }

  /** Ends the threads. Returns whether the audit trail was written: see ClientPlaneHost. */
  async end(): Promise<'written' | 'not written' | 'stuck'> {
    const [trail] = await Promise.all([this.#http.end(), this.#mysql?.end()]);
    return trail;
  }

  /** Ends the threads without waiting, because the process ends. */
  abandon(): void {
    this.#http.abandon();
    this.#mysql?.abandon();
  }

  #httpPlane(times: Partial<ClientPlaneTimes>): ClientPlaneHost<ToHttp, FromHttp> {
    const { audit, events, tls, startThread } = this.#modules;
    return new ClientPlaneHost(
      {
        ...this.#common('http'),
        spawn: (ends) =>
          startThread({
            ...this.#data,
            ...ends,
            plane: 'http',
            clusterId: this.#clusterId,
            server: this.#server,
            tls: tls(),
            events: events.ring.kept,
          }),
        received: (message, answer) => this.#received(message, answer),
        began: (post) => audit.attach((line) => post({ kind: 'audit', line })),
        ended: () => {
          audit.detach();
          this.#follow(false);
        },
        moved: () => this.#http.post({ kind: 'moved' }),
      },
      times,
    );
  }

  #mysqlPlane(times: Partial<ClientPlaneTimes>): ClientPlaneHost<ToMysql, never> {
    return new ClientPlaneHost(
      {
        ...this.#common('mysql'),
        spawn: (ends) => this.#modules.startThread({ ...this.#data, ...ends, plane: 'mysql' }),
        // The MySQL plane sends only the messages of all planes, and waits for no position.
        received() {},
        began() {},
        ended() {},
        moved() {},
      },
      times,
    );
  }

  #common(plane: PlaneName): Pick<HostModules, 'logger' | 'publisher' | 'log' | 'restarted'> {
    const { logger, publisher, log, events } = this.#modules;
    const { it, other } = NAMES[plane];
    return {
      logger: logger.child({ part: 'clients', plane }),
      publisher,
      log: (lines, urgent) => log.write(lines, urgent),
      restarted: (reason) =>
        events.add(
          'clients.restarted',
          this.#data.config.name,
          `The thread of ${it} is started again: ${reason}. Its connections were cut; replication and ${other} went on.`,
          { plane },
        ),
    };
  }

  #received(message: FromHttp, answer: (message: ToHttp) => void): void {
    switch (message.kind) {
      case 'ask':
        void this.#answer(message.id, message.what, message.input).then(answer);
        return;
      case 'readNow':
        this.#modules.readNow();
        return;
      case 'loginRefused':
        this.#modules.loginRefused();
        return;
      case 'follow':
        this.#follow(message.on);
        return;
      case 'audited':
        this.#modules.audit.written(message.number);
        return;
    }
  }

  async #answer(id: number, what: Question, input: unknown): Promise<ToHttp> {
    try {
      return { kind: 'answer', id, answer: { ok: true, value: await this.#modules.answer(what, input) } };
    } catch (error) {
      return { kind: 'answer', id, answer: { ok: false, error: errorData(error) } };
    }
  }

  /** Begins or ends sending new lines of the node's log to the HTTP plane. */
  #follow(on: boolean): void {
    this.#unfollow?.();
    this.#unfollow = on
      ? this.#modules.log.follow((lines) => this.#http.post({ kind: 'logged', lines }))
      : null;
  }
}

type HostModules = ClientPlaneHostModules<ToHttp, FromHttp>;
