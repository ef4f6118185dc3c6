import type { TableName } from '../model/verify.js';
import { borderExpression, type KeyRange, rangeCondition } from './key-range.js';
import { quoted, quotedTable } from './sql-session.js';
import type { ColumnShape, TableKey, TableShape } from './table-shape.js';

/**
 * The SELECTs of a chunk. Pure. The texts of values do not depend on character sets, formats or versions of the session, and
 * no two values of a column have the same text.
 */

/** Longer values go into a row's text as their digest: the text of a row stays small, whatever the row holds. */
const INLINE_LENGTH_MAX = 255;
/** Stands for NULL; no other text of a value is that. */
const NULL_TEXT = "'-'";
const BYTE_TYPES = new Set(['char', 'varchar', 'binary', 'varbinary']);
const LONG_TYPES =
  /^(tinyblob|blob|mediumblob|longblob|tinytext|text|mediumtext|longtext|json|geometry|point|linestring|polygon|multipoint|multilinestring|multipolygon|geometrycollection)$/;

/** The text of one column's value. Shown NULL as `-`. */
function valueText({ name, dataType, lengthMax }: ColumnShape): string {
  return `IFNULL(${exactText(quoted(name), dataType, lengthMax)}, ${NULL_TEXT})`;
}

function exactText(column: string, dataType: string, lengthMax: number | null): string {
  if (LONG_TYPES.test(dataType)) return `MD5(${column})`;
  if (BYTE_TYPES.has(dataType))
    return lengthMax !== null && lengthMax <= INLINE_LENGTH_MAX ? `HEX(${column})` : `MD5(${column})`;
  // An ENUM's '' for a value that it does not have is another value than a member ''.
  if (dataType === 'enum' || dataType === 'set' || dataType === 'bit') return `CAST(${column} AS UNSIGNED)`;
  // As text a FLOAT has six digits; as DOUBLE it has all.
  if (dataType === 'float') return `CAST(CAST(${column} AS DOUBLE) AS CHAR)`;
  return `CAST(${column} AS CHAR)`;
}

/**
 * VIRTUAL columns are left out: they are not stored, follow from the others, and may depend on the session that reads them.
 */
function checkedColumns({ columns }: TableShape): ColumnShape[] {
  return columns.filter(({ generated }) => generated !== 'virtual');
}

function rowText(shape: TableShape): string {
  const texts = checkedColumns(shape).map(valueText);
  if (shape.hasHiddenPeriod) texts.push('CAST(ROW_START AS CHAR)', 'CAST(ROW_END AS CHAR)');
  return `CONCAT_WS('|', ${texts.join(', ')})`;
}

function from(table: TableName, { key, isVersioned }: TableShape): string {
  // The primary key cannot be missing or ignored; no other index may turn a chunk into a scan of the whole table.
  const force = key?.index === 'PRIMARY' ? ' FORCE INDEX (PRIMARY)' : '';
  return `${quotedTable(table)}${isVersioned ? ' FOR SYSTEM_TIME ALL' : ''}${force}`;
}

function whereOf(key: TableKey | null, range: KeyRange): string {
  const condition = key === null ? '' : rangeCondition(key, range);
  return condition === '' ? '' : ` WHERE ${condition}`;
}

/**
 * Columns `n`, `x`, `s`: rows, and two sums that do not depend on the order of rows. XOR alone would not see a row that is
 * there twice, or twice missing; the sum of 32 bits is for tables without a key.
 */
export function checksumSql(table: TableName, shape: TableShape, range: KeyRange): string {
  const hash = 'CAST(CONV(LEFT(h, 16), 16, 10) AS UNSIGNED)';
  const half = 'CAST(CONV(RIGHT(h, 8), 16, 10) AS UNSIGNED)';
  return (
    `SELECT COUNT(*) AS n, COALESCE(BIT_XOR(${hash}), 0) AS x, ${shape.key === null ? `COALESCE(SUM(${half}), 0)` : '0'} AS s ` +
    `FROM (SELECT MD5(${rowText(shape)}) AS h FROM ${from(table, shape)}${whereOf(shape.key, range)}) AS hashed`
  );
}

/** The key of the row number `rows` of the range, in columns `k0`, `k1` ...; no row = the range has fewer. */
export function borderSql(
  table: TableName,
  shape: TableShape & { readonly key: TableKey },
  range: KeyRange,
  rows: number,
): string {
  const { key } = shape;
  const columns = key.columns.map((column, i) => `${borderExpression(column)} AS k${i}`).join(', ');
  const order = key.columns.map(({ name }) => quoted(name)).join(', ');
  return `SELECT ${columns} FROM ${from(table, shape)}${whereOf(key, range)} ORDER BY ${order} LIMIT 1 OFFSET ${rows - 1}`;
}
