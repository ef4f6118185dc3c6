/**
 * Reads a request's body without the silent changes of `JSON.parse` and of UTF-8 encoders: numbers that a double cannot
 * carry and halves of surrogate pairs are refused. Pure.
 */

import { ApiError } from '../api/api-error.js';
import { messageOf } from '../model/error.js';

/** A number of the body is quoted in the refusal up to this length. */
const QUOTED_MAX = 40;

/** @throws ApiError 400 INVALID_JSON | INEXACT_NUMBER */
export function parseExactJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`The body is not JSON: ${messageOf(error).slice(0, 200)}`);
  }
  const inexact = findInexactNumber(text);
  if (inexact !== null) {
    throw new ApiError(
      400,
      'INEXACT_NUMBER',
      `The body holds the number ${inexact.slice(0, QUOTED_MAX)}, which a double cannot carry exactly. Send it as {"$type":"decimal","value":"..."} or as text; inside a JSON document, send the document as text.`,
    );
  }
  // In valid UTF-8 text only an escape can make half of a surrogate pair.
  if (SURROGATE_ESCAPE.test(text) && hasLoneSurrogate(value)) {
    throw invalid('A text of the body holds half of a surrogate pair (like \\ud800), which is no character.');
  }
  return value;
}

/** Any number that is not exact has an exponent or at least sixteen digits. Most bodies end here. */
const SUSPECT = /\d[eE]|[\d.]{16}/;
const LONG_NUMBER = /-?(?:\d[\d.]*[eE][\d+-]*|\d[\d.]{15,})/g;

/** The first number whose double reads back as another decimal number; null when there is none. `text` is valid JSON. */
export function findInexactNumber(text: string): string | null {
  if (!SUSPECT.test(text)) return null;
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const end = quote === -1 ? text.length : quote;
    const between = text.slice(at, end);
    if (SUSPECT.test(between)) {
      for (const [number] of between.matchAll(LONG_NUMBER)) if (!isExact(number)) return number;
    }
    at = quote === -1 ? text.length : afterString(text, quote + 1);
  }
  return null;
}

/** The offset after the closing quote of a string whose content begins at `from`. */
function afterString(text: string, from: number): number {
  for (let at = from; ; ) {
    const quote = text.indexOf('"', at);
    if (quote === -1) return text.length;
    let backslashes = 0;
    while (quote - 1 - backslashes >= at && text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

/** Decimal numbers with up to this many digits are different doubles (DBL_DIG), down to the smallest normal one. */
const DIGITS_DISTINCT = 15;
const SMALLEST_NORMAL = 2.3e-308;
const WHOLE = /^-?\d{1,400}$/;

/** Exactly the double's value, or the shortest decimal number that reads as this double (what programs write for it). */
function isExact(number: string): boolean {
  const value = Number(number);
  if (!Number.isFinite(value)) return false;
  // The first two checks are cheap and nearly always decide: a body may have a quarter of a million numbers.
  if (String(value) === number) return true;
  const exponentAt = number.search(/[eE]/);
  const mantissaLength = exponentAt === -1 ? number.length : exponentAt;
  if (mantissaLength <= DIGITS_DISTINCT && Math.abs(value) >= SMALLEST_NORMAL) return true;
  if (decimalOf(number) === decimalOf(String(value))) return true;
  return WHOLE.test(number) && BigInt(number) === BigInt(value);
}

/** The number's magnitude in one form for each value: its digits, and the power of ten of the last one. */
function decimalOf(number: string): string {
  const [mantissa = '', exponent = '0'] = number
    .replace('-', (sign, at) => (at === 0 ? '' : sign))
    .split(/[eE]/);
  const [whole = '', fraction = ''] = mantissa.split('.');
  const all = `${whole}${fraction}`;
  let first = 0;
  while (all[first] === '0') first++;
  let end = all.length;
  while (end > first && all[end - 1] === '0') end--;
  if (first === end) return '0';
  return `${all.slice(first, end)}e${Number(exponent) - fraction.length + (all.length - end)}`;
}

const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Without recursion: the depth of a body is the client's choice. */
function hasLoneSurrogate(root: unknown): boolean {
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value === 'string') {
      if (LONE_SURROGATE.test(value)) return true;
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        if (LONE_SURROGATE.test(key)) return true;
        open.push(inner);
      }
    }
  }
  return false;
}

function invalid(message: string): ApiError {
  return new ApiError(400, 'INVALID_JSON', message);
}
