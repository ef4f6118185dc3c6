/**
 * How the values of a result become JSON text: by the column's type only, never by the value.
 * Values are decoded from binary rows straight into JSON text; JSON columns are spliced in as they are, so that
 * big numbers in them survive.
 */
import { ApiError } from '../api/api-error.js';
import type { ColumnDefinition } from '../mysql-client/replies.js';
import type { PacketReader } from '../mysql-protocol/packet-reader.js';

/** The closed list of `columns[].type`. */
export const COLUMN_TYPES = [
  'tinyint',
  'smallint',
  'mediumint',
  'int',
  'bigint',
  'float',
  'double',
  'decimal',
  'bit',
  'year',
  'date',
  'time',
  'datetime',
  'timestamp',
  'char',
  'varchar',
  'text',
  'binary',
  'varbinary',
  'blob',
  'enum',
  'set',
  'json',
  'geometry',
  'uuid',
  'inet4',
  'inet6',
  'null',
] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

const FLAG = { notNull: 0x1, unsigned: 0x20, enum: 0x100, set: 0x800 } as const;
const BINARY_CHARSET = 63;

export function columnType(column: ColumnDefinition): ColumnType {
  if (column.format === 'json') return 'json';
  if (column.typeName === 'uuid' || column.typeName === 'inet4' || column.typeName === 'inet6') {
    return column.typeName;
  }
  const binary = column.charset === BINARY_CHARSET;
  switch (column.type) {
    case 1:
      return 'tinyint';
    case 2:
      return 'smallint';
    case 3:
      return 'int';
    case 4:
      return 'float';
    case 5:
      return 'double';
    case 6:
      return 'null';
    case 7:
      return 'timestamp';
    case 8:
      return 'bigint';
    case 9:
      return 'mediumint';
    case 10:
    case 14:
      return 'date';
    case 11:
      return 'time';
    case 12:
      return 'datetime';
    case 13:
      return 'year';
    case 16:
      return 'bit';
    case 0:
    case 246:
      return 'decimal';
    case 245:
      return 'json';
    case 255:
      return 'geometry';
    case 247:
      return 'enum';
    case 248:
      return 'set';
    case 249:
    case 250:
    case 251:
    case 252:
      return binary ? 'blob' : 'text';
    case 254:
      if (column.flags & FLAG.enum) return 'enum';
      if (column.flags & FLAG.set) return 'set';
      return binary ? 'binary' : 'char';
    default:
      return binary ? 'varbinary' : 'varchar';
  }
}

export function isNullable(column: ColumnDefinition): boolean {
  return (column.flags & FLAG.notNull) === 0;
}

/** Reads one value (not NULL) at the reader's offset and gives its JSON text. */
export type ValueDecoder = (reader: PacketReader) => string;

export function valueDecoder(column: ColumnDefinition, bigint: 'string' | 'number'): ValueDecoder {
  const unsigned = (column.flags & FLAG.unsigned) !== 0;
  switch (columnType(column)) {
    case 'tinyint':
      return unsigned ? (r) => String(r.u8()) : (r) => String((r.u8() << 24) >> 24);
    case 'smallint':
      return unsigned ? (r) => String(r.u16()) : (r) => String((r.u16() << 16) >> 16);
    case 'year':
      return (r) => String(r.u16());
    case 'mediumint':
    case 'int':
      return unsigned ? (r) => String(r.u32()) : (r) => String(r.u32() | 0);
    case 'bigint':
      return bigintDecoder(column.name, unsigned, bigint);
    case 'float':
      return (r) => shortestFloat(float(r));
    case 'double':
      return (r) => numberText(double(r));
    case 'decimal':
      return (r) => `"${r.lenencText()}"`;
    case 'date':
      return (r) => `"${dateTimeText(r, 0, false)}"`;
    case 'datetime':
    case 'timestamp':
      return (r) => `"${dateTimeText(r, column.decimals, true)}"`;
    case 'time':
      return (r) => `"${timeText(r, column.decimals)}"`;
    case 'bit':
    case 'geometry':
    case 'binary':
    case 'varbinary':
    case 'blob':
      return (r) => `"${r.slice(r.lenenc()).toString('base64')}"`;
    case 'json':
      return (r) => splicedJson(r.lenencText());
    default:
      // uuid and inet come as text; so do enum and set.
      return (r) => JSON.stringify(r.lenencText());
  }
}

function bigintDecoder(name: string, unsigned: boolean, mode: 'string' | 'number'): ValueDecoder {
  const read = unsigned ? (r: PacketReader) => r.u64() : (r: PacketReader) => BigInt.asIntN(64, r.u64());
  if (mode === 'string') return (r) => `"${read(r)}"`;
  return (r) => {
    const value = read(r);
    if (!Number.isSafeInteger(Number(value))) {
      throw new ApiError(
        400,
        'UNSAFE_BIGINT',
        `Column "${name}" holds ${value}, which a JSON number cannot carry exactly. Ask without "bigint": "number".`,
      );
    }
    return String(value);
  };
}

function float(reader: PacketReader): number {
  const value = reader.bytes.readFloatLE(reader.offset);
  reader.skip(4);
  return value;
}

function double(reader: PacketReader): number {
  const value = reader.bytes.readDoubleLE(reader.offset);
  reader.skip(8);
  return value;
}

/**
 * JSON text of a double. JSON has no infinity (SUM can overflow to it) and no NaN: these become the strings "Infinity",
 * "-Infinity" and "NaN", as in the JSON form of Protocol Buffers.
 */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? '-0' : String(value);
}

/** The shortest text that reads back as the same 32-bit float: 1.1, not 1.100000023841858. */
export function shortestFloat(value: number): string {
  // toPrecision drops the sign of -0.
  if (value === 0) return numberText(value);
  for (let digits = 6; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return numberText(shorter);
  }
  return numberText(Number(value.toPrecision(9)));
}

const two = (value: number) => (value < 10 ? `0${value}` : String(value));

/** Fraction with exactly the column's digits; expressions with "not fixed" digits (31 and more) show what is there. */
function fraction(micros: number, decimals: number): string {
  if (decimals === 0) return '';
  const digits = String(micros).padStart(6, '0');
  if (decimals <= 6) return `.${digits.slice(0, decimals)}`;
  return micros === 0 ? '' : `.${digits}`;
}

function dateTimeText(reader: PacketReader, decimals: number, withTime: boolean): string {
  const length = reader.u8();
  const end = reader.offset + length;
  let date = '0000-00-00';
  let time = '00:00:00';
  let micros = 0;
  if (length >= 4) {
    const year = reader.u16();
    date = `${String(year).padStart(4, '0')}-${two(reader.u8())}-${two(reader.u8())}`;
  }
  if (length >= 7) time = `${two(reader.u8())}:${two(reader.u8())}:${two(reader.u8())}`;
  if (length >= 11) micros = reader.u32();
  reader.offset = end;
  return withTime ? `${date} ${time}${fraction(micros, decimals)}` : date;
}

function timeText(reader: PacketReader, decimals: number): string {
  const length = reader.u8();
  const end = reader.offset + length;
  let sign = '';
  let clock = '00:00:00';
  let micros = 0;
  if (length >= 8) {
    sign = reader.u8() === 0 ? '' : '-';
    const days = reader.u32();
    clock = `${two(days * 24 + reader.u8())}:${two(reader.u8())}:${two(reader.u8())}`;
  }
  if (length >= 12) micros = reader.u32();
  reader.offset = end;
  return `${sign}${clock}${fraction(micros, decimals)}`;
}

const LINE_BREAK = /[\n\r]/g;

/**
 * A JSON value of the server as part of ours. What is not JSON (a server without its JSON check can hold anything) goes out
 * as a text. Line breaks would end a line of NDJSON: in valid JSON they stand between the values only, and mean nothing.
 */
export function splicedJson(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    return JSON.stringify(text);
  }
  return text.includes('\n') || text.includes('\r') ? text.replace(LINE_BREAK, ' ') : text;
}
