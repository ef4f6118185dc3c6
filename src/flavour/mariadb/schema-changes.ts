/** Reads definitions on the server, and makes the few changes that a node decides on. */

import type { Definitions } from '../../model/definitions.js';
import type { TableName } from '../../model/verify.js';
import { sqlText } from '../../mysql-client/sql-text.js';
import type { SchemaLook } from '../definitions.js';
import type { Query, ServerSessions, SqlQuery } from '../server-sql.js';
import { readDefinitions } from './definitions.js';
import { conversionStatements, lookAtSchema, renameBackStatement } from './schema-look.js';
import { unreadableTables } from './unreadable-tables.js';

/** lock_wait_timeout for the node's own changes. They are tried again after it. */
const LOCK_WAIT_S = 5;
/** Deadline for a question about all definitions. The server opens every table for it. */
const DEFINITIONS_DEADLINE_MS = 60_000;

/** All definitions on the server. Fails when running DDL locks a table's definition for long. */
export function definitionsOf(sessions: ServerSessions): Promise<Definitions> {
  return openingTables(sessions, readDefinitions);
}

export function schemaLookOf({ query }: ServerSessions): Promise<SchemaLook> {
  return lookAtSchema((sql) => query(sql, DEFINITIONS_DEADLINE_MS));
}

/** See unreadable-tables.ts. */
export function unreadableTablesOf(sessions: ServerSessions): Promise<string> {
  return openingTables(sessions, unreadableTables);
}

/** Uses a session of its own, so that questions about the server's state do not wait behind a table's lock. */
function openingTables<T>(sessions: ServerSessions, read: (query: SqlQuery) => Promise<T>): Promise<T> {
  return sessions.alone({}, async (query) => {
    await query(`SET SESSION lock_wait_timeout = ${LOCK_WAIT_S}`);
    return read((sql) => query(sql, DEFINITIONS_DEADLINE_MS));
  });
}

/** Undoes a RENAME that replicas have executed and this server has not. Only on an open primary. Waits for the quorum. */
export function renameBack(sessions: ServerSessions, from: TableName, to: TableName): Promise<void> {
  return sessions.alone({ logged: true }, async (query) => {
    await query(`SET SESSION lock_wait_timeout = ${LOCK_WAIT_S}`);
    await query(renameBackStatement(from, to), null);
  });
}

/** Converts a table to InnoDB on all nodes. Has no deadline, and waits for the quorum. Only on an open primary. */
export async function convertToInnodb(sessions: ServerSessions, table: TableName): Promise<void> {
  await sessions.alone({ logged: true }, async (query) => {
    const [required] = await sessions.query('SELECT @@global.innodb_force_primary_key AS isOn');
    const isOn = Number(required?.isOn) === 1;
    try {
      // The table may lack a primary key, and the check for one must not prevent the conversion.
      if (isOn) await requirePrimaryKeys(sessions.query, false);
      for (const sql of conversionStatements(table, LOCK_WAIT_S)) await query(sql, null);
    } finally {
      if (isOn) await requirePrimaryKeys(sessions.query, true);
    }
  });
}

/** Makes the server refuse, or accept, new tables without a usable primary key (error 1173). Only on an open primary. */
export async function requirePrimaryKeys(query: Query, on: boolean): Promise<void> {
  await query(`SET GLOBAL innodb_force_primary_key = ${on ? 'ON' : 'OFF'}`);
}

/** Executes without logging, or logs under this server id. Has no deadline. Only on a closed server. */
export function execute(
  sessions: ServerSessions,
  sql: string,
  { serverId }: { serverId?: number },
): Promise<void> {
  return sessions.alone({ logged: serverId !== undefined }, async (query) => {
    if (serverId !== undefined) await query(`SET SESSION server_id = ${Math.trunc(serverId)}`);
    await query(
      `SET SESSION lock_wait_timeout = ${LOCK_WAIT_S}, innodb_lock_wait_timeout = ${LOCK_WAIT_S}, innodb_strict_mode = OFF`,
    );
    await query(sql, null);
  });
}

/** The highest number that the engine has given to a table or partition so far. */
export async function tableIdMax(query: Query): Promise<number> {
  const [row] = await query('SELECT MAX(table_id) AS id FROM information_schema.innodb_sys_tables');
  return Number(row?.id ?? 0);
}

/** Tables and partitions that the engine made after this number, with the engine's names. */
export async function madeSince(query: Query, tableId: number): Promise<ReadonlySet<string>> {
  const rows = await query(
    `SELECT name FROM information_schema.innodb_sys_tables WHERE table_id > ${Math.trunc(tableId)}`,
  );
  return new Set(rows.map(({ name }) => String(name)));
}

/** The tables that had DDL since `time`, as `schema/name`. DDL writes the file of the definition again, which shows in its time. */
export async function changedSince(
  query: Query,
  time: string,
  tables: readonly TableName[],
): Promise<ReadonlySet<string>> {
  const changed = new Set<string>();
  for (const { schema, name } of tables) {
    const found = await query(
      `SELECT 1 FROM information_schema.tables WHERE table_schema = ${sqlText(schema)} AND table_name = ${sqlText(name)} AND create_time >= ${sqlText(time)}`,
    );
    if (found.length > 0) changed.add(`${schema}/${name}`);
  }
  return changed;
}
