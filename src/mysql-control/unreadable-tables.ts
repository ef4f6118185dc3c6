import { sqlText } from '../mysql-client/sql-text.js';
import { quoted, type SqlQuery } from './definitions.js';
import type { TableName } from './schema-look.js';

/** A table that the server lists and cannot open. */
export interface UnreadableTable extends TableName {
  /** The server's error message. */
  readonly reason: string;
}

/** The server opens the table in its engine to answer TABLE_ROWS, and reads no row. A view has no engine either. */
const UNREADABLE = `SELECT table_schema s, table_name n, table_comment c, table_rows r FROM information_schema.tables
  WHERE engine IS NULL AND table_type <> 'VIEW'
    AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')`;
/** Errors that mean that a running statement has locked the table. The question is repeated. */
const LOCKED = /^Lock wait timeout/;

/**
 * Tables that a server that died in the middle of DDL lists, but cannot open because parts are missing. Seen on 10.11:
 * ALTER and RENAME of tables with partitions (the engine has some partitions under another name, or the .par file is gone).
 * @param among checks only these
 */
export async function unreadableTables(
  query: SqlQuery,
  among: readonly TableName[] | null = null,
): Promise<UnreadableTable[]> {
  const questions = among?.map(
    ({ schema, name }) =>
      `${UNREADABLE} AND table_schema = ${sqlText(schema)} AND table_name = ${sqlText(name)}`,
  ) ?? [UNREADABLE];
  const found: UnreadableTable[] = [];
  for (const question of questions)
    for (const { s, n, c } of await query(question))
      if (!LOCKED.test(String(c))) found.push({ schema: String(s), name: String(n), reason: String(c) });
  return found;
}

const NAMED_MAX = 5;

/** A text for people: `d`.`t` (reason), and the number of further tables. */
export function describeUnreadable(tables: readonly UnreadableTable[]): string {
  const more = tables.length - NAMED_MAX;
  const first = tables
    .slice(0, NAMED_MAX)
    .map(({ schema, name, reason }) => `${quoted(schema, name)} (${reason})`);
  return `${first.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
