/** Request parameters (JSON) -> bound parameters of a prepared statement. Pure. */
import { ApiError } from '../api/api-error.js';
import type { BoundParameter } from '../mysql-client/parameters.js';
import { datetimeText } from './datetime.js';

/** Beyond this no BIGINT reaches, so a large whole number can only be meant as a DOUBLE. */
const TWO_64 = 2 ** 64;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/** @throws ApiError 400 INVALID_PARAMETER, naming the statement and the parameter */
export function bindParameters(params: readonly unknown[], statement: number): BoundParameter[] {
  return params.map((value, index) => bindParameter(value, { statement, index }));
}

interface Place {
  readonly statement: number;
  readonly index: number;
}

function bindParameter(value: unknown, place: Place): BoundParameter {
  switch (typeof value) {
    case 'boolean':
      return { kind: 'boolean', value };
    case 'string':
      return { kind: 'text', value };
    case 'number':
      return bindNumber(value, place);
  }
  if (value === null) return { kind: 'null' };
  if (Array.isArray(value)) {
    throw invalid(
      place,
      'is an array. A list like IN (?, ?, ?) needs one ? and one parameter for each value; a JSON array is sent as {"$type":"json","value":[...]}.',
    );
  }
  if (typeof value === 'object' && '$type' in value) return bindTagged(value, place);
  return bindJson(value, place);
}

function bindJson(value: unknown, place: Place): BoundParameter {
  refuseUnsafeNumbers(value, place);
  return { kind: 'text', value: JSON.stringify(value) };
}

function bindNumber(value: number, place: Place): BoundParameter {
  // -0 is a double; as an integer it would lose its sign.
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return { kind: 'integer', value: BigInt(value) };
  refuseUnsafeNumbers(value, place);
  return { kind: 'double', value };
}

/**
 * The body has this very number (../exact-json.ts), but the program that wrote it may have rounded it: most hold numbers as
 * doubles.
 */
function refuseUnsafeNumbers(value: unknown, place: Place): void {
  if (typeof value === 'number') {
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < TWO_64) {
      throw invalid(
        place,
        'is a whole number beyond 2^53, which JSON numbers do not carry exactly. Send {"$type":"bigint","value":"..."} (or "decimal"); inside a JSON document, send the document as text.',
      );
    }
    return;
  }
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) refuseUnsafeNumbers(inner, place);
  }
}

const INTEGER = /^[+-]?\d{1,20}$/;
const DECIMAL = /^[+-]?(?:0*(\d{1,65})(?:\.(\d{0,38}))?|\.(\d{1,38}))$/;
/** Digits of a DECIMAL; the server would round a value with more. */
const DECIMAL_DIGITS_MAX = 65;

function bindTagged(tagged: object, place: Place): BoundParameter {
  const { $type: type, value, ...others } = tagged as { $type: unknown; value?: unknown };
  if (Object.keys(others).length > 0) throw invalid(place, 'has fields beside "$type" and "value".');
  if (type === 'json') {
    if (value === undefined) throw invalid(place, 'is tagged "json" and has no value.');
    return bindJson(value, place);
  }
  if (value === null) return { kind: 'null' };
  switch (type) {
    case 'blob': {
      // Encoding it again is the whole check; a regular expression would need a stack for 32 MiB.
      const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : null;
      if (bytes === null || bytes.toString('base64') !== value) {
        throw invalid(place, 'is tagged "blob": its value must be base64 text with padding.');
      }
      return { kind: 'blob', value: bytes };
    }
    case 'bigint': {
      const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
      if (typeof text !== 'string' || !INTEGER.test(text)) {
        throw invalid(place, 'is tagged "bigint": its value must be a whole number as text.');
      }
      const integer = BigInt(text.replace(/^\+/, ''));
      if (integer < INT64_MIN || integer > UINT64_MAX) throw invalid(place, 'is beyond 64 bits.');
      return { kind: 'integer', value: integer };
    }
    case 'decimal': {
      const match = typeof value === 'string' ? DECIMAL.exec(value) : null;
      const digits = (match?.[1]?.length ?? 0) + (match?.[2] ?? match?.[3] ?? '').length;
      if (match === null || digits > DECIMAL_DIGITS_MAX) {
        throw invalid(
          place,
          'is tagged "decimal": its value must be a decimal number as text, like "-12.50", with 65 digits at most, 38 of them after the point.',
        );
      }
      return { kind: 'decimal', value: match[0] };
    }
    case 'datetime': {
      const text = typeof value === 'string' ? datetimeText(value) : null;
      if (text === null) {
        throw invalid(
          place,
          'is tagged "datetime": its value must be a time that exists, like "2026-01-31 12:00:00.123456" or "2026-01-31T12:00:00+02:00", of the years 0000 to 9999 in UTC.',
        );
      }
      return { kind: 'text', value: text };
    }
    default:
      throw invalid(place, 'has an unknown "$type"; known are blob, bigint, decimal, datetime and json.');
  }
}

function invalid(place: Place, what: string): ApiError {
  return new ApiError(400, 'INVALID_PARAMETER', `Parameter ${place.index + 1} ${what}`, {
    statement: place.statement,
    applied: 'no',
  });
}
