import type { Definitions } from '../model/definitions.js';
import type { SchemaLook, TableName } from '../mysql-control/schema-look.js';
import type { UnreadableTable } from '../mysql-control/unreadable-tables.js';
import type { TableCollations } from '../promise/charset-risk.js';
import type { LoggedGroup } from '../source/logged-group.js';
import type { SqlSession } from '../verify/sql-session.js';
import type { DdlNote } from './replica/ddl-note.js';

/** What the roles need of the local server: SQL control and the last resort. Implemented by mysql-control. */

export interface LocalServerUp {
  readonly pid: number;
  readonly adopted: boolean;
  /** Whether the server before it may have died, instead of ending in order. */
  readonly crashed: boolean;
  readonly serverId: number;
  readonly port: number;
  readonly socketPath: string;
  readonly version: string;
}

export interface ServerReading {
  /** GTID positions as text. */
  readonly gtidBinlogPos: string;
  readonly gtidSlavePos: string;
  readonly readOnly: boolean;
  readonly serverId: number;
  readonly semiSync: {
    readonly enabled: boolean;
    readonly clients: number;
    readonly waitSessions: number;
    /** Commits that were answered without an acknowledgement, since the server's start. */
    readonly noTx: number;
  };
  readonly syncBinlog: number;
  readonly flushAtTrxCommit: number;
  /** Whether gatherCommits is on; null = somebody else decides about it. */
  readonly commitsGather: boolean | null;
}

/** One of the server's own threads that executes a transaction. */
export interface ApplierWorker {
  readonly id: number;
  /** As SHOW PROCESSLIST names it. */
  readonly state: string;
  readonly statement: string;
  /** Waits for a row lock of another transaction. */
  readonly waitsForLock: boolean;
}

export interface ReplicaThreads {
  readonly ioRunning: boolean;
  readonly sqlRunning: boolean;
  readonly lastIoErrno: number;
  readonly lastIoError: string;
  readonly lastSqlErrno: number;
  readonly lastSqlError: string;
}

export interface LocalControl {
  status(): Promise<ServerReading>;
  /** A commit is answered only when our dump has acknowledged it. */
  waitForAcknowledgements(): Promise<void>;
  /** After a crash while the log was begun anew: finishes that; says whether it was so. Only while it follows nobody. */
  finishLogReset(): Promise<boolean>;
  /** After a crash in the middle of DDL; says what was done, null = nothing. */
  settleRecovery(options: {
    noted: DdlNote | null;
    nameOf(ordinal: number): string | null;
    /** Whether this transaction of the cluster is DDL; null = the node does not have it. */
    isDdl(ordinal: number): Promise<boolean | null>;
  }): Promise<string | null>;
  /** Differs before and after DDL of which the server's log does not tell whether it was executed. */
  ddlTraces(): Promise<string>;
  /** What it has beside rows. */
  definitions(): Promise<Definitions>;
  /** Tables that it lists and cannot open; of these only, or of all. */
  unreadableTables(among: readonly TableName[] | null): Promise<UnreadableTable[]>;
  /** Checksums of the named time zones that it knows: the same on servers with the same zones. */
  timeZoneSums(): Promise<string>;
  /** Tables that endanger the promise. */
  lookAtSchema(): Promise<SchemaLook>;
  /** Character sets of a table as it is here; null when there is none. */
  collationsOf(table: TableName): Promise<TableCollations | null>;
  /** The engine's number of a table, which a renamed one keeps; null when there is none. */
  tableIdOf(table: TableName): Promise<number | null>;
  /** Replicas have renamed `from` to `to`, and this server has not: they take it back. Only on an open primary. */
  renameBack(from: TableName, to: TableName): Promise<void>;
  /** Makes a table one of InnoDB, on all nodes; waits for the quorum. Only on an open primary. */
  convertToInnodb(table: TableName): Promise<void>;
  /** The engine numbers tables and partitions as it makes them: the highest now. */
  tableIdMax(): Promise<number>;
  /** Those that it made after that one, as it names them. */
  madeSince(tableId: number): Promise<ReadonlySet<string>>;
  /** Its clock, as text. */
  now(): Promise<string>;
  /** Which of these tables had DDL since then, as `schema/name`. */
  changedSince(
    time: string,
    tables: readonly { readonly schema: string; readonly name: string }[],
  ): Promise<ReadonlySet<string>>;
  /** Past the log, or logged under this id. Takes as long as it takes, but for locks of others. Only on a closed server. */
  execute(sql: string, logged: { serverId?: number }): Promise<void>;
  /** Ends the clients' sessions, and with them their transactions and locks. */
  closeSessions(): Promise<void>;
  /** The GTID after which the oldest file of the log begins; '' = it is the first of all. */
  logBegin(): Promise<string>;
  /** XA branches that the engine has prepared, as SQL names them. */
  preparedBranches(): Promise<string[]>;
  /** No branch is prepared, and no statement of XA is running. */
  isFreeOfXa(): Promise<boolean>;
  /** Only in the engine, past the log. */
  finishBranch(branch: string, how: 'commit' | 'rollback'): Promise<void>;
  /** Prepares an empty branch, past the log, so that its end can be logged. Only on a closed server. */
  prepareStandIn(branch: string): Promise<void>;
  /** Rolls a prepared branch back, and logs it under this id. Only on a closed server. */
  logRollback(branch: string, serverId: number): Promise<void>;
  /** Prepares a branch as it is in the log, past the log. Only on a server that follows nobody. */
  prepareAgain(branch: string, group: LoggedGroup): Promise<void>;
  openAsPrimary(options: { serverId: number }): Promise<void>;
  /** Nothing is written afterwards. @throws SkeinError COMMITS_WAITING (then only a kill is safe, rule C1) */
  closeForWrites(): Promise<void>;
  /** Takes that back, on a server that is still the open primary's. */
  writeAgain(): Promise<void>;
  /**
   * Makes a primary's server that is closed, and whose commits are all acknowledged, one that may follow: under this id,
   * at this GTID. Everything is read back. @throws SkeinError COMMITS_WAITING, SESSIONS_REMAIN, CLOSE_FAILED
   */
  becomeReplica(options: { serverId: number; position: string }): Promise<void>;
  /** A replica's server follows nobody any more, and has forgotten whom it followed. */
  stopFollowing(): Promise<void>;
  followEndpoint(options: {
    host: string;
    port: number;
    user: string;
    password: string;
    /** Parallel workers; 0 = one transaction after the other. */
    workers: number;
  }): Promise<void>;
  replicaStatus(): Promise<ReplicaThreads | null>;
  /** What the server's applying threads do now. */
  applierWorkers(): Promise<ApplierWorker[]>;
  /** Clients with a transaction or a statement that is open for at least so long. */
  longReaders(seconds: number): Promise<{ id: number; user: string; seconds: number }[]>;
  endSession(id: number): Promise<void>;
  /** With so many parallel workers; 0 = one transaction after the other. @throws when it does not stop in time */
  restartApplier(workers: number, stopDeadlineMs: number): Promise<void>;
  startReplica(): Promise<void>;
  /** On a replica: its parallel workers commit together, each waits for others for some milliseconds at most. */
  gatherCommits(on: boolean): Promise<void>;
  waitApplied(gtid: string, timeoutMs: number): Promise<boolean>;
  /** A session of its own, whose statements are not logged. */
  session(): Promise<SqlSession>;
}
