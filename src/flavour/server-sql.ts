import type { ClientStatement } from '../model/running-statement.js';
import type { TextRow } from '../mysql-client/connection.js';

/** Runs one statement. `deadlineMs`: null = no deadline. */
export type Query = (sql: string, deadlineMs?: number | null) => Promise<TextRow[]>;

/** A statement whose rows nobody has a type for. */
export type SqlRow = Readonly<Record<string, unknown>>;
export type SqlQuery = (sql: string) => Promise<readonly SqlRow[]>;

/** Rows of one statement in a session that belongs to another room. */
export type RowsOf = (sql: string) => Promise<Readonly<Record<string, string | null>>[]>;

/** A session of a client: it may have given columns other names, so rows have none. */
export interface ClientSession {
  query(sql: string): Promise<(string | null)[][]>;
  /** The one row of a statement. */
  ask(sql: string): Promise<(string | null)[]>;
}

export interface LastWritten {
  /** '' = the session has written none. */
  readonly gtid: string;
  /** The session's default database. */
  readonly database: string | null;
}

/** A place in the server's log: behind the last transaction that a snapshot shows. */
export interface SnapshotPlace {
  readonly file: string;
  readonly position: number;
}

/** The sessions with which a node controls its server. */
export interface ServerSessions {
  /** In the session for questions. It is not written to the binary log. */
  readonly query: Query;
  /** Like `query`, with each byte of a value as one character. */
  queryBytes(sql: string): Promise<TextRow[]>;
  /** In a session of its own, which is closed afterwards. `logged`: its changes are written to the binary log. */
  alone<T>(
    options: { logged?: boolean },
    use: (query: Query, session: { readonly threadId: number }) => Promise<T>,
  ): Promise<T>;
  /** Ends the session whose statements are logged. */
  dropWriter(): void;
}

/** The accounts of clients, while the server changes its role. */
export interface RoleAccounts {
  /** Statements after which the accounts that write may do so, or may not. */
  writers(mayWrite: boolean): readonly string[];
  whileOpening(open: () => Promise<void>): Promise<void>;
  reconcile(): Promise<unknown>;
}

export interface ServerReading {
  gtidBinlogPos: string;
  gtidSlavePos: string;
  readOnly: boolean;
  serverId: number;
  semiSync: { enabled: boolean; clients: number; waitSessions: number; noTx: number };
  syncBinlog: number;
  flushAtTrxCommit: number;
  batchesCommits: boolean | null;
}

export interface ReplicaThreads {
  ioRunning: boolean;
  sqlRunning: boolean;
  lastIoErrno: number;
  lastIoError: string;
  lastSqlErrno: number;
  lastSqlError: string;
}

export interface EndpointAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Parallel workers; 0 = one transaction after the other. */
  readonly workers: number;
}

export interface RecoveryOptions {
  /** The DDL of the last note, which was written before the server got the statement; `partitions`: see DdlNote. */
  readonly noted: { ordinal: number; partitions: string | null } | null;
  nameOf(ordinal: number): string | null;
  isDdl(ordinal: number): Promise<boolean | null>;
}

export interface FormerPrimary {
  /** A server id that was never used (see ManagedServer.newClosedId). */
  readonly serverId: number;
  /** The end of the server's log as its files have it, read after this start (source/log-end.ts). */
  readonly logEnd: { readonly gtid: string; readonly isTorn: boolean };
  /** The cluster's GTID for this ordinal; null beyond the end of this node's own log. */
  nameOf(ordinal: number): string | null;
}

export type FormerPrimaryOutcome =
  /** The server stands at this position, and may follow from there. */
  | { readonly kind: 'ready'; readonly position: string }
  /** The server has, or may have, what the cluster lacks. It needs another copy of the data. */
  | { readonly kind: 'seed'; readonly reason: string };

/** `unlogged`: the statement may be executed without being in the log. `lost`: it may be in the log without being executed. */
export type DdlDoubt = 'unlogged' | 'lost';

export interface WorkerRow {
  readonly id: number;
  readonly state: string;
  readonly statement: string;
  readonly waitsForLock: boolean;
}

export interface ReaderRow {
  readonly id: number;
  readonly user: string;
  /** Seconds since its transaction began; without a transaction, since its statement began. */
  readonly seconds: number;
}

/**
 * The statements with which a node controls its server: its role, its log, its recovery, its sessions. The functions of the
 * flavour say what each does.
 */
export interface ServerSql {
  /** Expressions for the positions that a server reports: the end of its log, and what it has applied. */
  readonly positions: { readonly logged: string; readonly applied: string };

  // Status.
  serverReading(query: Query): Promise<ServerReading>;
  replicaThreads(query: Query): Promise<ReplicaThreads | null>;

  // The log.
  logBegin(query: Query): Promise<string>;
  fileBegin(query: Query, file: string): Promise<string | null>;
  gtidAt(query: Query, place: { file: string; offset: number }): Promise<string>;
  beginAt(query: Query, gtid: string): Promise<void>;
  keepLogs(query: Query): Promise<boolean>;

  // Roles.
  waitForAcknowledgements(query: Query): Promise<void>;
  openAsPrimary(
    sessions: ServerSessions,
    accounts: RoleAccounts,
    options: { serverId: number },
  ): Promise<void>;
  closeForWrites(sessions: ServerSessions): Promise<void>;
  writeAgain(sessions: ServerSessions): Promise<void>;
  becomeReplica(sessions: ServerSessions, options: { serverId: number; position: string }): Promise<void>;
  followEndpoint(sessions: ServerSessions, accounts: RoleAccounts, endpoint: EndpointAddress): Promise<void>;
  stopFollowing(query: Query): Promise<void>;
  startReplica(query: Query): Promise<void>;
  batchCommits(query: Query, on: boolean): Promise<void>;
  restartApplier(query: Query, workers: number, stopDeadlineMs: number): Promise<void>;
  applierWorkers(query: Query): Promise<WorkerRow[]>;
  longReaders(query: Query, seconds: number): Promise<ReaderRow[]>;

  // After a crash.
  finishLogReset(query: Query): Promise<boolean>;
  recoverReplica(query: Query, options: RecoveryOptions): Promise<string | null>;
  settleFormerPrimary(sessions: ServerSessions, former: FormerPrimary): Promise<FormerPrimaryOutcome>;
  resetLogAfter(query: Query, gtid: string): Promise<void>;
  partitionIds(query: Query): Promise<string>;
  /** Why the node must write a note before the server gets this statement; null = it need not. */
  doubtOfDdl(statement: string): DdlDoubt | null;

  // XA.
  preparedBranches(sessions: ServerSessions): Promise<string[]>;
  isFreeOfXa(sessions: ServerSessions): Promise<boolean>;
  finishBranch(sessions: ServerSessions, branch: string, how: 'commit' | 'rollback'): Promise<void>;
  prepareStandIn(sessions: ServerSessions, branch: string): Promise<void>;
  logRollback(sessions: ServerSessions, branch: string, serverId: number): Promise<void>;

  // Sessions.
  closeSessions(query: Query): Promise<void>;
  endSession(query: Query, id: number): Promise<void>;
  killQuery(query: Query, queryId: number): Promise<void>;
  /** Of clients, by tokens and on the ports; the oldest first. */
  clientStatements(query: Query): Promise<ClientStatement[]>;
  committingSessions(query: Query): Promise<{ id: number; queryId: number }[]>;
  threadsBeforeLogin(query: Query): Promise<ReadonlySet<number>>;

  // In sessions of clients, and beside them.
  /** The transaction that a session has written last. In one question with its default database, which costs nothing more. */
  lastWritten(session: ClientSession): Promise<LastWritten>;
  /** Whether all of them are tables of the usual engine that hold their rows: no view, no sequence, nothing that is not there. */
  areOrdinaryTables(
    session: ClientSession,
    tables: readonly { readonly database: string; readonly table: string }[],
  ): Promise<boolean>;
  /** Ends a locking read that waits for nobody: see ServerErrors.isLockWait. */
  readonly sharedLockNoWait: string;
  /** The names in SQL of all prepared branches. */
  branchNames(session: ClientSession): Promise<string[]>;

  // Comparing rows.
  /** Assignments for a session in which the same value has the same text on every node. */
  readonly comparisonSettings: readonly string[];
  /** The place in the log that the session's snapshot shows. */
  snapshotPlace(rowsOf: RowsOf): Promise<SnapshotPlace>;
  /** The GTID of the last transaction before such a place; '' = none. */
  snapshotGtid(rowsOf: RowsOf, place: SnapshotPlace): Promise<string>;
}
