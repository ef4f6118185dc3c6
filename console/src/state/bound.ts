/** Values as parameters of a statement: from an answer, and from what a person typed. Pure. */
import type { Column } from '../../../client/src/index.js';
import { valueText } from './sql-result.js';
import { count } from './text.js';

export type Bound =
  | null
  | string
  | number
  | { readonly $type: 'bigint' | 'decimal' | 'blob'; readonly value: string };

export interface BoundStatement {
  readonly sql: string;
  readonly params: readonly Bound[];
}

type Type = Column['type'];

const WHOLE = /^(tinyint|smallint|mediumint|int|bigint)$/;
const BYTES = /^(binary|varbinary|blob|geometry)$/;
/** More bytes than this are not written by hand. */
const BYTES_TYPED_MAX = 4096;

/** A value of an answer, so that the server finds it again. */
export function boundOf(value: unknown, type: Type): Bound {
  if (value === null || value === undefined) return null;
  if (WHOLE.test(type)) return { $type: 'bigint', value: String(value) };
  if (BYTES.test(type)) return { $type: 'blob', value: String(value) };
  switch (type) {
    case 'decimal':
      return { $type: 'decimal', value: String(value) };
    case 'float':
      // The text is the shortest one; what the server compares is the 32-bit number.
      return Math.fround(Number(value));
    case 'double':
      return Number(value);
    case 'year':
      // As a number, a year of two digits would be taken for another one.
      return String(value).padStart(4, '0');
    case 'bit':
      return { $type: 'bigint', value: String(BigInt(`0x0${hexDigits(String(value))}`)) };
    case 'json':
      return JSON.stringify(value);
    default:
      return String(value);
  }
}

/** What a person typed, or why it is no such value. */
export type Typed = { readonly bound: Bound } | { readonly wrong: string };

export function boundOfText(text: string, type: Type): Typed {
  const trimmed = text.trim();
  if (WHOLE.test(type))
    return /^[+-]?\d{1,20}$/.test(trimmed)
      ? { bound: { $type: 'bigint', value: trimmed } }
      : { wrong: 'This takes a whole number.' };
  if (BYTES.test(type)) return bytesOfText(trimmed);
  switch (type) {
    case 'decimal':
      return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(trimmed)
        ? { bound: { $type: 'decimal', value: trimmed } }
        : { wrong: 'This takes a number like 12.50.' };
    case 'float':
    case 'double':
      return trimmed !== '' && Number.isFinite(Number(trimmed))
        ? { bound: Number(trimmed) }
        : { wrong: 'This takes a number like 0.5 or 1e9.' };
    case 'bit':
      return /^(\d{1,20}|0x[\da-f]{1,16}|0b[01]{1,64})$/i.test(trimmed)
        ? { bound: { $type: 'bigint', value: String(BigInt(trimmed)) } }
        : { wrong: 'This takes bits, as a number, 0x05 or 0b101.' };
    case 'json':
      return isJson(text) ? { bound: text } : { wrong: 'This is no JSON. A text stands in double quotes.' };
    default:
      return { bound: text };
  }
}

function bytesOfText(text: string): Typed {
  const digits = /^(?:0x((?:[\da-f]{2})*))?$/i.exec(text);
  if (digits === null) return { wrong: 'This takes bytes: 0x and two hexadecimal digits for each.' };
  const bytes = (digits[1] ?? '').match(/../g) ?? [];
  const value = btoa(String.fromCharCode(...bytes.map((byte) => Number.parseInt(byte, 16))));
  return { bound: { $type: 'blob', value } };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The text of a value in a form, all of it; null = it is not written by hand. `value` is not null. */
export function typedText(value: unknown, column: Column): string | null {
  if (column.type === 'geometry') return null;
  if (BYTES.test(column.type) || column.type === 'bit') {
    const digits = hexDigits(String(value));
    if (digits.length / 2 > BYTES_TYPED_MAX) return null;
    return digits === '' ? '' : `0x${digits}`;
  }
  return valueText(value, column) ?? '';
}

/** A text area knows only one kind of line end; a value that had the other one keeps it. */
export function withLineEndsOf(text: string, before: string): string {
  const onlyCrLf = before.includes('\r\n') && !/(^|[^\r])\n|\r(?!\n)/.test(before);
  return onlyCrLf ? text.replaceAll(/\r?\n/g, '\r\n') : text;
}

function hexDigits(base64: string): string {
  return [...atob(base64)].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

const SHOWN = 300;

/** A parameter as it stands below the statement. */
export function boundText(bound: Bound): { readonly text: string; readonly isNull: boolean } {
  if (bound === null) return { text: 'NULL', isNull: true };
  if (typeof bound !== 'object') return { text: cut(String(bound)), isNull: false };
  const text = bound.$type === 'blob' ? `0x${hexDigits(bound.value)}` : bound.value;
  return { text: cut(text), isNull: false };
}

/** Enough of a long text to recognise it, and how long it is. */
export function cut(text: string, charactersMax = SHOWN): string {
  if (text.length <= charactersMax) return text;
  return `${[...text.slice(0, charactersMax)].join('')} ... (${count(text.length)} characters)`;
}
