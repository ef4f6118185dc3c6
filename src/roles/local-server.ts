import type { SchemaLook } from '../flavour/definitions.js';
import type { FormerPrimary, FormerPrimaryOutcome } from '../flavour/server-sql.js';
import type { Definitions } from '../model/definitions.js';
import type { TableName } from '../model/verify.js';
import type { TableCollations } from '../promise/charset-risk.js';
import type { SqlSession } from '../verify/sql-session.js';
import type { DdlNote } from './replica/ddl-note.js';

/** What the roles need of the local server. Implemented by mysql-control. */

export interface LocalServerUp {
  readonly pid: number;
  readonly adopted: boolean;
  /** Whether the previous run of the server may have crashed. */
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
    /** Commits since the server's start that were answered without an acknowledgement. */
    readonly noTx: number;
  };
  readonly syncBinlog: number;
  readonly flushAtTrxCommit: number;
  /** Whether batchCommits is on; null = an operator has set these variables. */
  readonly batchesCommits: boolean | null;
}

/** A thread of the server that applies transactions. */
export interface ApplierWorker {
  readonly id: number;
  /** State in SHOW PROCESSLIST. */
  readonly state: string;
  readonly statement: string;
  /** The worker waits for a row lock of another transaction. */
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
  /** From now on the server answers a commit only when Skein's dump has acknowledged it. */
  waitForAcknowledgements(): Promise<void>;
  /**
   * Finishes a reset of the log that a crash interrupted. Returns whether there was one. Only while the server does not
   * replicate.
   */
  finishLogReset(): Promise<boolean>;
  /** Recovers a server that crashed in the middle of DDL. Returns a description of the repair, null = nothing was done. */
  settleRecovery(options: {
    noted: DdlNote | null;
    nameOf(ordinal: number): string | null;
    /** Whether the transaction with this ordinal is DDL; null = the node does not have it. */
    isDdl(ordinal: number): Promise<boolean | null>;
  }): Promise<string | null>;
  /** Sets the replication position, and resets the log so that it begins after it. Only on a server that does not replicate. */
  resetLogAfter(gtid: string): Promise<void>;
  /** A text that differs before and after DDL on partitions. */
  partitionIds(): Promise<string>;
  /** Definitions of the server's objects: tables, views, routines, accounts and others. */
  definitions(): Promise<Definitions>;
  /** Names of tables that the server lists but cannot open; '' = none. */
  unreadableTables(): Promise<string>;
  /** Checksums of the server's named time zones. They are equal on servers with equal zones. */
  timeZoneSums(): Promise<string>;
  /** Tables and events that may break the promise. */
  lookAtSchema(): Promise<SchemaLook>;
  /** Character sets of a table on this server; null when the table does not exist. */
  collationsOf(table: TableName): Promise<TableCollations | null>;
  /** The engine's id of a table, which a RENAME keeps; null when the table does not exist. */
  tableIdOf(table: TableName): Promise<number | null>;
  /** Undoes a RENAME that the replicas have executed and this server has not. Only on an open primary. */
  renameBack(from: TableName, to: TableName): Promise<void>;
  /** Converts a table to InnoDB on all nodes, and waits for the quorum. Only on an open primary. */
  convertToInnodb(table: TableName): Promise<void>;
  /** The highest id that the engine has given to a table or partition. */
  tableIdMax(): Promise<number>;
  /** Tables and partitions with a higher id, by the engine's names. */
  madeSince(tableId: number): Promise<ReadonlySet<string>>;
  /** The server's clock, as text. */
  now(): Promise<string>;
  /** The tables among these that had DDL since that time, as `schema/name`. */
  changedSince(
    time: string,
    tables: readonly { readonly schema: string; readonly name: string }[],
  ): Promise<ReadonlySet<string>>;
  /**
   * Executes a statement without logging it, or logged with this server id. There is a limit only for waiting for locks. Only
   * on a closed server.
   */
  execute(sql: string, logged: { serverId?: number }): Promise<void>;
  /** Ends the clients' sessions, and with them their transactions and locks. */
  closeSessions(): Promise<void>;
  /** The GTID after which the oldest file of the log begins; '' = the file is the first of all. */
  logBegin(): Promise<string>;
  /** XA branches that are prepared in the engine, by their SQL names. */
  preparedBranches(): Promise<string[]>;
  /** Whether no branch is prepared and no XA statement is running. */
  isFreeOfXa(): Promise<boolean>;
  /** Ends a branch in the engine, without logging it. */
  finishBranch(branch: string, how: 'commit' | 'rollback'): Promise<void>;
  /** Prepares an empty branch without logging it, so that its end can be logged. Only on a closed server. */
  prepareStandIn(branch: string): Promise<void>;
  /** Rolls a prepared branch back, and logs that with this server id. Only on a closed server. */
  logRollback(branch: string, serverId: number): Promise<void>;
  openAsPrimary(options: { serverId: number }): Promise<void>;
  /** Makes the server refuse writes. @throws SkeinError COMMITS_WAITING (then only a kill is safe, rule C1) */
  closeForWrites(): Promise<void>;
  /** Allows writes again. Only on the server of a primary that is still open. */
  writeAgain(): Promise<void>;
  /**
   * Turns a closed primary's server, whose commits are all acknowledged, into a replica's server with this server id and this
   * GTID position. All settings are read back. @throws SkeinError COMMITS_WAITING, SESSIONS_REMAIN, CLOSE_FAILED
   */
  becomeReplica(options: { serverId: number; position: string }): Promise<void>;
  /** Makes a replica's server of one that died while it was open as the primary. See its function. */
  settleFormerPrimary(options: FormerPrimary): Promise<FormerPrimaryOutcome>;
  /** Ends replication on a replica's server, and removes its replication settings. */
  stopFollowing(): Promise<void>;
  followEndpoint(options: {
    host: string;
    port: number;
    user: string;
    password: string;
    /** Number of parallel workers; 0 = one transaction at a time. */
    workers: number;
  }): Promise<void>;
  replicaStatus(): Promise<ReplicaThreads | null>;
  /** The server's applier threads, with what each does now. */
  applierWorkers(): Promise<ApplierWorker[]>;
  /** Clients whose transaction or statement has been open for at least this time. */
  longReaders(seconds: number): Promise<{ id: number; user: string; seconds: number }[]>;
  endSession(id: number): Promise<void>;
  /** `workers`: number of parallel workers; 0 = one transaction at a time. @throws when the applier does not stop in time */
  restartApplier(workers: number, stopDeadlineMs: number): Promise<void>;
  startReplica(): Promise<void>;
  /** On a replica: makes the parallel workers commit together. Each waits some milliseconds at most for the others. */
  batchCommits(on: boolean): Promise<void>;
  waitApplied(ordinal: number, timeoutMs: number): Promise<boolean>;
  /** Opens a separate session, whose statements are not logged. */
  session(): Promise<SqlSession>;
}

/** Whether what this server has executed survives a power cut. */
export function isDurable({ syncBinlog, flushAtTrxCommit }: ServerReading): boolean {
  return syncBinlog === 1 && flushAtTrxCommit === 1;
}
