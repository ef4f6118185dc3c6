/** Request parameters (JSON) -> bound parameters of a prepared statement. Pure. */
import { ApiError } from '../api-error.js';
import type { BoundParameter } from '../mysql/parameters.js';

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
  if (typeof value === 'object' && '$type' in value) return bindTagged(value, place);
  refuseUnsafeNumbers(value, place);
  return { kind: 'text', value: JSON.stringify(value) };
}

function bindNumber(value: number, place: Place): BoundParameter {
  // -0 is a double; as an integer it would lose its sign.
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return { kind: 'integer', value: BigInt(value) };
  refuseUnsafeNumbers(value, place);
  return { kind: 'double', value };
}

/** JSON.parse has already rounded such a number: storing it would silently store another one. */
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
const DECIMAL = /^[+-]?(?:\d{1,66}(?:\.\d{0,66})?|\.\d{1,66})$/;
const DATETIME = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

function bindTagged(tagged: object, place: Place): BoundParameter {
  const { $type: type, value, ...others } = tagged as { $type: unknown; value?: unknown };
  if (Object.keys(others).length > 0) throw invalid(place, 'has fields beside "$type" and "value".');
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
      if (typeof value !== 'string' || !DECIMAL.test(value)) {
        throw invalid(
          place,
          'is tagged "decimal": its value must be a decimal number as text, like "-12.50".',
        );
      }
      return { kind: 'decimal', value };
    }
    case 'datetime':
      return { kind: 'text', value: datetimeText(value, place) };
    default:
      throw invalid(place, 'has an unknown "$type"; known are blob, bigint, decimal and datetime.');
  }
}

/** MySQL's text as it is (zero dates included); an ISO time with a zone becomes its UTC text. */
function datetimeText(value: unknown, place: Place): string {
  const match = typeof value === 'string' ? DATETIME.exec(value) : null;
  if (!match) {
    throw invalid(
      place,
      'is tagged "datetime": its value must be like "2026-01-31 12:00:00.123456" or "2026-01-31T12:00:00Z".',
    );
  }
  const [, date = '', time, zone] = match;
  if (time === undefined) return date;
  if (zone === undefined || zone === 'Z') return `${date} ${time}`;
  const [clock = '', fraction] = time.split('.');
  const utc = new Date(`${date}T${clock}${zone}`);
  if (Number.isNaN(utc.getTime())) throw invalid(place, 'is tagged "datetime" and names no real time.');
  const text = utc.toISOString().slice(0, 19).replace('T', ' ');
  return fraction === undefined ? text : `${text}.${fraction}`;
}

function invalid(place: Place, what: string): ApiError {
  return new ApiError(400, 'INVALID_PARAMETER', `Parameter ${place.index + 1} ${what}`, {
    statement: place.statement,
    applied: 'no',
  });
}
