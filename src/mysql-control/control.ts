import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { SkeinError } from '../model/error.js';
import type { Logger } from '../std/logger.js';
import { withDeadline } from '../std/signal.js';
import { AppliedWait } from './applied-wait.js';

/**
 * SQL control of the local MariaDB server through its unix socket as `skein@localhost`. Nothing that is done here is
 * written to the binary log, but for executeOnPrimary. It decides nothing; roles and order are the caller's.
 */
export interface ControlOptions {
  password: string;
}

export interface ControlModules {
  logger: Logger;
  /** Null while the server is down. */
  socketPath(): string | null;
}

export interface ServerReading {
  gtidBinlogPos: string;
  gtidSlavePos: string;
  readOnly: boolean;
  serverId: number;
  semiSync: { enabled: boolean; clients: number; waitSessions: number; noTx: number };
  syncBinlog: number;
  flushAtTrxCommit: number;
}

export interface ReplicaThreads {
  ioRunning: boolean;
  sqlRunning: boolean;
  lastIoErrno: number;
  lastIoError: string;
  lastSqlErrno: number;
  lastSqlError: string;
}

const ACCOUNT = 'skein';
const CONNECT_TIMEOUT_MS = 5_000;
/** A question about the server's state is answered in a millisecond; a server that needs so long hangs. */
const QUERY_DEADLINE_MS = 10_000;
/** SET read_only waits for commits (SAFETY C1); it must not wait behind one that waits for the quorum. */
const READ_ONLY_LOCK_WAIT_S = 2;
/** The server asks its source, our endpoint on loopback, for a heartbeat so often. */
const HEARTBEAT_PERIOD_S = 2;

const READING = `SELECT @@global.gtid_binlog_pos AS gtidBinlogPos, @@global.gtid_slave_pos AS gtidSlavePos,
  @@global.read_only AS readOnly, @@global.server_id AS serverId, @@global.sync_binlog AS syncBinlog,
  @@global.innodb_flush_log_at_trx_commit AS flushAtTrxCommit`;

export class MariadbControl {
  readonly #options: ControlOptions;
  readonly #modules: ControlModules;
  readonly #applied: AppliedWait;
  #session: Promise<Connection> | null = null;
  #writer: Promise<Connection> | null = null;

  constructor(options: ControlOptions, modules: ControlModules) {
    this.#options = options;
    this.#modules = modules;
    this.#applied = new AppliedWait({ connect: () => this.#connect(false) });
  }

  /** The server is gone: sessions on it are of no use. */
  serverDown(): void {
    for (const session of [this.#session, this.#writer]) {
      session?.then((connection) => connection.destroy()).catch(() => {});
    }
    this.#session = null;
    this.#writer = null;
    this.#applied.serverDown();
  }

  close(): void {
    this.serverDown();
  }

  async status(): Promise<ServerReading> {
    const [reading] = await this.#query(READING);
    const rows = await this.#query("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master%'");
    const semi = new Map(
      rows.map((row) => [String(row.Variable_name).slice(21).toLowerCase(), String(row.Value)]),
    );
    const number = (name: string) => Number(semi.get(name) ?? 0);
    return {
      gtidBinlogPos: String(reading?.gtidBinlogPos),
      gtidSlavePos: String(reading?.gtidSlavePos),
      readOnly: Number(reading?.readOnly) !== 0,
      serverId: Number(reading?.serverId),
      syncBinlog: Number(reading?.syncBinlog),
      flushAtTrxCommit: Number(reading?.flushAtTrxCommit),
      semiSync: {
        enabled: semi.get('status') === 'ON',
        clients: number('clients'),
        waitSessions: number('wait_sessions'),
        noTx: number('no_tx'),
      },
    };
  }

  /**
   * Opens a closed server for writes under the id of its epoch. Everything is read back.
   * @throws SkeinError OPEN_FAILED
   */
  async openAsPrimary(options: { serverId: number }): Promise<void> {
    const id = Math.trunc(options.serverId);
    await this.#query('STOP ALL SLAVES');
    await this.#query('RESET SLAVE ALL');
    await this.#query(`SET GLOBAL server_id = ${id}`);
    // A session keeps the id that it began with (SAFETY C10): none may live on but ours and the dump.
    this.#dropWriter();
    await this.#killSessions();
    await this.#query('SET GLOBAL read_only = 0');
    await this.#query('SET GLOBAL event_scheduler = ON');
    const [back] = await this.#query(
      'SELECT @@global.server_id AS serverId, @@global.read_only AS readOnly, @@global.event_scheduler AS events',
    );
    if (Number(back?.serverId) !== id || Number(back?.readOnly) !== 0 || back?.events !== 'ON') {
      throw new SkeinError(
        'OPEN_FAILED',
        `The server was opened, but reads back as ${JSON.stringify(back)}.`,
      );
    }
  }

  async #killSessions(): Promise<void> {
    const sessions = await this.#query(
      `SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command NOT IN ('Binlog Dump', 'Daemon')
        AND user NOT IN ('system user', 'event_scheduler')`,
    );
    for (const { id } of sessions) {
      await this.#query(`KILL ${Number(id)}`).catch((error: unknown) => {
        // It may have ended by itself in between.
        if ((error as { errno?: number }).errno !== 1094) throw error;
      });
    }
  }

  /**
   * Closes an open server in order: nothing is written afterwards.
   * @throws SkeinError COMMITS_WAITING (then only a kill is safe, SAFETY C1)
   */
  async closeForWrites(): Promise<void> {
    await this.#refuseWaiters();
    await this.#query(`SET SESSION lock_wait_timeout = ${READ_ONLY_LOCK_WAIT_S}`);
    try {
      await this.#query('SET GLOBAL read_only = 1');
    } catch (error) {
      throw new SkeinError('COMMITS_WAITING', 'The server can not be made read-only: a commit waits.', {
        cause: error,
      });
    }
    await this.#query('SET GLOBAL event_scheduler = OFF');
    await this.#refuseWaiters();
  }

  async #refuseWaiters(): Promise<void> {
    const { semiSync } = await this.status();
    if (semiSync.waitSessions === 0) return;
    throw new SkeinError('COMMITS_WAITING', `${semiSync.waitSessions} commit(s) wait for their quorum.`);
  }

  /** Makes the server follow our endpoint. Its relay logs are thrown away; the spool has what they held. */
  async followEndpoint(options: {
    host: string;
    port: number;
    user: string;
    password: string;
  }): Promise<void> {
    const connection = await this.#sessionNow();
    await this.#query('STOP SLAVE');
    const text = connection.escape.bind(connection);
    await this.#query(
      `CHANGE MASTER TO MASTER_HOST=${text(options.host)}, MASTER_PORT=${Math.trunc(options.port)}, MASTER_USER=${text(options.user)},
        MASTER_PASSWORD=${text(options.password)}, MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1,
        MASTER_HEARTBEAT_PERIOD=${HEARTBEAT_PERIOD_S}, MASTER_SSL=0`,
    );
    await this.#query('START SLAVE');
  }

  async startReplica(): Promise<void> {
    await this.#query('START SLAVE');
  }

  async stopReplica(): Promise<void> {
    await this.#query('STOP SLAVE');
  }

  /** Null when the server follows nobody. */
  async replicaStatus(): Promise<ReplicaThreads | null> {
    const [row] = await this.#query('SHOW SLAVE STATUS');
    if (!row) return null;
    return {
      // 'Connecting' and 'Preparing' are alive too: the endpoint may be about to start.
      ioRunning: row.Slave_IO_Running !== 'No',
      sqlRunning: row.Slave_SQL_Running !== 'No',
      lastIoErrno: Number(row.Last_IO_Errno),
      lastIoError: String(row.Last_IO_Error),
      lastSqlErrno: Number(row.Last_SQL_Errno),
      lastSqlError: String(row.Last_SQL_Error),
    };
  }

  /** Resolves true once the server has applied `gtid`, false when the time is over. */
  waitApplied(gtid: string, timeoutMs: number): Promise<boolean> {
    return this.#applied.wait(gtid, timeoutMs);
  }

  /** One statement that is written to the binary log, so that it reaches all nodes. Only on an open primary. */
  async executeOnPrimary(sql: string, params: readonly (string | number | null)[]): Promise<RowDataPacket[]> {
    this.#writer ??= this.#connect(true);
    const writer = this.#writer;
    try {
      const connection = await writer;
      // No deadline: it may wait for the quorum, and a commit that waits is never given up here.
      const [rows] = await connection.execute<RowDataPacket[]>(sql, [...params]);
      return Array.isArray(rows) ? rows : [];
    } catch (error) {
      if (this.#writer === writer && isFatal(error)) this.#dropWriter();
      throw error;
    }
  }

  #dropWriter(): void {
    this.#writer?.then((connection) => connection.destroy()).catch(() => {});
    this.#writer = null;
  }

  async #query(sql: string): Promise<RowDataPacket[]> {
    const session = this.#sessionNow();
    try {
      const connection = await session;
      const [rows] = await withDeadline(
        connection.query<RowDataPacket[]>(sql),
        QUERY_DEADLINE_MS,
        `The server's answer to "${sql.slice(0, 40)}"`,
      );
      return Array.isArray(rows) ? rows : [];
    } catch (error) {
      if (isFatal(error)) await this.#dropSession(session);
      throw error;
    }
  }

  #sessionNow(): Promise<Connection> {
    this.#session ??= this.#connect(false);
    return this.#session;
  }

  async #dropSession(session: Promise<Connection>): Promise<void> {
    if (this.#session === session) this.#session = null;
    await session.then((connection) => connection.destroy()).catch(() => {});
  }

  async #connect(logged: boolean): Promise<Connection> {
    const socketPath = this.#modules.socketPath();
    if (socketPath === null) throw new SkeinError('SERVER_DOWN', 'The local server is down.');
    const connection = await createConnection({
      socketPath,
      user: ACCOUNT,
      password: this.#options.password,
      connectTimeout: CONNECT_TIMEOUT_MS,
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
    });
    // Without a listener an error between two queries would end the process; the next query finds out.
    connection.on('error', () => {});
    if (!logged) await connection.query('SET SESSION sql_log_bin = 0');
    return connection;
  }
}

/** The session is of no use any more: a network error, a time-out of ours, or the server's word. */
function isFatal(error: unknown): boolean {
  const { errno, fatal } = error as { errno?: number; fatal?: boolean };
  return fatal === true || typeof errno !== 'number' || errno < 0;
}
