import type { NodeConfig } from '../config/node-config.js';
import { READ_ONLY_PORT_ADDRESS } from '../flavour/accounts.js';
import type { Flavour } from '../flavour/flavour.js';
import type { MetricFamily } from '../metrics/text.js';
import { SkeinError } from '../model/error.js';
import type { MysqlConnections } from '../model/status.js';
import { Connection } from '../mysql-client/connection.js';
import { Gate, type Route } from '../mysql-port/gate.js';
import type { KillJudge } from '../mysql-port/pipe.js';
import { MysqlPort } from '../mysql-port/port.js';
import type { FactsReader } from '../planes/facts-reader.js';
import type { Logger } from '../std/logger.js';
import { FreshReads } from './fresh-reads.js';
import { mysqlPortMetrics } from './port-metrics.js';

/** Clients reach the server through loopback TCP. Through its unix socket they would have the rights of the node's own user. */
const SERVER_HOST = '127.0.0.1';

export interface MysqlPortsModules {
  readonly logger: Logger;
  readonly plane: FactsReader;
  readonly judge: KillJudge;
  readonly flavour: Flavour;
  /** Of the local server. */
  threadsBeforeLogin(): Promise<ReadonlySet<number>>;
  waitApplied(ordinal: number, timeoutMs: number): Promise<boolean>;
  /** Of the account `app`. */
  readonly password: string;
}

type Settings = Pick<
  NodeConfig,
  | 'name'
  | 'mysqlConnectionsMax'
  | 'primaryWaitMs'
  | 'mysqlLoginsMax'
  | 'mysqlLoginsPerAddressMax'
  | 'mysqlLoginMs'
  | 'mysqlReadOnlyWaitMs'
>;

/** The two MySQL ports of a node. Their targets follow from the node's role and from what it knows of the cluster. */
export class MysqlPorts {
  readonly #name: string;
  readonly #modules: MysqlPortsModules;
  readonly #gates: { readWrite: Gate; readOnly: Gate };
  readonly #ports: { readWrite: MysqlPort; readOnly: MysqlPort };
  /** Null when reads of a replica do not wait for the primary's writes. */
  readonly #fresh: FreshReads | null;
  readonly #off: () => void;

  constructor(
    config: Settings & { readonly mysqlPorts: NonNullable<NodeConfig['mysqlPorts']> },
    modules: MysqlPortsModules,
  ) {
    this.#name = config.name;
    this.#modules = modules;
    const { host, readWrite, readOnly } = config.mysqlPorts;
    const limits = {
      connectionsMax: config.mysqlConnectionsMax,
      openWaitMs: config.primaryWaitMs,
      loginsMax: config.mysqlLoginsMax,
      loginsPerAddressMax: config.mysqlLoginsPerAddressMax,
      loginMs: config.mysqlLoginMs,
    };
    const { logger, judge } = modules;
    const threadsBeforeLogin = () => modules.threadsBeforeLogin();
    const waitMs = config.mysqlReadOnlyWaitMs;
    this.#fresh =
      waitMs === 0
        ? null
        : new FreshReads(
            { waitMs },
            {
              flavour: modules.flavour,
              connect: () => this.#connectToPrimary(waitMs),
              waitApplied: (ordinal, timeoutMs) => modules.waitApplied(ordinal, timeoutMs),
            },
          );
    const fresh = this.#fresh ? () => this.#fresh?.wait() ?? Promise.resolve(false) : null;
    const look = () => modules.plane.look();
    this.#gates = {
      readWrite: new Gate('This node is starting.', look),
      readOnly: new Gate('This node is starting.', look),
    };
    this.#ports = {
      readWrite: new MysqlPort(
        { name: 'read-write', host, port: readWrite, ...limits },
        { gate: this.#gates.readWrite, logger, judge, threadsBeforeLogin, fresh },
      ),
      readOnly: new MysqlPort(
        { name: 'read-only', host, port: readOnly, ...limits },
        { gate: this.#gates.readOnly, logger, judge, threadsBeforeLogin, fresh },
      ),
    };
    this.#off = modules.plane.onChange.on(() => this.update());
  }

  async start(): Promise<void> {
    await this.#ports.readWrite.start();
    await this.#ports.readOnly.start();
    this.update();
  }

  /** Closes the ports and cuts every connection at once. */
  async stop(): Promise<void> {
    this.#off();
    this.#fresh?.stop();
    await Promise.all([this.#ports.readWrite.stop(), this.#ports.readOnly.stop()]);
  }

  get connections(): MysqlConnections {
    const { readWrite, readOnly } = this.#ports;
    return { readWrite: readWrite.counters.open, readOnly: readOnly.counters.open };
  }

  metrics(): MetricFamily[] {
    const { readWrite, readOnly } = this.#ports;
    return mysqlPortMetrics([
      { port: 'read-write', counters: readWrite.counters, connect: readWrite.connectTimes },
      { port: 'read-only', counters: readOnly.counters, connect: readOnly.connectTimes },
    ]);
  }

  /** Cuts the client connections to which these sessions of the local server belong. Returns their number. */
  cutSessions(sessions: readonly { readonly address: string; readonly port: number }[]): number {
    const through = (isReadOnly: boolean) =>
      new Set(
        sessions
          .filter(({ address }) => (address === READ_ONLY_PORT_ADDRESS) === isReadOnly)
          .map(({ port }) => port),
      );
    return this.#ports.readWrite.cutFrom(through(false)) + this.#ports.readOnly.cutFrom(through(true));
  }

  /** Sets the targets of the ports. Connections to an earlier target are cut when this returns. */
  update(): void {
    const { role } = this.#modules.plane.state;
    const { primary } = this.#modules.plane.facts;
    // A primary that was replaced may still be ending its role.
    const isOwn = role === 'primary' && (primary === null || primary.name === this.#name);
    this.#gates.readWrite.set(isOwn ? this.#local() : this.#primary());
    this.#gates.readOnly.set(this.#local(READ_ONLY_PORT_ADDRESS));
  }

  #local(localAddress?: string): Route {
    const { role, openness, generation } = this.#modules.plane.state;
    const { server, closedReason } = this.#modules.plane.facts;
    if (openness !== 'OPEN') return { open: false, reason: closedReason ?? 'This node is closed.' };
    if (server === null || server.generation !== generation)
      return { open: false, reason: 'The server of this node is down.' };
    return {
      open: true,
      target: {
        host: SERVER_HOST,
        port: server.port,
        // KILLs are judged here because only sessions of this port wait in a commit. Clients of a read-only port have another
        // account on the server, which cannot kill them.
        ...(localAddress === undefined
          ? { judgesKills: true }
          : { localAddress, keepsReadOnly: true, waitsForPrimary: role === 'replica' }),
      },
    };
  }

  /** The question to the primary needs no rights, so it goes through its read-only port. */
  async #connectToPrimary(connectTimeoutMs: number): Promise<Connection> {
    const address = this.#modules.plane.facts.primary?.mysqlRo ?? null;
    if (address === null)
      throw new SkeinError('MYSQL_TARGET_NONE', 'The primary has no read-only MySQL port.');
    return Connection.connect({
      ...{ address: hostAndPort(address), user: 'app', password: this.#modules.password },
      connectTimeoutMs,
    });
  }

  /** On a replica, the target is the read-write port of the primary's node. That node decides whether to admit clients. */
  #primary(): Route {
    const { primary } = this.#modules.plane.facts;
    if (!primary) return { open: false, reason: 'This node knows of no primary now.' };
    if (primary.name === this.#name) return { open: false, reason: 'This node is becoming the primary.' };
    if (primary.mysqlRw === null) return { open: false, reason: `${primary.name} has no MySQL ports.` };
    return { open: true, target: { ...hostAndPort(primary.mysqlRw), forwards: true } };
  }
}

function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
