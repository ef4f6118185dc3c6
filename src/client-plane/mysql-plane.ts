import { flavour } from '../flavour/current.js';
import type { MetricFamily } from '../metrics/text.js';
import { accountPassword } from '../mysql-control/accounts.js';
import type { MysqlPlaneData, ToMysql, ToPlane } from '../planes/messages.js';
import type { PortConnections } from '../planes/plane-signals.js';
import { killJudge } from './kill-judge.js';
import { MysqlPorts } from './mysql-ports.js';
import type { ClientPlane, PlaneThread } from './plane-thread.js';

/**
 * Serves the MySQL ports. It has a thread to itself: neither a large body over HTTP nor the end of the HTTP plane delays a
 * chunk of a connection here.
 */
export class MysqlPlane implements ClientPlane<Exclude<ToMysql, ToPlane>> {
  readonly #ports: MysqlPorts;

  static async create(data: MysqlPlaneData, thread: PlaneThread<never>): Promise<MysqlPlane> {
    return new MysqlPlane(data, thread);
  }

  private constructor(
    { config, budget }: MysqlPlaneData,
    { log, plane, server, secret }: PlaneThread<never>,
  ) {
    const { mysqlPorts } = config;
    if (mysqlPorts === null) throw new Error('This node has no MySQL ports.');
    const logger = log.child({ part: 'mysql' });
    this.#ports = new MysqlPorts(
      { ...config, mysqlPorts, mysqlConnectionsMax: budget.mysqlConnectionsMax },
      {
        logger,
        flavour,
        plane,
        judge: killJudge({ logger, committingSessions: () => server.committingSessions() }),
        threadsBeforeLogin: () => server.threadsBeforeLogin(),
        waitApplied: (ordinal, timeoutMs) => server.waitApplied(ordinal, timeoutMs),
        password: accountPassword(secret, 'app'),
      },
    );
  }

  start(): Promise<void> {
    return this.#ports.start();
  }

  received({ sessions }: Exclude<ToMysql, ToPlane>): void {
    this.#ports.cutSessions(sessions);
  }

  /** The ports have none: a connection belongs to its client, and the gate cuts it. */
  dropSessions(): void {}

  metrics(): MetricFamily[] {
    return this.#ports.metrics();
  }

  get connections(): PortConnections {
    return this.#ports.connections;
  }

  stop(): Promise<void> {
    return this.#ports.stop();
  }

  async end(): Promise<void> {}
}
