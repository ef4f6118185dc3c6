import type { TableName } from '../../model/verify.js';
import type { TableCollations } from '../../promise/charset-risk.js';
import { keyOf, quoted, type SchemaLook } from '../definitions.js';
import type { SqlQuery } from '../server-sql.js';

/**
 * Looks for tables that endanger the cluster's promise. The questions are cheap (a few milliseconds for a thousand tables) and
 * take no table's lock, so they can be asked after every DDL.
 */

const OWN_SCHEMAS = ['mysql', 'sys', 'skein', 'information_schema', 'performance_schema'];

/** Reads only the .frm files and opens no table. Sequences are listed too, because the engine's dictionary has them like tables. */
const NOT_PLAIN = `SELECT table_schema s, table_name n, engine e, table_type k FROM information_schema.tables
  WHERE (engine <> 'InnoDB' OR table_type = 'SEQUENCE') AND table_type NOT LIKE '%VIEW'
    AND table_schema NOT IN (${OWN_SCHEMAS.map((schema) => `'${schema}'`).join(', ')})`;

/**
 * InnoDB makes this index for a table that has neither a primary key nor a unique key of NOT NULL columns. These are also the
 * keys by which a replica finds a row. The engine's dictionary lists partitions one by one, and no temporary tables.
 */
const KEYLESS = `SELECT name n FROM information_schema.innodb_sys_tables WHERE table_id IN
  (SELECT table_id FROM information_schema.innodb_sys_indexes WHERE name = 'GEN_CLUST_INDEX')`;
/** 64 is DICT_SPATIAL. */
const SPATIAL = `SELECT name n FROM information_schema.innodb_sys_tables WHERE table_id IN
  (SELECT table_id FROM information_schema.innodb_sys_indexes WHERE type & 64)`;

/**
 * A replica stores every event with this status, whether it is enabled on the primary or not (seen on 10.11). So only a user
 * knows whether to enable it again.
 */
const ASLEEP =
  "SELECT event_schema s, event_name n FROM information_schema.events WHERE status = 'SLAVESIDE_DISABLED'";

export async function lookAtSchema(query: SqlQuery): Promise<SchemaLook> {
  const notPlain = await query(NOT_PLAIN);
  const sequences = new Set<string>();
  const foreign: (TableName & { engine: string })[] = [];
  for (const { s, n, e, k } of notPlain) {
    const table = { schema: String(s), name: String(n) };
    if (k === 'SEQUENCE') sequences.add(keyOf(table));
    if (e !== null && e !== 'InnoDB') foreign.push({ ...table, engine: String(e) });
  }
  const encoded = tablesOf(await query(KEYLESS));
  const spatial = new Set(tablesOf(await query(SPATIAL)));
  const decoded = await decode(query, encoded);
  const keyless = encoded
    .map((name, i) => ({ ...(decoded[i] as TableName), hasSpatialKey: spatial.has(name) }))
    .filter((table) => !sequences.has(keyOf(table)));
  const [newest] = await query('SELECT MAX(table_id) id FROM information_schema.innodb_sys_tables');
  const events = await query(ASLEEP);
  const asleep = events.map(({ s, n }) => ({ schema: String(s), name: String(n) }));
  return { tableIdMax: Number(newest?.id ?? 0), foreign, keyless, asleep };
}

/** Names of tables as their files are named, `schema/table`, once for each table. */
function tablesOf(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  const names = rows.map(({ n }) => String(n).split('#P#', 1)[0] ?? '');
  const users = names.filter((name) => {
    const [schema = '', table] = name.split('/', 2);
    // Tables of a full-text index, and tables of an ALTER in progress.
    return (
      table !== undefined &&
      !OWN_SCHEMAS.includes(schema) &&
      !/^FTS_[0-9a-f]+_/.test(table) &&
      !table.startsWith('#sql')
    );
  });
  return [...new Set(users)];
}

const NAMES_PER_QUERY = 500;
/** Names that need no decoding. */
const PLAIN = /^\w+$/;

/** `d@0024/t` -> schema `d$`, table `t`. The server itself decodes the characters. */
async function decode(query: SqlQuery, names: readonly string[]): Promise<TableName[]> {
  const parts = [...new Set(names.flatMap((name) => name.split('/')))].filter((part) => !PLAIN.test(part));
  const texts = new Map<string, string>();
  for (let i = 0; i < parts.length; i += NAMES_PER_QUERY) {
    const some = parts.slice(i, i + NAMES_PER_QUERY);
    const columns = some.map(
      (part, k) => `CONVERT(_filename x'${Buffer.from(part).toString('hex')}' USING utf8mb4) c${k}`,
    );
    const [row] = await query(`SELECT ${columns.join(', ')}`);
    for (const [k, part] of some.entries()) texts.set(part, String(row?.[`c${k}`]));
  }
  return names.map((name) => {
    const [schema = '', table = ''] = name.split('/', 2);
    return { schema: texts.get(schema) ?? schema, name: texts.get(table) ?? table };
  });
}

/** The engine's number of a table, which it keeps when it is renamed. Null when there is no such table, or it is partitioned. */
export async function tableIdOf(query: SqlQuery, { schema, name }: TableName): Promise<number | null> {
  const [row] = await query(
    `SELECT table_id id FROM information_schema.innodb_sys_tables
      WHERE HEX(name) = CONCAT(HEX(CONVERT(${text(schema)} USING filename)), '2F', HEX(CONVERT(${text(name)} USING filename)))`,
  );
  return row === undefined ? null : Number(row.id);
}

/**
 * Undoes a RENAME that replicas have executed and the primary has not. On the primary the statement changes nothing, because no
 * table has the new name there, but it is logged. It fails with 1050 where tables with both names exist.
 */
export function renameBackStatement(from: TableName, to: TableName): string {
  return `RENAME TABLE IF EXISTS ${quoted(to.schema, to.name)} TO ${quoted(from.schema, from.name)}`;
}

/** Null when there is no such table. */
export async function collationsOf(
  query: SqlQuery,
  { schema, name }: TableName,
): Promise<TableCollations | null> {
  const where = `table_schema = ${text(schema)} AND table_name = ${text(name)}`;
  const [table] = await query(`SELECT table_collation c FROM information_schema.tables WHERE ${where}`);
  if (typeof table?.c !== 'string') return null;
  const [owner] = await query(
    `SELECT default_collation_name c FROM information_schema.schemata WHERE schema_name = ${text(schema)}`,
  );
  const columns = await query(
    `SELECT DISTINCT collation_name c FROM information_schema.columns WHERE ${where} AND collation_name IS NOT NULL`,
  );
  return {
    schemaDefault: String(owner?.c),
    tableDefault: table.c,
    columns: columns.map(({ c }) => String(c)),
  };
}

const text = (value: string) => `_utf8mb4 x'${Buffer.from(value).toString('hex')}'`;

/**
 * While the server enforces InnoDB, it refuses ENGINE=InnoDB for a partitioned table (1290, seen on 10.11), unless it may
 * substitute engines. Then it uses InnoDB. The statement has the same effect on a replica, which takes the sql_mode from the
 * log.
 */
export function conversionStatements({ schema, name }: TableName, lockWaitS: number): string[] {
  return [
    `SET SESSION sql_mode = 'ALLOW_INVALID_DATES', innodb_strict_mode = OFF, foreign_key_checks = OFF, lock_wait_timeout = ${lockWaitS}`,
    `ALTER TABLE ${quoted(schema, name)} ENGINE=InnoDB`,
  ];
}
