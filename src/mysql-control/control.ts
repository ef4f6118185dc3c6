import type { SchemaLook } from '../flavour/definitions.js';
import type { DefinitionsSql } from '../flavour/definitions-sql.js';
import type { Flavour } from '../flavour/flavour.js';
import type {
  EndpointAddress,
  FormerPrimary,
  FormerPrimaryOutcome,
  ReaderRow,
  RecoveryOptions,
  ReplicaThreads,
  RoleAccounts,
  ServerReading,
  ServerSql,
  WorkerRow,
} from '../flavour/server-sql.js';
import type { Definitions } from '../model/definitions.js';
import type { TableName } from '../model/verify.js';
import type { Connection, TextRow } from '../mysql-client/connection.js';
import type { TextValue } from '../mysql-client/sql-text.js';
import type { TableCollations } from '../promise/charset-risk.js';
import { repairLogins } from './account-repair.js';
import { AppliedWait } from './applied-wait.js';
import {
  ControlSessions,
  type ControlSessionsModules,
  type ControlSessionsOptions,
} from './control-sessions.js';
import { purgeLogs } from './log-files.js';
import { RUNNING_STATEMENTS, type RunningStatement, runningStatement } from './running-statements.js';
import { TIME_ZONE_SUMS } from './time-zones.js';
import { UserAccounts } from './user-accounts.js';

export interface MariadbControlModules extends ControlSessionsModules {
  readonly flavour: Flavour;
}

/**
 * SQL control of the local MariaDB server. Only executeOnPrimary, renameBack, convertToInnodb, logRollback, and execute when
 * its caller asks for it, write to the binary log. It decides nothing: the caller decides on roles and order. The function
 * that a method calls documents it; those of `sql` are in the flavour's folder.
 */
export class MariadbControl {
  readonly #flavour: Flavour;
  readonly #sql: ServerSql;
  readonly #definitions: DefinitionsSql;
  readonly #secret: Buffer;
  readonly #sessions: ControlSessions;
  readonly #applied: AppliedWait;
  readonly #accounts: RoleAccounts;
  /** Accounts of applications. */
  readonly users: UserAccounts;

  constructor(options: ControlSessionsOptions, modules: MariadbControlModules) {
    this.#flavour = modules.flavour;
    this.#sql = modules.flavour.sql;
    this.#definitions = modules.flavour.definitions;
    this.#secret = options.secret;
    this.#sessions = new ControlSessions(options, modules);
    this.#applied = new AppliedWait({
      connect: () => this.#sessions.connect(),
      flavour: modules.flavour,
    });
    this.users = new UserAccounts(options, { query: this.#sessions.query, sql: modules.flavour.accounts });
    this.#accounts = {
      writers: modules.flavour.accounts.writerStatements,
      whileOpening: (open) => this.users.whileOpening(open),
      reconcile: () => this.users.reconcile(),
    };
  }

  /** Drops the sessions, because the server is gone. */
  serverDown(): void {
    this.#sessions.drop();
    this.#applied.serverDown();
    this.users.forget();
  }

  close(): void {
    this.serverDown();
  }

  // The server's status.

  status(): Promise<ServerReading> {
    return this.#sql.serverReading(this.#sessions.query);
  }

  replicaStatus(): Promise<ReplicaThreads | null> {
    return this.#sql.replicaThreads(this.#sessions.query);
  }

  /** The server's clock, as text. */
  async now(): Promise<string> {
    const [row] = await this.#sessions.query('SELECT NOW() AS now');
    return String(row?.now);
  }

  /** Checksums of the named time zones that the server knows: the same on servers with the same zones. */
  async timeZoneSums(): Promise<string> {
    const rows = await this.#sessions.query(TIME_ZONE_SUMS);
    return rows.map(({ Checksum }) => String(Checksum)).join('-');
  }

  logBegin(): Promise<string> {
    return this.#sql.logBegin(this.#sessions.query);
  }

  gtidAt(place: { file: string; offset: number }): Promise<string> {
    return this.#sessions.alone({}, (query) => this.#sql.gtidAt(query, place));
  }

  // The files of the server's log.

  logFileBegin(name: string): Promise<string | null> {
    return this.#sql.fileBegin(this.#sessions.query, name);
  }

  purgeLogs(before: string): Promise<void> {
    return purgeLogs(this.#sessions.query, before);
  }

  keepLogs(): Promise<boolean> {
    return this.#sql.keepLogs(this.#sessions.query);
  }

  /** See AppliedWait. */
  waitApplied(ordinal: number, timeoutMs: number): Promise<boolean> {
    return this.#applied.wait(ordinal, timeoutMs);
  }

  // Roles.

  waitForAcknowledgements(): Promise<void> {
    return this.#sql.waitForAcknowledgements(this.#sessions.query);
  }

  openAsPrimary(options: { serverId: number }): Promise<void> {
    return this.#sql.openAsPrimary(this.#sessions, this.#accounts, options);
  }

  closeForWrites(): Promise<void> {
    return this.#sql.closeForWrites(this.#sessions);
  }

  writeAgain(): Promise<void> {
    return this.#sql.writeAgain(this.#sessions);
  }

  becomeReplica(options: { serverId: number; position: string }): Promise<void> {
    return this.#sql.becomeReplica(this.#sessions, options);
  }

  stopFollowing(): Promise<void> {
    return this.#sql.stopFollowing(this.#sessions.query);
  }

  followEndpoint(endpoint: EndpointAddress): Promise<void> {
    return this.#sql.followEndpoint(this.#sessions, this.#accounts, endpoint);
  }

  startReplica(): Promise<void> {
    return this.#sql.startReplica(this.#sessions.query);
  }

  batchCommits(on: boolean): Promise<void> {
    return this.#sql.batchCommits(this.#sessions.query, on);
  }

  /** Uses a session of its own, because it may wait, and heartbeats query the server meanwhile. */
  restartApplier(workers: number, stopDeadlineMs: number): Promise<void> {
    return this.#sessions.alone({}, (query) => this.#sql.restartApplier(query, workers, stopDeadlineMs));
  }

  /** Only on a closed server, before it has a role. */
  beginAt(gtid: string): Promise<void> {
    return this.#sessions.alone({}, (query) => this.#sql.beginAt(query, gtid));
  }

  // After a crash.

  finishLogReset(): Promise<boolean> {
    return this.#sql.finishLogReset(this.#sessions.query);
  }

  settleRecovery(options: RecoveryOptions): Promise<string | null> {
    return this.#sql.recoverReplica(this.#sessions.query, options);
  }

  settleFormerPrimary(former: FormerPrimary): Promise<FormerPrimaryOutcome> {
    return this.#sql.settleFormerPrimary(this.#sessions, former);
  }

  resetLogAfter(gtid: string): Promise<void> {
    return this.#sql.resetLogAfter(this.#sessions.query, gtid);
  }

  partitionIds(): Promise<string> {
    return this.#sql.partitionIds(this.#sessions.query);
  }

  // Definitions.

  definitions(): Promise<Definitions> {
    return this.#definitions.definitionsOf(this.#sessions);
  }

  unreadableTables(): Promise<string> {
    return this.#definitions.unreadableTablesOf(this.#sessions);
  }

  lookAtSchema(): Promise<SchemaLook> {
    return this.#definitions.schemaLookOf(this.#sessions);
  }

  collationsOf(table: TableName): Promise<TableCollations | null> {
    return this.#definitions.collationsOf(this.#sessions.query, table);
  }

  tableIdOf(table: TableName): Promise<number | null> {
    return this.#definitions.tableIdOf(this.#sessions.query, table);
  }

  tableIdMax(): Promise<number> {
    return this.#definitions.tableIdMax(this.#sessions.query);
  }

  madeSince(tableId: number): Promise<ReadonlySet<string>> {
    return this.#definitions.madeSince(this.#sessions.query, tableId);
  }

  changedSince(time: string, tables: readonly TableName[]): Promise<ReadonlySet<string>> {
    return this.#definitions.changedSince(this.#sessions.query, time, tables);
  }

  renameBack(from: TableName, to: TableName): Promise<void> {
    return this.#definitions.renameBack(this.#sessions, from, to);
  }

  convertToInnodb(table: TableName): Promise<void> {
    return this.#definitions.convertToInnodb(this.#sessions, table);
  }

  requirePrimaryKeys(on: boolean): Promise<void> {
    return this.#definitions.requirePrimaryKeys(this.#sessions.query, on);
  }

  execute(sql: string, options: { serverId?: number } = {}): Promise<void> {
    return this.#definitions.execute(this.#sessions, sql, options);
  }

  /** One statement that is written to the binary log, so that it reaches all nodes. Only on an open primary. */
  executeOnPrimary(sql: string, values: readonly TextValue[]): Promise<TextRow[]> {
    return this.#sessions.executeLogged(sql, values);
  }

  // XA.

  preparedBranches(): Promise<string[]> {
    return this.#sql.preparedBranches(this.#sessions);
  }

  isFreeOfXa(): Promise<boolean> {
    return this.#sql.isFreeOfXa(this.#sessions);
  }

  finishBranch(branch: string, how: 'commit' | 'rollback'): Promise<void> {
    return this.#sql.finishBranch(this.#sessions, branch, how);
  }

  prepareStandIn(branch: string): Promise<void> {
    return this.#sql.prepareStandIn(this.#sessions, branch);
  }

  logRollback(branch: string, serverId: number): Promise<void> {
    return this.#sql.logRollback(this.#sessions, branch, serverId);
  }

  // Sessions and statements.

  closeSessions(): Promise<void> {
    return this.#sql.closeSessions(this.#sessions.query);
  }

  endSession(id: number): Promise<void> {
    return this.#sql.endSession(this.#sessions.query, id);
  }

  killQuery(queryId: number): Promise<void> {
    return this.#sql.killQuery(this.#sessions.query, queryId);
  }

  applierWorkers(): Promise<WorkerRow[]> {
    return this.#sql.applierWorkers(this.#sessions.query);
  }

  longReaders(seconds: number): Promise<ReaderRow[]> {
    return this.#sql.longReaders(this.#sessions.query, seconds);
  }

  async runningStatements(): Promise<RunningStatement[]> {
    return (await this.#sessions.query(RUNNING_STATEMENTS)).map(runningStatement);
  }

  /** A session of its own, whose statements are not logged. */
  session(): Promise<Connection> {
    return this.#sessions.connect();
  }

  // Accounts and TLS.

  /** Returns the accounts whose logins had been changed and are repaired. */
  repairLogins(): Promise<string[]> {
    return repairLogins(this.#sessions.query, this.#secret, this.#flavour);
  }

  /** The server reloads its certificate; open connections keep theirs. */
  async reloadTls(): Promise<void> {
    await this.#sessions.query('FLUSH LOCAL SSL');
  }
}
