import { createHash } from 'node:crypto';
import type { TableName } from '../model/verify.js';
import { isNoSuchTable, quotedTable, type SqlSession, textLiteral } from './sql-session.js';

/** What a checksum has to know of a table, as its server has it now. */
export interface TableShape {
  /** Of SHOW CREATE TABLE without counters: equal on servers that define the table equally. */
  readonly digest: string;
  readonly engine: string;
  readonly columns: readonly ColumnShape[];
  /** Gives the order of the chunks; null = the table is one chunk. */
  readonly key: TableKey | null;
  /** WITH SYSTEM VERSIONING: it also has rows of earlier times. */
  readonly isVersioned: boolean;
  /** Versioned, and the two columns of a row's time are not among `columns`. */
  readonly hasHiddenPeriod: boolean;
}

export interface ColumnShape {
  readonly name: string;
  /** The server's DATA_TYPE: `bigint`, `varchar`, `enum` ... */
  readonly dataType: string;
  /** Null for types without characters. */
  readonly characterSet: string | null;
  /** Characters or bytes; null for types without a length. */
  readonly lengthMax: number | null;
  readonly generated: 'no' | 'stored' | 'virtual';
}

export interface TableKey {
  readonly index: string;
  readonly columns: readonly ColumnShape[];
}

/** A counter, and the partitions that the server adds by itself, are no definition. */
const AUTO_INCREMENT = / AUTO_INCREMENT=\d+/;
const PARTITIONS_BEGIN = /\n\s*PARTITION BY /;
const AUTO_PARTITIONS = /^SYSTEM_TIME [^\n]*\bAUTO\b/;
const OWN_PERIOD = /\bGENERATED ALWAYS AS ROW START\b/;
const VERSIONED = /\bWITH SYSTEM VERSIONING\b/;

/** Null: there is no such table. @throws what the server says otherwise, lock waits included */
export async function readShape(session: SqlSession, table: TableName): Promise<TableShape | null> {
  let create: string;
  try {
    const [row] = await session.queryRows(`SHOW CREATE TABLE ${quotedTable(table)}`);
    // A view or a sequence has another column.
    if (row?.['Create Table'] === undefined) return null;
    create = String(row['Create Table']);
  } catch (error) {
    if (isNoSuchTable(error)) return null;
    throw error;
  }
  const normal = normalised(create);
  const columns = await readColumns(session, table);
  const isVersioned = VERSIONED.test(normal.slice(normal.lastIndexOf('\n)')));
  return {
    digest: createHash('md5').update(normal).digest('hex'),
    engine: await readEngine(session, table),
    columns,
    key: chooseKey(await readIndexes(session, table), columns),
    isVersioned,
    hasHiddenPeriod: isVersioned && !OWN_PERIOD.test(normal),
  };
}

/** The statement without what differs on servers that define the table equally. */
export function normalised(create: string): string {
  const [table = '', partitionedBy] = create.split(PARTITIONS_BEGIN, 2);
  const end = table.lastIndexOf('\n)');
  const shape = table.slice(0, end) + table.slice(end).replace(AUTO_INCREMENT, '');
  return partitionedBy === undefined || AUTO_PARTITIONS.test(partitionedBy)
    ? shape
    : `${shape}\nPARTITION BY ${partitionedBy}`;
}

const where = ({ schema, name }: TableName) =>
  `table_schema = ${textLiteral(schema)} AND table_name = ${textLiteral(name)}`;

async function readEngine(session: SqlSession, table: TableName): Promise<string> {
  const [row] = await session.queryRows(
    `SELECT engine AS e FROM information_schema.tables WHERE ${where(table)}`,
  );
  return row?.e ?? 'unknown';
}

async function readColumns(session: SqlSession, table: TableName): Promise<ColumnShape[]> {
  const rows = await session.queryRows(
    `SELECT column_name AS n, data_type AS d, character_set_name AS c, character_maximum_length AS l, extra AS e
      FROM information_schema.columns WHERE ${where(table)} ORDER BY ordinal_position`,
  );
  return rows.map(({ n, d, c, l, e }) => ({
    name: String(n),
    dataType: String(d).toLowerCase(),
    characterSet: c ?? null,
    lengthMax: l === null || l === undefined ? null : Number(l),
    generated: /VIRTUAL GENERATED/i.test(e ?? '')
      ? 'virtual'
      : /(STORED|PERSISTENT) GENERATED/i.test(e ?? '')
        ? 'stored'
        : 'no',
  }));
}

/** One column of an index, as information_schema.STATISTICS has it. */
export interface IndexPart {
  readonly index: string;
  readonly column: string;
  readonly isUnique: boolean;
  readonly kind: string;
  readonly isPrefix: boolean;
  readonly isNullable: boolean;
}

async function readIndexes(session: SqlSession, table: TableName): Promise<IndexPart[]> {
  const rows = await session.queryRows(
    `SELECT index_name AS i, column_name AS c, non_unique AS u, index_type AS t, sub_part AS p, nullable AS n
      FROM information_schema.statistics WHERE ${where(table)} ORDER BY index_name, seq_in_index`,
  );
  return rows.map(({ i, c, u, t, p, n }) => ({
    index: String(i),
    column: String(c),
    isUnique: u === '0',
    kind: String(t),
    isPrefix: p !== null,
    isNullable: n === 'YES',
  }));
}

/** Types whose values have an exact text, which compares in a condition as the column does in its index. */
const ORDERED = new Set([
  ...['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'year', 'bit', 'enum', 'set'],
  ...['date', 'datetime', 'timestamp', 'time', 'char', 'varchar', 'binary', 'varbinary'],
  ...['uuid', 'inet4', 'inet6'],
]);

/** The primary key, else the unique key with the fewest columns that can give an order; null = there is none. */
export function chooseKey(parts: readonly IndexPart[], columns: readonly ColumnShape[]): TableKey | null {
  const byIndex = new Map<string, IndexPart[]>();
  for (const part of parts) byIndex.set(part.index, [...(byIndex.get(part.index) ?? []), part]);
  const keys: TableKey[] = [];
  for (const [index, all] of byIndex) {
    if (!all.every((part) => part.isUnique && part.kind === 'BTREE' && !part.isPrefix && !part.isNullable))
      continue;
    const keyColumns = all.flatMap((part) => columns.find(({ name }) => name === part.column) ?? []);
    if (keyColumns.length !== all.length) continue;
    if (keyColumns.every(({ dataType, generated }) => ORDERED.has(dataType) && generated !== 'virtual'))
      keys.push({ index, columns: keyColumns });
  }
  const rank = ({ index, columns: { length } }: TableKey) => (index === 'PRIMARY' ? 0 : length);
  return keys.sort((a, b) => rank(a) - rank(b) || (a.index < b.index ? -1 : 1))[0] ?? null;
}
