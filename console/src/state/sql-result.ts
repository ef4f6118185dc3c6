/** A value from the database, as it is shown. Pure. */
import type { Column } from '../../../client/src/index.js';
import { count } from './text.js';

export const BINARY = /^(bit|binary|varbinary|blob|geometry)$/;
/** Of a binary value, enough to recognise it. */
const BYTES_SHOWN = 64;
const NUMBERS = /^(tinyint|smallint|mediumint|int|bigint|float|double|decimal|year)$/;

export const isNumeric = ({ type }: Column): boolean => NUMBERS.test(type);

/** A value as text; null stays null, because it is not the text NULL. */
export function valueText(value: unknown, { type }: Column): string | null {
  if (value === null || value === undefined) return null;
  if (BINARY.test(type)) return hexOf(String(value));
  return typeof value === 'object' || type === 'json' ? JSON.stringify(value) : String(value);
}

/** Bytes come as base64; people know them by their hexadecimal digits, and SQL takes them so. */
function hexOf(base64: string): string {
  const all = bytesOf(base64);
  const digits = all.slice(0, BYTES_SHOWN).map((byte) => byte.toString(16).padStart(2, '0'));
  const more = all.length > BYTES_SHOWN ? ` ... (${count(all.length)} bytes)` : '';
  return all.length === 0 ? '(no bytes)' : `0x${digits.join('')}${more}`;
}

export const bytesOf = (base64: string): readonly number[] =>
  [...atob(base64)].map((byte) => byte.charCodeAt(0));
