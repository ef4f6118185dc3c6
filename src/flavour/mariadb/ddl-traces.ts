import { createHash } from 'node:crypto';
import type { DdlDoubt } from '../server-sql.js';

/** DDL of which the server's log does not tell after a crash whether it was executed (see ddl-recovery.ts). */

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

/** Why the node must write a note before the server gets this statement; null = it need not. */
export function doubtOfDdl(statement: string): DdlDoubt | null {
  if (!ON_TABLES.test(statement)) return 'lost';
  return CHANGES_PARTITIONS.test(statement) && !REBUILDS_TABLE.test(statement) ? 'unlogged' : null;
}

/**
 * A partition that was created, rebuilt, truncated or exchanged has another id than before; if the DDL was undone, it has the
 * old id. So the same question before the DDL and after the crash tells whether it was executed.
 */
export const PARTITION_IDS =
  "SELECT name, table_id FROM information_schema.innodb_sys_tables WHERE name LIKE '%#P#%' AND name NOT LIKE '%/#sql%' ORDER BY name";

export function traceOf(answer: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(answer)).digest('hex');
}
