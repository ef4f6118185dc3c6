import { SkeinError } from '../model/error.js';
import { type ChunkSums, sameSums, type TableName } from '../model/verify.js';
import { type KeyRange, rangeCondition } from './key-range.js';
import { lockDefinition, readSums } from './snapshot.js';
import { quoted, quotedTable, type SqlSession, textLiteral } from './sql-session.js';
import { type ColumnShape, readShape, type TableShape } from './table-shape.js';

/** Rows of a range in a form that another server stores unchanged. `null` = NULL. */
export type RepairRow = (string | null)[];

/** Of all rows of one repair, as they are sent. */
const REPAIR_BYTES_MAX = 2 * 1024 * 1024;
/** A replica's server executes nothing while it is repaired: what it deletes is bounded too. */
const DELETED_ROWS_MAX = 20_000;

const BYTES_TYPE =
  /^((var)?char|(var)?binary|(tiny|medium|long)?(text|blob)|json|geometry|point|linestring|polygon|multi\w+|geometrycollection)$/;
const NUMBER = /^-?\d{1,400}(\.\d{1,400})?(e[-+]?\d{1,3})?$/i;
const PLAIN = /^[-0-9a-fA-F:. ]{1,80}$/;
const BYTES = /^([0-9A-F]{2})*$/;

function storedColumns({ columns }: TableShape): ColumnShape[] {
  return columns.filter(({ generated }) => generated === 'no');
}

function valueExpression({ name, dataType }: ColumnShape): string {
  const column = quoted(name);
  if (BYTES_TYPE.test(dataType)) return `HEX(${column})`;
  if (dataType === 'enum' || dataType === 'set' || dataType === 'bit') return `CAST(${column} AS UNSIGNED)`;
  if (dataType === 'float') return `CAST(CAST(${column} AS DOUBLE) AS CHAR)`;
  return `CAST(${column} AS CHAR)`;
}

/** @throws SkeinError VERIFY_INVALID_VALUE */
function valueLiteral({ name, dataType, characterSet }: ColumnShape, text: string | null): string {
  if (text === null) return 'NULL';
  if (BYTES_TYPE.test(dataType) && BYTES.test(text))
    return characterSet === null ? `x'${text}'` : `_${characterSet} x'${text}'`;
  if (/^(date|datetime|timestamp|time|uuid|inet4|inet6)$/.test(dataType) && PLAIN.test(text))
    return `'${text}'`;
  if (!BYTES_TYPE.test(dataType) && NUMBER.test(text)) return text;
  throw new SkeinError(
    'VERIFY_INVALID_VALUE',
    `A value of the column ${name} cannot be sent to another node.`,
  );
}

/** Length of the text that `valueExpression` gives, without making it. */
function textLength(column: ColumnShape): string {
  const length = BYTES_TYPE.test(column.dataType)
    ? `2 * LENGTH(${quoted(column.name)})`
    : `LENGTH(${valueExpression(column)})`;
  return `IFNULL(${length}, 4) + 3`;
}

/**
 * In the snapshot of the session. Null: they are more than one repair may send. That is found out by the server: their values
 * may be larger than this process can hold.
 */
export async function readRows(
  session: SqlSession,
  table: TableName,
  shape: TableShape,
  range: KeyRange,
  rowsMax: number,
): Promise<RepairRow[] | null> {
  const columns = storedColumns(shape);
  const condition = shape.key === null ? '' : rangeCondition(shape.key, range);
  const from = `${quotedTable(table)}${condition === '' ? '' : ` WHERE ${condition}`}`;
  const [size] = await session.queryRows(
    `SELECT COUNT(*) AS n, COALESCE(SUM(${columns.map(textLength).join(' + ')}), 0) AS b FROM ${from}`,
  );
  if (Number(size?.n) > rowsMax || Number(size?.b) > REPAIR_BYTES_MAX) return null;
  const values = columns.map((column, i) => `${valueExpression(column)} AS v${i}`);
  const rows = await session.queryRows(`SELECT ${values.join(', ')} FROM ${from}`);
  return rows.map((row) => columns.map((_, i) => row[`v${i}`] ?? null));
}

/**
 * Gives the local server the rows that the primary has in this range. The server executes nothing else meanwhile, and stands
 * at the position at which the rows were read. Null: done, and the sums are the primary's. Otherwise why nothing was changed.
 */
export async function applyRepair(
  session: SqlSession,
  table: TableName,
  range: KeyRange,
  wanted: { digest: string; sums: ChunkSums; rows: readonly RepairRow[] },
): Promise<string | null> {
  await session.run(
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', SESSION foreign_key_checks = 0, SESSION check_constraint_checks = 0",
  );
  await session.run('START TRANSACTION');
  await lockDefinition(session, table);
  const refused = await attempt(session, table, range, wanted);
  await session.run(refused === null ? 'COMMIT' : 'ROLLBACK');
  return refused;
}

async function attempt(
  session: SqlSession,
  table: TableName,
  range: KeyRange,
  { digest, sums, rows }: { digest: string; sums: ChunkSums; rows: readonly RepairRow[] },
): Promise<string | null> {
  const shape = await readShape(session, table);
  if (shape === null) return 'it does not have the table';
  if (shape.digest !== digest) return 'it defines the table otherwise';
  if (shape.isVersioned)
    return 'the table keeps its history (WITH SYSTEM VERSIONING), which cannot be written';
  if (await hasTriggers(session, table)) return 'the table has triggers, which a repair would execute';
  const before = await readSums(session, table, shape, range);
  if (before.rows > DELETED_ROWS_MAX)
    return `it has ${before.rows} rows there, more than ${DELETED_ROWS_MAX}`;
  const condition = shape.key === null ? '' : rangeCondition(shape.key, range);
  await session.run(`DELETE FROM ${quotedTable(table)}${condition === '' ? '' : ` WHERE ${condition}`}`);
  const columns = storedColumns(shape);
  const names = columns.map(({ name }) => quoted(name)).join(', ');
  for (const row of rows) {
    const values = columns.map((column, i) => valueLiteral(column, row[i] ?? null)).join(', ');
    await session.run(`INSERT INTO ${quotedTable(table)} (${names}) VALUES (${values})`);
  }
  const after = await readSums(session, table, shape, range);
  return sameSums(after, sums) ? null : 'the rows did not become the same by writing them';
}

async function hasTriggers(session: SqlSession, { schema, name }: TableName): Promise<boolean> {
  const [row] = await session.queryRows(
    `SELECT COUNT(*) AS n FROM information_schema.triggers
      WHERE event_object_schema = ${textLiteral(schema)} AND event_object_table = ${textLiteral(name)}`,
  );
  return row?.n !== '0';
}
