import { createHash } from 'node:crypto';

/**
 * After a crash, neither the server's log nor its position tells whether some kinds of DDL were executed (see
 * ddl-recovery.ts). Their traces do: the node asks the same questions before the DDL begins and after the crash.
 */

/**
 * DDL on tables and the like. Unless partitions are concerned, the server's own recovery brings them in line with its
 * log.
 */
const ON_TABLES =
  /^(CREATE (OR REPLACE )?|ALTER (ONLINE |IGNORE )*|DROP |RENAME |TRUNCATE )(TABLE|INDEX|UNIQUE INDEX|VIEW|SEQUENCE|TRIGGER)\b/i;

/** Statements that change the .frm and the engine directly, unlike an ordinary ALTER. */
const CHANGES_PARTITIONS = /^ALTER.*PARTITION/is;
/** An ordinary ALTER. As with CREATE TABLE, partitions of a table that was never finished may be left in the engine. */
const REBUILDS_TABLE = /PARTITION\s+BY|REMOVE\s+PARTITIONING/i;

/** `unlogged`: the statement may be executed without being in the log. `lost`: it may be in the log without being executed. */
export type DdlDoubt = 'unlogged' | 'lost';

/** Why the node must write a note before the server gets this statement; null = it need not. */
export function doubtOfDdl(statement: string): DdlDoubt | null {
  if (!ON_TABLES.test(statement)) return 'lost';
  return CHANGES_PARTITIONS.test(statement) && !REBUILDS_TABLE.test(statement) ? 'unlogged' : null;
}

/** System tables that DDL writes to. They are Aria's. An account or a routine consists of nothing but its rows in them. */
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

/** Accounts at the addresses of the ports are excluded: the node changes them at any time, without logging it. */
const ACCOUNT_TABLES = ['global_priv', 'db', 'tables_priv'];

export const TRACE_QUERIES: readonly string[] = [
  // A partition that was created, rebuilt, truncated or exchanged has another id; if the DDL was undone, it has the old id.
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
