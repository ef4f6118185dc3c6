/** JavaScript's values as parameters of the API. What cannot be bound exactly is refused before anything is sent. Pure. */
import { SkeinError } from './error.js';
import { isLoneSurrogateIn, isPlain, jsonText } from './json-text.js';

/**
 * Parameters of a statement. bigint, Date (its UTC time) and bytes (an ArrayBuffer, or any view of one) keep their
 * type. Pass a decimal number as a string. A plain object is JSON, exactly: bigint in it keeps all digits. An array is
 * JSON too, but has to say so: `json([1, 2])`.
 */
export type Parameter =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | ArrayBuffer
  | ArrayBufferView
  | { readonly $type: 'blob' | 'bigint' | 'decimal' | 'datetime' | 'json'; readonly value: unknown }
  | { readonly toJSON: () => unknown }
  | { readonly [name: string]: unknown };

/** An array for `?`, or an object for `:name`. */
export type StatementParameters = readonly Parameter[] | { readonly [name: string]: Parameter };

/** A JSON value as a parameter: an array, or a document that has a key `$type`. */
export function json(value: unknown): Parameter {
  return { $type: 'json', value };
}

export interface EncodedStatement {
  readonly sql: string;
  readonly params: unknown[] | Record<string, unknown>;
}

/** @throws SkeinError INVALID_PARAMETER, with `applied: 'no'` */
export function encodeStatement(sql: string, params: StatementParameters = []): EncodedStatement {
  if (isLoneSurrogateIn(sql)) {
    throw new SkeinError(
      'INVALID_PARAMETER',
      'The statement holds half of a surrogate pair, which is no character.',
    );
  }
  if (Array.isArray(params)) {
    return { sql, params: params.map((value, i) => encodeParameter(value, `Parameter ${i + 1}`)) };
  }
  const named = Object.entries(params).map(([name, value]) => [
    name,
    encodeParameter(value, `Parameter :${name}`),
  ]);
  return { sql, params: Object.fromEntries(named) };
}

function encodeParameter(value: unknown, place: string): unknown {
  const refuse = (why: string) => new SkeinError('INVALID_PARAMETER', `${place}: ${why}.`);
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'number':
      if (!Number.isFinite(value)) throw refuse(`${value} is no SQL value`);
      return value;
    case 'bigint':
      return { $type: 'bigint', value: String(value) };
    case 'string':
      if (isLoneSurrogateIn(value))
        throw refuse('the text holds half of a surrogate pair, which is no character');
      return value;
    case 'object':
      return encodeObject(value, place, refuse);
    default:
      throw refuse(`a ${typeof value} cannot be bound; null is NULL`);
  }
}

function encodeObject(value: object | null, place: string, refuse: (why: string) => SkeinError): unknown {
  if (value === null) return null;
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refuse('the date is not valid');
    if (!/^\d/.test(value.toISOString())) throw refuse('the year of the date is not one of 0000 to 9999');
    return { $type: 'datetime', value: value.toISOString() };
  }
  if (ArrayBuffer.isView(value)) {
    return blob(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
  if (value instanceof ArrayBuffer) return blob(new Uint8Array(value));
  if (Array.isArray(value)) {
    throw refuse(
      'an array cannot be bound; a list like IN (?, ?) needs a ? for each value, and a JSON array is json([...])',
    );
  }
  if ('$type' in value) {
    const { $type: type, value: inner } = value as { $type: unknown; value?: unknown };
    if (type === 'json') return document(inner, refuse);
    if (typeof inner === 'bigint') return { ...value, value: String(inner) };
    return value;
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return encodeParameter(value.toJSON(), place);
  if (!isPlain(value)) {
    const name = (value.constructor as { name?: string } | undefined)?.name ?? 'object';
    throw refuse(
      `a ${name} cannot be bound; give its bytes, its text, or json(...) of plain objects and arrays`,
    );
  }
  return document(value, refuse);
}

/** Goes as text, so that the numbers in it arrive as they are written. */
function document(value: unknown, refuse: (why: string) => SkeinError): string {
  const text = jsonText(value);
  if (typeof text === 'string') return text;
  throw refuse(text.why);
}

function blob(bytes: Uint8Array): { $type: 'blob'; value: string } {
  return { $type: 'blob', value: base64(bytes) };
}

/** Number of arguments that every engine accepts in a call. */
const CHUNK = 0x8000;

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(text);
}
