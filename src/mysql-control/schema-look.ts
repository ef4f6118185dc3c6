import type { TableCollations } from '../promise/charset-risk.js';
import { quoted, type SqlQuery } from './definitions.js';

/**
 * Looks for tables that endanger what the cluster promises: cheap questions (a few milliseconds for a thousand tables)
 * that take no lock of a table, so that they can be asked after every DDL.
 */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

export interface SchemaLook {
  /** The engine numbers tables as it makes them: the highest number now. */
  readonly tableIdMax: number;
  /** Tables of another engine than InnoDB, whatever way they were made; of a partitioned table its partitions' engine. */
  readonly foreign: readonly (TableName & { readonly engine: string })[];
  /** Tables in which a replica has no key to find a row by. */
  readonly keyless: readonly (TableName & { readonly hasSpatialKey: boolean })[];
  /** Events that were made while this server was a replica: it keeps them from running. */
  readonly asleep: readonly TableName[];
}

const OWN_SCHEMAS = ['mysql', 'sys', 'skein', 'information_schema', 'performance_schema'];

/** Reads the .frm only, opens no table. Sequences are named too: the engine's dictionary does not tell them from tables. */
const NOT_PLAIN = `SELECT table_schema s, table_name n, engine e, table_type k FROM information_schema.tables
  WHERE (engine <> 'InnoDB' OR table_type = 'SEQUENCE') AND table_type NOT LIKE '%VIEW'
    AND table_schema NOT IN (${OWN_SCHEMAS.map((schema) => `'${schema}'`).join(', ')})`;

/**
 * InnoDB makes this index where a table has neither a primary key nor a unique one of columns that are NOT NULL: the same
 * keys by which a replica finds a row. From the engine's own dictionary, partitions one by one, temporary tables not at all.
 */
const KEYLESS = `SELECT name n FROM information_schema.innodb_sys_tables WHERE table_id IN
  (SELECT table_id FROM information_schema.innodb_sys_indexes WHERE name = 'GEN_CLUST_INDEX')`;
/** 64: DICT_SPATIAL. */
const SPATIAL = `SELECT name n FROM information_schema.innodb_sys_tables WHERE table_id IN
  (SELECT table_id FROM information_schema.innodb_sys_indexes WHERE type & 64)`;

/**
 * A replica stores every event so, whether it was enabled or disabled where it was made: nothing here tells which (seen on
 * 10.11), so nobody but a user can switch it on again.
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

export const keyOf = ({ schema, name }: TableName): string => `${schema}\0${name}`;

/** The names of files, `schema/table`, once for each table. */
function tablesOf(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  const names = rows.map(({ n }) => String(n).split('#P#', 1)[0] ?? '');
  const users = names.filter((name) => {
    const [schema = '', table] = name.split('/', 2);
    // Tables of a full-text index, and those of an ALTER that is under way.
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
/** What needs no decoding. */
const PLAIN = /^\w+$/;

/** `d@0024/t` -> schema `d$`, table `t`, by the server's own table of characters. */
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

/** The engine's number of a table, which a renamed one keeps; null when there is none, and of a partitioned one. */
export async function tableIdOf(query: SqlQuery, { schema, name }: TableName): Promise<number | null> {
  const [row] = await query(
    `SELECT table_id id FROM information_schema.innodb_sys_tables
      WHERE HEX(name) = CONCAT(HEX(CONVERT(${text(schema)} USING filename)), '2F', HEX(CONVERT(${text(name)} USING filename)))`,
  );
  return row === undefined ? null : Number(row.id);
}

/**
 * Replicas have renamed a table that the primary has not: taken back by a statement that does nothing on the primary, where
 * the new name is of no table, and is logged all the same. It fails (1050) where both names are there.
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
 * The server refuses ENGINE=InnoDB for a partitioned table while it enforces InnoDB (1290, seen on 10.11), unless it may
 * substitute engines: then it takes InnoDB. The same text does the same on a replica, which has the sql_mode from the log.
 */
export function conversionStatements({ schema, name }: TableName, lockWaitS: number): string[] {
  return [
    `SET SESSION sql_mode = 'ALLOW_INVALID_DATES', innodb_strict_mode = OFF, foreign_key_checks = OFF, lock_wait_timeout = ${lockWaitS}`,
    `ALTER TABLE ${quoted(schema, name)} ENGINE=InnoDB`,
  ];
}
