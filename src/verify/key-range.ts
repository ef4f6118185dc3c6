import { SkeinError } from '../model/error.js';
import type { KeyValues } from '../model/verify.js';
import { quoted } from './sql-session.js';
import type { ColumnShape, TableKey } from './table-shape.js';

/**
 * Ranges of a table's key. A border is the key of a row as texts: digits for numbers, the server's text for times, hex of the
 * bytes for characters, the number for ENUM and SET. Pure.
 */
export interface KeyRange {
  /** Rows behind this one; null = from the first. */
  readonly after: KeyValues | null;
  /** Rows up to this one, itself included; null = to the last. */
  readonly upTo: KeyValues | null;
}

export const WHOLE_TABLE: KeyRange = { after: null, upTo: null };

/** The expression that gives a column's border text. */
export function borderExpression({ name, dataType }: ColumnShape): string {
  const column = quoted(name);
  switch (dataType) {
    case 'char':
    case 'varchar':
    case 'binary':
    case 'varbinary':
      return `HEX(${column})`;
    case 'enum':
    case 'set':
    case 'bit':
      return `CAST(${column} AS UNSIGNED)`;
    default:
      return `CAST(${column} AS CHAR)`;
  }
}

const NUMBER = /^-?\d{1,65}(\.\d{1,38})?$/;
const TIME = /^[-0-9: .]{1,32}$/;
const ADDRESS = /^[-0-9a-fA-F:.]{1,64}$/;
const BYTES = /^([0-9A-F]{2})*$/;

/** A border text as a literal that compares as the column does. @throws SkeinError VERIFY_INVALID_KEY */
function borderLiteral({ name, dataType, characterSet }: ColumnShape, text: string): string {
  switch (dataType) {
    case 'char':
    case 'varchar':
      // Bytes in the column's own character set: the literal takes the column's collation.
      return `_${characterSet ?? 'binary'} x'${checked(BYTES, text, name)}'`;
    case 'binary':
    case 'varbinary':
      return `x'${checked(BYTES, text, name)}'`;
    case 'date':
    case 'datetime':
    case 'timestamp':
    case 'time':
      return `'${checked(TIME, text, name)}'`;
    case 'uuid':
    case 'inet4':
    case 'inet6':
      return `'${checked(ADDRESS, text, name)}'`;
    default:
      return checked(NUMBER, text, name);
  }
}

function checked(form: RegExp, text: string, column: string): string {
  if (form.test(text)) return text;
  throw new SkeinError('VERIFY_INVALID_KEY', `A border of a chunk is no value of the column ${column}.`);
}

/** The condition that a row lies in the range; '' = every row does. @throws SkeinError VERIFY_INVALID_KEY */
export function rangeCondition(key: TableKey, { after, upTo }: KeyRange): string {
  const parts: string[] = [];
  if (after !== null) parts.push(compared(key, after, '>', { orEqual: false }));
  if (upTo !== null) parts.push(compared(key, upTo, '<', { orEqual: true }));
  return parts.join(' AND ');
}

/**
 * (k1 > a OR (k1 = a AND (k2 > b ...))), with `k1 >= a` before it: the server makes no range of the OR alone, nor of a
 * comparison of rows.
 */
function compared(
  key: TableKey,
  values: KeyValues,
  sign: '>' | '<',
  { orEqual }: { orEqual: boolean },
): string {
  const { columns } = key;
  if (values.length !== columns.length)
    throw new SkeinError(
      'VERIFY_INVALID_KEY',
      `A border of a chunk has not the ${columns.length} columns of its key.`,
    );
  const is = (i: number, operator: string) => {
    const column = columns[i] as ColumnShape;
    return `${quoted(column.name)} ${operator} ${borderLiteral(column, values[i] ?? '')}`;
  };
  const beyond = (i: number): string =>
    i === columns.length - 1
      ? is(i, orEqual ? `${sign}=` : sign)
      : `(${is(i, sign)} OR (${is(i, '=')} AND ${beyond(i + 1)}))`;
  return columns.length === 1 ? beyond(0) : `${is(0, `${sign}=`)} AND ${beyond(0)}`;
}

/** A border for people: characters as text where they are text. */
export function shownBorder(key: TableKey, values: KeyValues): string[] {
  return key.columns.map(({ dataType, characterSet }, i) => {
    const value = values[i] ?? '';
    if (dataType !== 'char' && dataType !== 'varchar') return value;
    if (characterSet !== null && !/^(utf8|ascii|latin1)/.test(characterSet)) return `0x${value}`;
    const bytes = Buffer.from(value, 'hex');
    return bytes.toString(characterSet === 'latin1' ? 'latin1' : 'utf8');
  });
}
