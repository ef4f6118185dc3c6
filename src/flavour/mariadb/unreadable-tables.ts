import { quoted } from '../definitions.js';
import type { SqlQuery } from '../server-sql.js';

/** The server opens the table in its engine to answer TABLE_ROWS, and reads no row. A view has no engine either. */
const UNREADABLE = `SELECT table_schema s, table_name n, table_comment c, table_rows r FROM information_schema.tables
  WHERE engine IS NULL AND table_type <> 'VIEW'
    AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')`;
/** A running statement has locked the table. */
const LOCKED = /^Lock wait timeout/;
const NAMED_MAX = 5;

/**
 * Names tables that a server that died in the middle of DDL lists, but cannot open because parts are missing, with the
 * server's error messages; '' = none. Seen on 10.11: ALTER and RENAME of tables with partitions (the engine has some partitions
 * under another name, or the .par file is gone).
 */
export async function unreadableTables(query: SqlQuery): Promise<string> {
  const tables = (await query(UNREADABLE)).filter(({ c }) => !LOCKED.test(String(c)));
  const more = tables.length - NAMED_MAX;
  const first = tables.slice(0, NAMED_MAX).map(({ s, n, c }) => `${quoted(String(s), String(n))} (${c})`);
  return `${first.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
