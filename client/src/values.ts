/** JavaScript's values as parameters of the API. Pure. */
import { SkeinError } from './error.js';

/**
 * What a statement can be given: bigint, Date (its UTC time) and bytes are bound as what they are; a decimal number is
 * best given as a string; other objects are JSON.
 */
export type Parameter =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | { readonly $type: 'blob' | 'bigint' | 'decimal' | 'datetime'; readonly value: unknown }
  | readonly unknown[]
  | { readonly [name: string]: unknown };

/** @throws SkeinError INVALID_PARAMETER */
export function encodeParameters(params: readonly Parameter[]): unknown[] {
  return params.map((value, i) => {
    if (value === undefined || typeof value === 'function' || typeof value === 'symbol') {
      throw invalid(i, `a ${typeof value} can not be bound; null is NULL`);
    }
    if (typeof value === 'bigint') return { $type: 'bigint', value: String(value) };
    if (typeof value === 'number' && !Number.isFinite(value)) throw invalid(i, `${value} is no SQL value`);
    if (value instanceof Date) {
      if (Number.isNaN(value.getTime())) throw invalid(i, 'the date is not valid');
      return { $type: 'datetime', value: value.toISOString() };
    }
    if (value instanceof Uint8Array) return { $type: 'blob', value: base64(value) };
    return value;
  });
}

function invalid(index: number, why: string): SkeinError {
  return new SkeinError('INVALID_PARAMETER', `Parameter ${index + 1}: ${why}.`);
}

/** As many arguments as a call takes everywhere. */
const CHUNK = 0x8000;

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(text);
}
