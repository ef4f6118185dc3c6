import type { Definitions } from '../../model/definitions.js';
import type { TableName } from '../../model/verify.js';
import {
  type Content,
  type Definition,
  type OtherDefinition,
  type Partition,
  type Partitioning,
  quoted,
  type SchemaDefinition,
  SET_ASIDE,
  type StoredDefinition,
  type TableDefinition,
} from '../definitions.js';
import type { SqlQuery, SqlRow } from '../server-sql.js';
import { mariadbErrors } from './error-numbers.js';
import { STORED } from './stored-definitions.js';

/**
 * Reads everything that the server has besides rows, so that it can be compared with a server at the same position. It
 * leaves out what differs on servers with the same data: times, counters, and whether an event is enabled (a replica
 * disables all events, and does not show which ones are enabled on the primary).
 */
export async function readDefinitions(query: SqlQuery): Promise<Definitions> {
  const found = new Map<string, string>();
  const add = (object: string, definition: Definition) => found.set(object, JSON.stringify(definition));
  for (const { schema, characterSet, collation } of await schemas(query))
    add(`schema ${quoted(schema)}`, { kind: 'schema', schema, characterSet, collation });
  for (const table of await tables(query)) add(`table ${quoted(table.schema, table.name)}`, table);
  for (const other of await others(query)) add(`${other.kind} ${quoted(other.schema, other.name)}`, other);
  for (const { object, definition } of await stored(query)) add(object, definition);
  return found;
}

const OWN_SCHEMAS = "('mysql', 'information_schema', 'performance_schema', 'sys')";

async function schemas(query: SqlQuery): Promise<Omit<SchemaDefinition, 'kind'>[]> {
  const rows = await query(
    `SELECT schema_name s, default_character_set_name c, default_collation_name o FROM information_schema.schemata
      WHERE schema_name NOT IN ${OWN_SCHEMAS}`,
  );
  return rows.map(({ s, c, o }) => ({ schema: String(s), characterSet: String(c), collation: String(o) }));
}

const TABLES = `SELECT table_schema s, table_name t FROM information_schema.tables
  WHERE table_schema NOT IN ${OWN_SCHEMAS} AND table_type <> 'VIEW'
    AND NOT (table_schema = '${SET_ASIDE.schema}' AND table_name LIKE '${SET_ASIDE.prefix.replaceAll('_', '\\_')}%')
  ORDER BY s, t`;

/** Asks table by table. One question to the information schema for all tables takes four times as long (seen with 3,000 tables). */
async function tables(query: SqlQuery): Promise<TableDefinition[]> {
  const found: (Omit<TableDefinition, 'partitions' | 'content'> & { partitions: BarePartition[] })[] = [];
  for (const { s, t } of await query(TABLES)) {
    const name = { schema: String(s), name: String(t) };
    const { shape, partitionedBy } = await shapeOf(query, name);
    const parts =
      partitionedBy === null
        ? { partitioning: null, partitions: [] }
        : await partitionsOf(query, name, { isAuto: AUTO.test(partitionedBy) });
    const sequence = isSequence(shape) && { sequence: await sequenceOf(query, name) };
    found.push({ kind: 'table', ...name, shape, ...parts, ...sequence });
  }
  const sources = found.flatMap(({ schema, name, partitions }) => {
    const table = quoted(schema, name);
    return partitions.length === 0
      ? [table]
      : partitions.map((partition) => `${table} PARTITION (${quoted(partition.name)})`);
  });
  const contents = await contentsOf(query, sources);
  let next = 0;
  const take = (): Content => contents[next++] ?? 'unknown';
  return found.map(({ partitions, ...table }) =>
    partitions.length === 0
      ? { ...table, partitions: [], content: take() }
      : {
          ...table,
          partitions: partitions.map((partition) => ({ ...partition, content: take() })),
          content: 'rows',
        },
  );
}

/** The rest of the statement after this only says how the table is partitioned. Line breaks in texts are written as \\n. */
const PARTITIONS_BEGIN = /\n\s*PARTITION BY /;
const AUTO = /^SYSTEM_TIME [^\n]*\bAUTO\b/;
/** This is a counter and not part of the definition. */
const AUTO_INCREMENT = / AUTO_INCREMENT=\d+/;

/** The CREATE statement without partitions; empty for a table that cannot be opened. */
async function shapeOf(
  query: SqlQuery,
  { schema, name }: TableName,
): Promise<{ shape: unknown; partitionedBy: string | null }> {
  await query('START TRANSACTION');
  const create = await createTable(query, quoted(schema, name));
  await query('COMMIT');
  if (create === null) return { shape: null, partitionedBy: null };
  const [table = '', partitionedBy = null] = create.split(PARTITIONS_BEGIN, 2);
  const end = table.lastIndexOf('\n)');
  const shape = table.slice(0, end) + table.slice(end).replace(AUTO_INCREMENT, '');
  return { shape, partitionedBy };
}

/**
 * Within a transaction, which keeps the lock for reading. Without that lock, SHOW CREATE TABLE makes the server end another
 * session's ALTER TABLE under LOCK TABLES with 1213, as every dump has it when it is loaded (seen on 10.11).
 * Null: the table cannot be opened.
 */
async function createTable(query: SqlQuery, table: string): Promise<string | null> {
  // A table that cannot be read may still have a definition.
  await query(`SELECT 1 FROM ${table} LIMIT 0`).catch(unlessUnreadable);
  const [row] = (await query(`SHOW CREATE TABLE ${table}`).catch(unlessUnreadable)) ?? [];
  return row === undefined ? null : String(row['Create Table']);
}

/** Null for a table that the server cannot open. One that DDL in progress has locked may be possible to open later. */
function unlessUnreadable(error: unknown): null {
  const { errno } = error as { errno?: number };
  if (typeof errno !== 'number' || errno < 0 || mariadbErrors.isLockWait(errno)) throw error;
  return null;
}

const isSequence = (shape: unknown) => typeof shape === 'string' && /\n\) .*\bSEQUENCE=1\b/.test(shape);

async function sequenceOf(query: SqlQuery, { schema, name }: TableName): Promise<unknown> {
  const [row] = await query(`SELECT * FROM ${quoted(schema, name)}`);
  return Object.values(row ?? {}).map(String);
}

type BarePartition = Omit<Partition, 'content'> & { readonly subpartitions: string[] };

async function partitionsOf(
  query: SqlQuery,
  { schema, name }: TableName,
  { isAuto }: { isAuto: boolean },
): Promise<{ partitioning: Partitioning | null; partitions: BarePartition[] }> {
  const rows = await query(
    `SELECT partition_name p, subpartition_name sp, partition_description d,
        partition_method method, partition_expression, subpartition_method, subpartition_expression
      FROM information_schema.partitions WHERE table_schema = ${text(schema)} AND table_name = ${text(name)}
      ORDER BY partition_ordinal_position, subpartition_ordinal_position`,
  );
  let partitioning: Partitioning | null = null;
  const partitions: BarePartition[] = [];
  for (const { p, sp, d, method, ...by } of rows) {
    partitioning ??= { method: String(method), by: Object.values(by), isAuto };
    if (partitions.at(-1)?.name !== p)
      partitions.push({ name: String(p), values: d === null ? null : String(d), subpartitions: [] });
    if (sp !== null) partitions.at(-1)?.subpartitions.push(String(sp));
  }
  return { partitioning, partitions };
}

const text = (value: string) => `_utf8mb4 x'${Buffer.from(value).toString('hex')}'`;

const CONTENTS_PER_QUERY = 100;
/** In a table whose rows were all just deleted, the server may have to look at each of them to find no row. */
const CONTENT_TIME_S = 2;
const STATEMENT_TIMEOUT = 1969;

async function contentsOf(query: SqlQuery, sources: readonly string[]): Promise<Content[]> {
  const found: Content[] = [];
  for (let i = 0; i < sources.length; i += CONTENTS_PER_QUERY)
    found.push(...(await someContents(query, sources.slice(i, i + CONTENTS_PER_QUERY))));
  return found;
}

async function someContents(query: SqlQuery, sources: readonly string[]): Promise<Content[]> {
  const columns = sources.map((source, i) => `EXISTS (SELECT 1 FROM ${source}) c${i}`);
  try {
    const [row] = await query(
      `SET STATEMENT max_statement_time = ${CONTENT_TIME_S} FOR SELECT ${columns.join(', ')}`,
    );
    return sources.map((_, i) => (Number(row?.[`c${i}`]) === 1 ? 'rows' : 'empty'));
  } catch (error) {
    const { errno } = error as { errno?: number };
    if (typeof errno !== 'number' || errno < 0) throw error;
    if (sources.length === 1) return [errno === STATEMENT_TIMEOUT ? 'unknown' : `unreadable ${errno}`];
    // One of the tables is the cause, so each is asked alone.
    const each: Content[] = [];
    for (const source of sources) each.push(...(await someContents(query, [source])));
    return each;
  }
}

/**
 * A replica uses its own server's value of NO_DIR_IN_CREATE instead of the log's, so only objects on the primary have it in
 * their sql_mode. Its only effect is that the server ignores the directories in CREATE TABLE.
 */
const SQL_MODE = "TRIM(BOTH ',' FROM REPLACE(CONCAT(',', sql_mode, ','), ',NO_DIR_IN_CREATE,', ','))";

async function others(query: SqlQuery): Promise<OtherDefinition[]> {
  const views = await query(
    `SELECT table_schema s, table_name n, view_definition, check_option, security_type, definer
      FROM information_schema.views WHERE table_schema NOT IN ${OWN_SCHEMAS}`,
  );
  const triggers = await query(
    `SELECT trigger_schema s, trigger_name n, event_manipulation, event_object_table, action_order, action_statement,
        action_timing, ${SQL_MODE} sql_mode, definer
      FROM information_schema.triggers WHERE trigger_schema NOT IN ${OWN_SCHEMAS}`,
  );
  const definitions = (kind: 'view' | 'trigger', rows: readonly SqlRow[]): OtherDefinition[] =>
    rows.map(({ s, n, ...text }) => ({
      kind,
      schema: String(s),
      name: String(n),
      text: Object.values(text),
    }));
  return [...definitions('view', views), ...definitions('trigger', triggers)];
}

async function stored(query: SqlQuery): Promise<{ object: string; definition: StoredDefinition }[]> {
  const found: { object: string; definition: StoredDefinition }[] = [];
  for (const kind of ['routine', 'event'] as const) {
    const { table, columns, kindColumn } = STORED[kind];
    // HEX of a number would give the number in base 16.
    const values = columns.map(
      (column) => `HEX(CONCAT(${column === 'sql_mode' ? SQL_MODE : column})) AS ${column}`,
    );
    const rows = await query(
      `SELECT db s, name n, ${kindColumn ?? "'event'"} k, ${values.join(', ')} FROM ${table} WHERE db NOT IN ${OWN_SCHEMAS}`,
    );
    for (const { s, n, k, ...row } of rows) {
      const name = { schema: String(s), name: String(n) };
      found.push({
        object: `${String(k).toLowerCase()} ${quoted(name.schema, name.name)}`,
        definition: { kind, ...name, values: row as Record<string, string | null> },
      });
    }
  }
  return found;
}
