import type { Definitions } from '../model/definitions.js';
import type { TableName } from '../model/verify.js';
import type { TableCollations } from '../promise/charset-risk.js';
import type { SchemaLook, StoredDefinition } from './definitions.js';
import type { Query, ServerSessions } from './server-sql.js';

export interface StoredChange {
  readonly sql: string;
  /** What is done, for people. */
  readonly what: string;
}

/** What is said to a server about its definitions. The functions of the flavour say what each does. */
export interface DefinitionsSql {
  definitionsOf(sessions: ServerSessions): Promise<Definitions>;
  unreadableTablesOf(sessions: ServerSessions): Promise<string>;
  schemaLookOf(sessions: ServerSessions): Promise<SchemaLook>;
  collationsOf(query: Query, table: TableName): Promise<TableCollations | null>;
  tableIdOf(query: Query, table: TableName): Promise<number | null>;
  tableIdMax(query: Query): Promise<number>;
  madeSince(query: Query, tableId: number): Promise<ReadonlySet<string>>;
  changedSince(query: Query, time: string, tables: readonly TableName[]): Promise<ReadonlySet<string>>;
  /** Makes a routine or an event what it is on another server; null = it is not there. Not to be logged. */
  copyStored(object: string, here: StoredDefinition | null, there: StoredDefinition | null): StoredChange;
  renameBack(sessions: ServerSessions, from: TableName, to: TableName): Promise<void>;
  convertToInnodb(sessions: ServerSessions, table: TableName): Promise<void>;
  requirePrimaryKeys(query: Query, on: boolean): Promise<void>;
  execute(sessions: ServerSessions, sql: string, options: { serverId?: number }): Promise<void>;
}
