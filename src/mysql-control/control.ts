import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { Definitions } from '../model/definitions.js';
import { SkeinError } from '../model/error.js';
import { rowStatements } from '../mysql-protocol/events.js';
import { parseMariadbGtid, xaBranch } from '../mysql-protocol/mariadb-gtid.js';
import type { TableCollations } from '../promise/charset-risk.js';
import type { Logger } from '../std/logger.js';
import { sleep, withDeadline } from '../std/timing.js';
import { changedLogins, LOGINS_QUERY } from './account-logins.js';
import { accountPassword, accountStatements, writerStatements } from './accounts.js';
import { AppliedWait } from './applied-wait.js';
import {
  applierWorkers,
  longReaders,
  type ReaderRow,
  restartApplier,
  type WorkerRow,
} from './applier-sessions.js';
import { RECOVERY_SERVER_ID, settleRecovery } from './ddl-recovery.js';
import { type DdlDoubt, TRACE_QUERIES, tracesOf } from './ddl-traces.js';
import { readDefinitions } from './definitions.js';
import { openLocalSession } from './local-session.js';
import { roleStatements } from './role-settings.js';
import { RUNNING_STATEMENTS, type RunningStatement, runningStatement } from './running-statements.js';
import {
  collationsOf,
  conversionStatements,
  lookAtSchema,
  renameBackStatement,
  type SchemaLook,
  type TableName,
  tableIdOf,
} from './schema-look.js';
import { TIME_ZONE_SUMS } from './time-zones.js';
import { UserAccounts } from './user-accounts.js';

/**
 * SQL control of the local MariaDB server through its unix socket as `skein@localhost`. Nothing that is done here is
 * written to the binary log, but for executeOnPrimary, logRollback, and execute where told so. It decides nothing; roles and order are the caller's.
 */
export interface ControlOptions {
  /** Of the cluster: all accounts' passwords follow from it. */
  secret: Buffer;
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
  commitsGather: boolean | null;
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
const ER_NO_SUCH_THREAD = 1094;
const ER_NO_SUCH_QUERY = 1957;
const ER_LOCK_WAIT_TIMEOUT = 1205;
/** A question about the server's state is answered in a millisecond; a server that needs so long hangs. */
const QUERY_DEADLINE_MS = 10_000;
/** What is executed past the clients waits so long for their locks: it is tried again. */
const LOCK_WAIT_S = 5;
/** Of each question about all that is defined: the server opens every table for it. */
const DEFINITIONS_DEADLINE_MS = 60_000;
/** SET read_only waits for commits (rule C1); it must not wait behind one that waits for the quorum. */
const READ_ONLY_LOCK_WAIT_S = 2;
/** A session that is told to end is gone in a moment; one that is not must not write under an open server (rule C10). */
const SESSIONS_GONE_MS = 5_000;
const SESSIONS_POLL_MS = 10;
/** The server asks its source, our endpoint on loopback, for a heartbeat so often. */
const HEARTBEAT_PERIOD_S = 2;

/** So many starts in a row are looked at that each died before it could be settled. */
const RECOVERED_FILES_MAX = 10;

/** Exists only while the end of a lost XA branch is being logged. */
const STAND_IN = 'mysql.skein_xa_stand_in';

const READING = `SELECT @@global.gtid_binlog_pos AS gtidBinlogPos, @@global.gtid_slave_pos AS gtidSlavePos,
  @@global.read_only AS readOnly, @@global.server_id AS serverId, @@global.sync_binlog AS syncBinlog,
  @@global.innodb_flush_log_at_trx_commit AS flushAtTrxCommit, @@global.binlog_commit_wait_count AS gatheredCommits,
  @@global.binlog_commit_wait_usec AS gatheringUs`;

/** How long a replica's commit waits for others at most: an uneven time, which tells ours from an operator's own. */
const GATHERING_US = 4_999;

/** What an open primary has to say of itself besides its id; a session with SUPER could have changed it. */
const OPEN_STATE: Readonly<Record<string, string>> = {
  read_only: '0',
  event_scheduler: 'ON',
  sync_binlog: '1',
  innodb_flush_log_at_trx_commit: '1',
  binlog_format: 'ROW',
  gtid_domain_id: '0',
  gtid_strict_mode: '1',
  log_slave_updates: '1',
};

export class MariadbControl {
  readonly #options: ControlOptions;
  readonly #modules: ControlModules;
  readonly #applied: AppliedWait;
  /** Accounts of applications. */
  readonly users: UserAccounts;
  #session: Promise<Connection> | null = null;
  #writer: Promise<Connection> | null = null;

  constructor(options: ControlOptions, modules: ControlModules) {
    this.#options = options;
    this.#modules = modules;
    this.#applied = new AppliedWait({ connect: () => this.#connect(false) });
    this.users = new UserAccounts(options, { query: (sql) => this.#query(sql) });
  }

  /** The server is gone: sessions on it are of no use. */
  serverDown(): void {
    for (const session of [this.#session, this.#writer]) {
      session?.then((connection) => connection.destroy()).catch(() => {});
    }
    this.#session = null;
    this.#writer = null;
    this.#applied.serverDown();
    this.users.forget();
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
      commitsGather: commitsGather(Number(reading?.gatheredCommits), Number(reading?.gatheringUs)),
      semiSync: {
        enabled: semi.get('status') === 'ON',
        clients: number('clients'),
        waitSessions: number('wait_sessions'),
        noTx: number('no_tx'),
      },
    };
  }

  /**
   * From here on commits wait for the acknowledgement of our dump. Only on a closed server. Not from its start on: a DDL
   * that the server finishes then would wait for a dump that nobody can begin yet, for ever (seen on 10.11).
   * @throws SkeinError OPEN_FAILED
   */
  async waitForAcknowledgements(): Promise<void> {
    await this.#query('SET GLOBAL rpl_semi_sync_master_enabled = 1');
    const { semiSync } = await this.status();
    if (semiSync.enabled) return;
    throw new SkeinError('OPEN_FAILED', 'Semi-synchronous replication does not switch on.');
  }

  /**
   * Brings a replica's server that follows nobody since its start level with itself after a crash in the middle of DDL.
   * Returns what was done, for people; null when nothing was needed.
   */
  async settleRecovery(options: {
    noted: { ordinal: number; doubt: DdlDoubt; traces: string } | null;
    nameOf(ordinal: number): string | null;
    isDdl(ordinal: number): Promise<boolean | null>;
  }): Promise<string | null> {
    // It follows already (its node alone was restarted): it stands where it says.
    if ((await this.replicaStatus()) !== null) return null;
    const { gtidBinlogPos: binlogPos, gtidSlavePos: slavePos } = await this.status();
    const { noted, nameOf, isDdl } = options;
    const written = await this.#writtenByRecovery(binlogPos);
    const logged = written.logBefore === '' ? 0 : parseMariadbGtid(lastGtid(written.logBefore)).sequence;
    const { position, beginLogAnew } = settleRecovery({
      binlogPos,
      slavePos,
      ...written,
      nextIsDdl: written.recovered.length === 0 ? null : await isDdl(logged + 1),
      noted: noted && { ...noted, happened: noted.traces !== (await this.ddlTraces()) },
      nameOf,
    });
    // In this order: what is interrupted between the two is recognised at the next start.
    if (position !== null) await this.#query(`SET GLOBAL gtid_slave_pos = '${position}'`);
    if (beginLogAnew) await this.#beginLogAnew(position ?? slavePos);
    if (position === null && !beginLogAnew) return null;
    return (
      `The server died in the middle of DDL or XA: its log stood at ${binlogPos || 'nothing'}, its position at ` +
      `${slavePos || 'nothing'}. ${position === null ? 'What comes next is executed again.' : `${position} counts as executed.`}`
    );
  }

  /**
   * A server that died while its log was begun anew (RESET MASTER removes the files one by one, the oldest first) lists
   * files that are gone, or does not know after which the log begins. All else was settled before that: it is begun anew.
   * Returns whether that was so. Only on a replica's server that follows nobody.
   */
  async finishLogReset(): Promise<boolean> {
    const { gtidBinlogPos, gtidSlavePos } = await this.status();
    const [oldest] = await this.#query('SHOW BINARY LOGS');
    const isGone = Number(oldest?.File_size) === 0;
    if (!isGone && (gtidBinlogPos !== '' || gtidSlavePos === '')) return false;
    await this.#beginLogAnew(gtidSlavePos);
    return true;
  }

  async #beginLogAnew(after: string): Promise<void> {
    await this.#query('RESET MASTER');
    // So that it is known after which the log begins.
    if (after !== '') await this.#query(`SET GLOBAL gtid_binlog_state = '${after}'`);
  }

  /** What tells afterwards whether DDL happened that the log does not tell of; see ddl-traces.ts. */
  async ddlTraces(): Promise<string> {
    const answers: unknown[] = [];
    for (const sql of TRACE_QUERIES) answers.push(await this.#query(sql));
    return tracesOf(answers);
  }

  /** What the server has beside rows. Fails when a table's definition is locked for long: by DDL that is under way. */
  async definitions(): Promise<Definitions> {
    // In a session of its own: questions about the server's state must not wait behind such a lock.
    const connection = await this.#connect(false);
    try {
      await connection.query(`SET SESSION lock_wait_timeout = ${LOCK_WAIT_S}`);
      return await readDefinitions(async (sql) => {
        const query = connection.query<RowDataPacket[]>(sql);
        const [rows] = await withDeadline(query, DEFINITIONS_DEADLINE_MS, 'The list of what is defined');
        return rows;
      });
    } finally {
      connection.destroy();
    }
  }

  /** Checksums of the named time zones that the server knows: the same on servers with the same zones. */
  async timeZoneSums(): Promise<string> {
    const rows = await this.#query(TIME_ZONE_SUMS);
    return rows.map(({ Checksum }) => String(Checksum)).join('-');
  }

  /** Tables that endanger the promise. */
  lookAtSchema(): Promise<SchemaLook> {
    return lookAtSchema((sql) => this.#query(sql, DEFINITIONS_DEADLINE_MS));
  }

  /** Null when there is no such table. */
  collationsOf(table: TableName): Promise<TableCollations | null> {
    return collationsOf((sql) => this.#query(sql), table);
  }

  /** The engine's number of a table; null when there is none. */
  tableIdOf(table: TableName): Promise<number | null> {
    return tableIdOf((sql) => this.#query(sql), table);
  }

  /** Replicas have renamed `from` to `to`, and this server has not. Only on an open primary; waits for the quorum. */
  async renameBack(from: TableName, to: TableName): Promise<void> {
    const connection = await this.#connect(true);
    try {
      await connection.query(`SET SESSION lock_wait_timeout = ${LOCK_WAIT_S}`);
      await connection.query(renameBackStatement(from, to));
    } finally {
      connection.destroy();
    }
  }

  /** Makes a table one of InnoDB, on all nodes. Takes as long as it takes, and waits for the quorum. Only on an open primary. */
  async convertToInnodb(table: TableName): Promise<void> {
    const connection = await this.#connect(true);
    const [required] = await this.#query('SELECT @@global.innodb_force_primary_key AS isOn');
    const isOn = Number(required?.isOn) === 1;
    try {
      // A table of another engine gets past that check, and must not be kept from becoming safe by it.
      if (isOn) await this.requirePrimaryKeys(false);
      for (const sql of conversionStatements(table, LOCK_WAIT_S)) await connection.query(sql);
    } finally {
      connection.destroy();
      if (isOn) await this.requirePrimaryKeys(true);
    }
  }

  /** Whether the server refuses to make a table without a usable primary key (error 1173). Only on an open primary. */
  async requirePrimaryKeys(on: boolean): Promise<void> {
    await this.#query(`SET GLOBAL innodb_force_primary_key = ${on ? 'ON' : 'OFF'}`);
  }

  /** The engine numbers tables and partitions as it makes them: the highest number now. */
  async tableIdMax(): Promise<number> {
    const [row] = await this.#query('SELECT MAX(table_id) AS id FROM information_schema.innodb_sys_tables');
    return Number(row?.id ?? 0);
  }

  /** Tables and partitions that it made after that one, as it names them. */
  async madeSince(tableId: number): Promise<ReadonlySet<string>> {
    const rows = await this.#query(
      `SELECT name FROM information_schema.innodb_sys_tables WHERE table_id > ${Math.trunc(tableId)}`,
    );
    return new Set(rows.map(({ name }) => String(name)));
  }

  async now(): Promise<string> {
    const [row] = await this.#query('SELECT NOW() AS now');
    return String(row?.now);
  }

  /** Which of these tables had DDL since then, as `schema/name`: it writes their definition's file anew. */
  async changedSince(
    time: string,
    tables: readonly { readonly schema: string; readonly name: string }[],
  ): Promise<ReadonlySet<string>> {
    const connection = await this.#sessionNow();
    const text = connection.escape.bind(connection);
    const changed = new Set<string>();
    for (const { schema, name } of tables) {
      const found = await this.#query(
        `SELECT 1 FROM information_schema.tables WHERE table_schema = ${text(schema)} AND table_name = ${text(name)} AND create_time >= ${text(time)}`,
      );
      if (found.length > 0) changed.add(`${schema}/${name}`);
    }
    return changed;
  }

  /** Past the log, or logged under this id. Takes as long as it takes. Only on a closed server. */
  async execute(sql: string, { serverId }: { serverId?: number } = {}): Promise<void> {
    const connection = await this.#connect(serverId !== undefined);
    try {
      if (serverId !== undefined) await connection.query(`SET SESSION server_id = ${Math.trunc(serverId)}`);
      await connection.query(
        `SET SESSION lock_wait_timeout = ${LOCK_WAIT_S}, innodb_lock_wait_timeout = ${LOCK_WAIT_S}, innodb_strict_mode = OFF`,
      );
      await connection.query(sql);
    } finally {
      connection.destroy();
    }
  }

  /**
   * The server begins a new log file at each start, and its recovery writes first. More than one file when it died again
   * before it was settled.
   */
  async #writtenByRecovery(binlogPos: string): Promise<{ logBefore: string; recovered: string[] }> {
    const recovered: string[] = [];
    let logBefore = binlogPos;
    if (!isOfRecovery(binlogPos)) return { logBefore, recovered };
    const files = await this.#query('SHOW BINARY LOGS');
    for (const file of files.reverse().slice(0, RECOVERED_FILES_MAX)) {
      const events = await this.#query(`SHOW BINLOG EVENTS IN '${String(file.Log_name)}' LIMIT 100`);
      const statements = events.filter((event) => event.Event_type === 'Query');
      recovered.unshift(...statements.map((event) => String(event.Info)));
      const list = events.find((event) => event.Event_type === 'Gtid_list');
      logBefore = lastGtid(String(list?.Info ?? ''));
      if (!isOfRecovery(logBefore)) break;
    }
    return { logBefore, recovered };
  }

  /** The GTID after which the oldest file of the log begins; '' = it is the first of all. */
  async logBegin(): Promise<string> {
    const [oldest] = await this.#query('SHOW BINARY LOGS');
    const events = await this.#query(`SHOW BINLOG EVENTS IN '${oldest?.Log_name}' LIMIT 5`);
    const list = events.find(({ Event_type: type }) => type === 'Gtid_list');
    return lastGtid(String(list?.Info ?? ''));
  }

  async preparedBranches(): Promise<string[]> {
    const connection = await this.#sessionNow();
    const query = connection.query<RowDataPacket[]>({
      sql: 'XA RECOVER',
      // A branch's name is bytes, not text.
      typeCast: (field, next) => (field.name === 'data' ? field.buffer() : next()),
    });
    const [rows] = await withDeadline(query, QUERY_DEADLINE_MS, 'The server\'s answer to "XA RECOVER"');
    return rows.map((row) => {
      const data = row.data as Buffer;
      const size = Number(row.gtrid_length);
      return xaBranch(Number(row.formatID), data.subarray(0, size), data.subarray(size));
    });
  }

  async isFreeOfXa(): Promise<boolean> {
    const running = await this.#query(
      "SELECT id FROM information_schema.processlist WHERE info LIKE '%XA%' AND id <> CONNECTION_ID()",
    );
    return running.length === 0 && (await this.preparedBranches()).length === 0;
  }

  async finishBranch(branch: string, how: 'commit' | 'rollback'): Promise<void> {
    await this.#query(`XA ${how === 'commit' ? 'COMMIT' : 'ROLLBACK'} ${branch}`);
  }

  /** It has to change a row: the server forgets a branch without one (seen on 10.11). */
  async prepareStandIn(branch: string): Promise<void> {
    await this.#query(`CREATE TABLE IF NOT EXISTS ${STAND_IN} (id INT) ENGINE=InnoDB`);
    await this.#asOther(false, [
      `XA START ${branch}`,
      `INSERT INTO ${STAND_IN} VALUES (1)`,
      `XA END ${branch}`,
      `XA PREPARE ${branch}`,
    ]);
  }

  /**
   * Prepares a branch with the changes that a group of the log made: its row events, as BINLOG takes them. Only on a server
   * that follows nobody.
   */
  async prepareAgain(
    branch: string,
    { format, events }: { format: Buffer; events: readonly Buffer[] },
  ): Promise<void> {
    await this.#asOther(
      false,
      [
        `BINLOG '${format.toString('base64')}'`,
        `XA START ${branch}`,
        ...rowStatements(events).map(
          (rows) => `BINLOG '${rows.map((event) => event.toString('base64')).join('\n')}'`,
        ),
        `XA END ${branch}`,
        `XA PREPARE ${branch}`,
      ],
      null,
    );
  }

  /** From a session of its own: within the one that prepared it, the log can not be switched on again. */
  async logRollback(branch: string, serverId: number): Promise<void> {
    // An adopted server may wait for acknowledgements already, which nobody gives yet; opening switches that on again.
    await this.#refuseWaiters();
    await this.#query('SET GLOBAL rpl_semi_sync_master_enabled = 0');
    await this.#asOther(true, [`SET SESSION server_id = ${Math.trunc(serverId)}`, `XA ROLLBACK ${branch}`]);
    await this.#query(`DROP TABLE IF EXISTS ${STAND_IN}`);
  }

  /** In a session that has ended when this resolves. */
  async #asOther(
    logged: boolean,
    statements: readonly string[],
    deadlineMs: number | null = QUERY_DEADLINE_MS,
  ): Promise<void> {
    const other = await this.#connect(logged);
    try {
      for (const sql of statements)
        await (deadlineMs === null
          ? other.query(sql)
          : withDeadline(other.query(sql), deadlineMs, `The server's answer to "${sql.slice(0, 40)}"`));
    } finally {
      const id = other.threadId;
      other.destroy();
      const deadline = performance.now() + SESSIONS_GONE_MS;
      while ((await this.#otherSessions()).includes(id) && performance.now() < deadline)
        await sleep(SESSIONS_POLL_MS);
    }
  }

  /**
   * Opens a closed server for writes under the id of its epoch. Everything is read back.
   * @throws SkeinError COMMITS_WAITING, SESSIONS_REMAIN, OPEN_FAILED
   */
  async openAsPrimary(options: { serverId: number }): Promise<void> {
    const id = Math.trunc(options.serverId);
    // Ending a session whose commit waits would let the commit go as if it were acknowledged (rule C1).
    await this.#refuseWaiters();
    await this.#query('STOP ALL SLAVES');
    await this.#query('RESET SLAVE ALL');
    await this.#query(`SET GLOBAL server_id = ${id}`);
    for (const sql of roleStatements('serving')) await this.#query(sql);
    // A session keeps the id that it began with (rule C10): none may live on but ours and the dump.
    this.#dropWriter();
    await this.closeSessions();
    for (const sql of writerStatements(true)) await this.#query(sql);
    await this.users.whileOpening(async () => {
      await this.#query('SET GLOBAL event_scheduler = ON');
      await this.#query('SET GLOBAL read_only = 0');
    });
    const differences = await this.#differences({ ...OPEN_STATE, server_id: String(id) });
    if (differences.length === 0) return;
    await this.#query('SET GLOBAL read_only = 1').catch(() => {});
    throw new SkeinError('OPEN_FAILED', `The server was not opened as primary: ${differences.join(', ')}.`, {
      data: { differences },
    });
  }

  /**
   * Ends every session but ours, those for dumps (they write nothing) and the server's own, and waits until they are gone.
   * Dumps are known by their account too: one that is just being dialled is no "Binlog Dump" yet. Seen once on MariaDB
   * 10.11: a semi-sync dump ended in the moment of the opening, one session never did, and no later dump began.
   */
  async closeSessions(): Promise<void> {
    const deadline = performance.now() + SESSIONS_GONE_MS;
    const old = await this.#otherSessions();
    for (const id of old) {
      await this.endSession(id);
    }
    for (;;) {
      // Those that dialled since were born under the new id, and may stay.
      const left = new Set(await this.#otherSessions());
      const remaining = old.filter((id) => left.has(id)).length;
      if (remaining === 0) return;
      if (performance.now() > deadline) {
        throw new SkeinError(
          'SESSIONS_REMAIN',
          `${remaining} session(s) did not end when they were told to.`,
        );
      }
      await sleep(SESSIONS_POLL_MS);
    }
  }

  async #otherSessions(): Promise<number[]> {
    const rows = await this.#query(
      `SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command NOT IN ('Binlog Dump', 'Daemon')
        AND user NOT IN ('system user', 'event_scheduler', 'skein_repl')`,
    );
    return rows.map(({ id }) => Number(id));
  }

  async #differences(wanted: Readonly<Record<string, string>>): Promise<string[]> {
    const names = Object.keys(wanted);
    const [row] = await this.#query(
      `SELECT ${names.map((name) => `@@global.${name} AS ${name}`).join(', ')}`,
    );
    return names
      .filter((name) => String(row?.[name]) !== wanted[name])
      .map((name) => `${name} is ${String(row?.[name])} instead of ${wanted[name]}`);
  }

  /**
   * Closes an open server in order: nothing is written afterwards.
   * @throws SkeinError COMMITS_WAITING (then only a kill is safe, rule C1)
   */
  async closeForWrites(): Promise<void> {
    await this.#refuseWaiters();
    await this.#query(`SET SESSION lock_wait_timeout = ${READ_ONLY_LOCK_WAIT_S}`);
    try {
      await this.#query('SET GLOBAL read_only = 1');
    } catch (error) {
      if ((error as { errno?: number }).errno !== ER_LOCK_WAIT_TIMEOUT) throw error;
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
    workers: number;
  }): Promise<void> {
    const connection = await this.#sessionNow();
    await this.#query('STOP SLAVE');
    await this.#query(`SET GLOBAL slave_parallel_threads = ${Math.trunc(options.workers)}`);
    const text = connection.escape.bind(connection);
    await this.#query(
      `CHANGE MASTER TO MASTER_HOST=${text(options.host)}, MASTER_PORT=${Math.trunc(options.port)}, MASTER_USER=${text(options.user)},
        MASTER_PASSWORD=${text(options.password)}, MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1,
        MASTER_HEARTBEAT_PERIOD=${HEARTBEAT_PERIOD_S}, MASTER_SSL=0`,
    );
    for (const sql of [...writerStatements(false), ...roleStatements('applying')]) await this.#query(sql);
    await this.users.level();
    await this.#query('START SLAVE');
  }

  /**
   * Gives the accounts back what they should be, rights included, without logging it: for an account that is missing, or
   * may not do what it must.
   */
  async repairAccounts(secret: Buffer): Promise<void> {
    const { readOnly } = await this.status();
    for (const sql of accountStatements(secret)) await this.#query(sql);
    for (const sql of writerStatements(!readOnly)) await this.#query(sql);
  }

  /** Puts right how the accounts log in, past the log; gives those that were otherwise. Sessions that are there go on. */
  async repairLogins(): Promise<string[]> {
    const { secret } = this.#options;
    const rows = await this.#query(LOGINS_QUERY);
    const changed = changedLogins(secret, rows);
    if (changed.some(({ account }) => !rows.some((row) => `'${row.user}'@'${row.host}'` === account))) {
      await this.repairAccounts(secret);
    } else {
      for (const { sql } of changed) await this.#query(sql);
    }
    return changed.map(({ account }) => account);
  }

  async startReplica(): Promise<void> {
    await this.#query('START SLAVE');
  }

  async gatherCommits(on: boolean): Promise<void> {
    await this.#query(`SET GLOBAL binlog_commit_wait_usec = ${GATHERING_US}`);
    // There can not be more than there are workers.
    await this.#query(
      `SET GLOBAL binlog_commit_wait_count = ${on ? '@@global.slave_parallel_threads' : '0'}`,
    );
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

  applierWorkers(): Promise<WorkerRow[]> {
    return applierWorkers((sql) => this.#query(sql));
  }

  longReaders(seconds: number): Promise<ReaderRow[]> {
    return longReaders((sql) => this.#query(sql), seconds);
  }

  async endSession(id: number): Promise<void> {
    await this.#query(`KILL ${id}`).catch((error: unknown) => {
      // It may have ended by itself in between.
      if ((error as { errno?: number }).errno !== ER_NO_SUCH_THREAD) throw error;
    });
  }

  /** In a session of its own: it may have to wait, and the server is looked at meanwhile. */
  async restartApplier(workers: number, stopDeadlineMs: number): Promise<void> {
    const connection = await this.#connect(false);
    try {
      await restartApplier(
        async (sql, deadlineMs = QUERY_DEADLINE_MS) => {
          const [rows] = await withDeadline(connection.query<RowDataPacket[]>(sql), deadlineMs, `"${sql}"`);
          return Array.isArray(rows) ? rows : [];
        },
        workers,
        stopDeadlineMs,
      );
    } finally {
      connection.destroy();
    }
  }

  /**
   * Sessions that commit: in the wait for the acknowledgement, or queueing for it. (Seen on 10.11: one that is killed
   * while it queues does not wait either.)
   */
  async committingSessions(): Promise<{ id: number; queryId: number }[]> {
    const rows = await this.#query(
      `SELECT id, query_id FROM information_schema.processlist
        WHERE state = 'Commit' OR state LIKE 'Waiting for semi-sync ACK%'`,
    );
    return rows.map((row) => ({ id: Number(row.id), queryId: Number(row.query_id) }));
  }

  /** Threads on which nobody has logged in yet; under TLS nobody else can tell. */
  async threadsBeforeLogin(): Promise<ReadonlySet<number>> {
    const rows = await this.#query(
      "SELECT id FROM information_schema.processlist WHERE user = 'unauthenticated user'",
    );
    return new Set(rows.map((row) => Number(row.id)));
  }

  async runningStatements(): Promise<RunningStatement[]> {
    return (await this.#query(RUNNING_STATEMENTS)).map(runningStatement);
  }

  /** Only for a statement that can not be committing (rule C1). Does nothing when it has ended. */
  async killQuery(queryId: number): Promise<void> {
    try {
      await this.#query(`KILL QUERY ID ${Math.trunc(queryId)}`);
    } catch (error) {
      const { errno } = error as { errno?: number };
      if (errno !== ER_NO_SUCH_THREAD && errno !== ER_NO_SUCH_QUERY) throw error;
    }
  }

  /** Resolves true once the server has applied `gtid`, false when the time is over. */
  waitApplied(gtid: string, timeoutMs: number): Promise<boolean> {
    return this.#applied.wait(gtid, timeoutMs);
  }

  /** The server reads its certificate anew; connections that are there keep theirs. */
  async reloadTls(): Promise<void> {
    await this.#query('FLUSH LOCAL SSL');
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

  async #query(sql: string, deadlineMs = QUERY_DEADLINE_MS): Promise<RowDataPacket[]> {
    const session = this.#sessionNow();
    try {
      const connection = await session;
      const [rows] = await withDeadline(
        connection.query<RowDataPacket[]>(sql),
        deadlineMs,
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
    const connection = await openLocalSession({
      socketPath,
      user: ACCOUNT,
      password: accountPassword(this.#options.secret, ACCOUNT),
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
      // mysql2 announces it unless told otherwise, and it would change the sql_mode of all that is created here.
      flags: ['-IGNORE_SPACE'],
    });
    // Without a listener an error between two queries would end the process; the next query finds out.
    connection.on('error', () => {});
    if (!logged) await connection.query('SET SESSION sql_log_bin = 0');
    return connection;
  }
}

/** Null: it is as an operator wants it. */
function commitsGather(count: number, waitUs: number): boolean | null {
  if (count === 0) return false;
  return waitUs === GATHERING_US ? true : null;
}

function isOfRecovery(gtid: string): boolean {
  return gtid.split('-')[1] === String(RECOVERY_SERVER_ID);
}

/** The session is of no use any more: a network error, a time-out of ours, or the server's word. */
function isFatal(error: unknown): boolean {
  const { errno, fatal } = error as { errno?: number; fatal?: boolean };
  return fatal === true || typeof errno !== 'number' || errno < 0;
}

/**
 * `[0-1-5,0-2-9]`, as SHOW BINLOG EVENTS tells a list -> `0-2-9`; '' when there is none. It has one for each server id that
 * has written, so one for each epoch; the cluster's history is one, so the highest is the last.
 */
function lastGtid(list: string): string {
  const all = list.match(/\d+-\d+-\d+/g) ?? [];
  const sequence = (gtid: string) => parseMariadbGtid(gtid).sequence;
  return all.reduce((last, gtid) => (last === '' || sequence(gtid) > sequence(last) ? gtid : last), '');
}
