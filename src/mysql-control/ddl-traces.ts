import { createHash } from 'node:crypto';

/**
 * Of some DDL neither the server's log nor its position says after a crash whether it was executed (see ddl-recovery.ts).
 * Whether it was is told by what it leaves behind: the same questions are asked before it begins and after the crash.
 */

/** DDL on tables and the like. Unless partitions are concerned, the server's own recovery brings them in line with its log. */
const ON_TABLES =
  /^(CREATE (OR REPLACE )?|ALTER (ONLINE |IGNORE )*|DROP |RENAME |TRUNCATE )(TABLE|INDEX|UNIQUE INDEX|VIEW|SEQUENCE|TRIGGER)\b/i;

/** These are done in the .frm and the engine, past what an ordinary ALTER does. */
const CHANGES_PARTITIONS = /^ALTER.*PARTITION/is;
/** An ordinary ALTER. As with CREATE TABLE, partitions of a table that was never finished may be left in the engine. */
const REBUILDS_TABLE = /PARTITION\s+BY|REMOVE\s+PARTITIONING/i;

/** `unlogged`: it may be executed and not be in the log. `lost`: it may be in the log, and is not executed. */
export type DdlDoubt = 'unlogged' | 'lost';

/** Why this statement has to be noted before the server gets it; null = it has not. */
export function doubtOfDdl(statement: string): DdlDoubt | null {
  if (!ON_TABLES.test(statement)) return 'lost';
  return CHANGES_PARTITIONS.test(statement) && !REBUILDS_TABLE.test(statement) ? 'unlogged' : null;
}

/** The system tables that DDL writes to. They are Aria's, and their content is all that there is of an account or a routine. */
const SYSTEM_TABLES = [
  'proc',
  'event',
  'func',
  'servers',
  'columns_priv',
  'procs_priv',
  'proxies_priv',
  'roles_mapping',
];

/** Accounts at the addresses of our ports are not DDL of the log: the node makes them past it, at any time. */
const ACCOUNT_TABLES = ['global_priv', 'db', 'tables_priv'];

export const TRACE_QUERIES: readonly string[] = [
  // A partition that is made, filled anew, truncated or exchanged gets another id; one that was taken back has the old one.
  "SELECT name, table_id FROM information_schema.innodb_sys_tables WHERE name LIKE '%#P#%' AND name NOT LIKE '%/#sql%' ORDER BY name",
  `CHECKSUM TABLE ${SYSTEM_TABLES.map((table) => `mysql.${table}`).join(', ')}`,
  ...ACCOUNT_TABLES.map(
    (table) =>
      `SELECT * FROM mysql.${table} WHERE Host NOT IN ('127.0.0.1', '127.0.0.2') ORDER BY Host, User`,
  ),
  'SELECT * FROM information_schema.schemata ORDER BY schema_name',
];

export function tracesOf(answers: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(answers)).digest('hex');
}
