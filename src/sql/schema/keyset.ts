/**
 * Pages by key: which key gives the order, what stands in `next`, and the condition "after that row". Pure.
 * Values travel in the forms that answers have (column-types.ts) and come back as bound parameters, never as text.
 */
import { ApiError } from '../../api/api-error.js';
import type { BoundParameter } from '../../mysql-client/parameters.js';

export interface KeyColumn {
  readonly name: string;
  /** The server's DATA_TYPE: `bigint`, `varchar`, `enum` ... */
  readonly dataType: string;
  /** The server's COLUMN_TYPE: `enum('a','b')`. */
  readonly columnType: string;
}

/** One column of an index, as information_schema.STATISTICS has it. */
export interface IndexPart {
  readonly index: string;
  readonly column: string;
  readonly unique: boolean;
  readonly kind: string;
  readonly prefix: number | null;
  readonly nullable: boolean;
}

export type Order = 'asc' | 'desc';

export interface PageKey {
  readonly index: string;
  readonly columns: readonly KeyColumn[];
}

/** The primary key, else the unique key with the fewest columns that can give an order; null = there is none. */
export function choosePageKey(parts: readonly IndexPart[], columns: readonly KeyColumn[]): PageKey | null {
  const byIndex = new Map<string, IndexPart[]>();
  for (const part of parts) byIndex.set(part.index, [...(byIndex.get(part.index) ?? []), part]);
  const fit = [...byIndex].filter(([, all]) =>
    // A unique key of kind HASH (long texts) has no order.
    all.every((part) => part.unique && part.kind === 'BTREE' && part.prefix === null && !part.nullable),
  );
  const rank = ([name, all]: [string, IndexPart[]]) => (name === 'PRIMARY' ? 0 : all.length);
  const [best] = fit.sort((a, b) => rank(a) - rank(b) || (a[0] < b[0] ? -1 : 1));
  if (!best) return null;
  const keyColumns = best[1].map((part) => columns.find(({ name }) => name === part.column));
  return keyColumns.every((column) => column !== undefined) ? { index: best[0], columns: keyColumns } : null;
}

export interface PageStatement {
  readonly sql: string;
  readonly parameters: readonly BoundParameter[];
}

/** `after` = the key's values in the last row of the page before. One row more than `limit` tells whether there is a next page. */
export function pageStatement(page: {
  readonly database: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly key: PageKey;
  readonly order: Order;
  readonly limit: number;
  readonly after: readonly unknown[] | null;
}): PageStatement {
  const { key, order, after } = page;
  const parameters: BoundParameter[] = [];
  const where = after === null ? '' : ` WHERE ${afterCondition(key.columns, after, order, parameters)}`;
  // The primary key cannot be missing or ignored, and no other index may turn the page into a sort of the whole table.
  const force = key.index === 'PRIMARY' ? ' FORCE INDEX (PRIMARY)' : '';
  const by = key.columns.map(({ name }) => `${quoted(name)}${order === 'desc' ? ' DESC' : ''}`).join(', ');
  return {
    sql: `SELECT ${page.columns.map(quoted).join(', ')} FROM ${quoted(page.database)}.${quoted(page.table)}${force}${where} ORDER BY ${by} LIMIT ${page.limit + 1}`,
    parameters,
  };
}

/**
 * (k1 > a OR (k1 = a AND (k2 > b ...))), with `k1 >= a` before it: the server makes no range of the OR alone, nor of a
 * comparison of rows.
 */
function afterCondition(
  columns: readonly KeyColumn[],
  values: readonly unknown[],
  order: Order,
  parameters: BoundParameter[],
): string {
  const sign = order === 'asc' ? '>' : '<';
  const mark = (i: number, operator: string) => {
    const column = columns[i] as KeyColumn;
    parameters.push(keyParameter(column, values[i]));
    return `${quoted(column.name)} ${operator} ?`;
  };
  const beyond = (i: number): string =>
    i === columns.length - 1 ? mark(i, sign) : `(${mark(i, sign)} OR (${mark(i, '=')} AND ${beyond(i + 1)}))`;
  return columns.length === 1 ? beyond(0) : `${mark(0, `${sign}=`)} AND ${beyond(0)}`;
}

/** @throws ApiError 400 INVALID_CURSOR */
function keyParameter({ dataType, columnType }: KeyColumn, value: unknown): BoundParameter {
  switch (dataType) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
      return { kind: 'integer', value: integerOf(value) };
    case 'float':
      // The text is the shortest one; the value that the server compares is the 32-bit one.
      return { kind: 'double', value: Math.fround(numberOf(value)) };
    case 'double':
      return { kind: 'double', value: numberOf(value) };
    case 'decimal':
      return { kind: 'decimal', value: textOf(value) };
    case 'year':
      // As a number, a year of two digits would be taken for another one.
      return { kind: 'text', value: String(numberOf(value)).padStart(4, '0') };
    case 'bit':
      return { kind: 'integer', value: BigInt(`0x0${bytesOf(value).toString('hex')}`) };
    case 'binary':
    case 'varbinary':
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return { kind: 'blob', value: bytesOf(value) };
    // Both are ordered by their number, and compared by it with numbers only.
    case 'enum':
      return { kind: 'integer', value: BigInt(membersOf(columnType).indexOf(textOf(value)) + 1) };
    case 'set':
      return { kind: 'integer', value: setBits(columnType, textOf(value)) };
    default:
      return { kind: 'text', value: textOf(value) };
  }
}

function setBits(columnType: string, value: string): bigint {
  const members = membersOf(columnType);
  return value
    .split(',')
    .map((member) => members.indexOf(member))
    .reduce((bits, at) => (at < 0 ? bits : bits | (1n << BigInt(at))), 0n);
}

const ESCAPES: Record<string, string> = { '0': '\0', n: '\n', r: '\r' };

/** The members in `enum('a','it''s')`, in their order. */
function membersOf(columnType: string): string[] {
  return [...columnType.matchAll(/'((?:[^'\\]|''|\\.)*)'/gs)].map(([, text = '']) =>
    text.replace(/''|\\(.)/gs, (all, escaped: string) =>
      all === "''" ? "'" : (ESCAPES[escaped] ?? escaped),
    ),
  );
}

function integerOf(value: unknown): bigint {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string' || !/^-?\d{1,20}$/.test(text)) throw invalidCursor();
  return BigInt(text);
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number') throw invalidCursor();
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw invalidCursor();
  return value;
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(textOf(value), 'base64');
}

/** A name in backticks, whatever it holds. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** What a `next` is for: it counts for the same table, key and order only. */
export interface CursorPlace {
  readonly database: string;
  readonly table: string;
  readonly key: PageKey;
  readonly order: Order;
}

const CURSOR_VERSION = 1;

export function encodeCursor(place: CursorPlace, values: readonly unknown[]): string {
  return Buffer.from(JSON.stringify([...placeOf(place), values])).toString('base64url');
}

/** The key's values. @throws ApiError 400 INVALID_CURSOR */
export function decodeCursor(text: string, place: CursorPlace): readonly unknown[] {
  let cursor: unknown;
  try {
    cursor = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    throw invalidCursor();
  }
  if (!Array.isArray(cursor)) throw invalidCursor();
  const values: unknown = cursor.at(-1);
  if (JSON.stringify(cursor.slice(0, -1)) !== JSON.stringify(placeOf(place))) throw invalidCursor();
  if (!Array.isArray(values) || values.length !== place.key.columns.length) throw invalidCursor();
  return values;
}

function placeOf({ database, table, key, order }: CursorPlace): unknown[] {
  return [CURSOR_VERSION, database, table, order, key.columns.map(({ name }) => name)];
}

function invalidCursor(): ApiError {
  return new ApiError(
    400,
    'INVALID_CURSOR',
    '"next" is not from a page of this table in this order, or its key has changed since. Begin again without it.',
  );
}
