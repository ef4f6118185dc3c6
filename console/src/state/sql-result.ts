/** What a statement gave, as it is shown. Pure. */
import type { Column, SqlAnswer, SqlRequest, SqlResult } from '../../../client/src/index.js';
import { count, counted, duration } from './text.js';

/** More than this makes the page slow and is not read anyway. */
const ROWS_SHOWN = 500;
const BINARY = /^(bit|binary|varbinary|blob|geometry)$/;
/** Of a binary value, enough to recognise it. */
const BYTES_SHOWN = 64;
const NUMBERS = /^(tinyint|smallint|mediumint|int|bigint|float|double|decimal|year)$/;

export interface SqlInput {
  readonly sql: string;
  readonly database: string;
  /** A position to wait for. */
  readonly after: string;
}

export function requestOf(input: SqlInput): SqlRequest {
  const database = input.database.trim();
  const after = input.after.trim();
  return {
    sql: input.sql.trim().replace(/;$/, ''),
    ...(database !== '' && { database }),
    ...(after !== '' && { read: { level: 'session', after } }),
  };
}

export function summaryOf(answer: SqlAnswer): string {
  const [result] = answer.results;
  if (result === undefined) return '';
  const did =
    result.columns.length > 0
      ? counted(result.rowCount, 'row')
      : `${count(result.affectedRows)} affected${result.insertId ? `, insert id ${result.insertId}` : ''}`;
  return [
    did,
    ...(result.warnings > 0 ? [counted(result.warnings, 'warning')] : []),
    duration(answer.durationMs),
    `${answer.node} (${answer.role})`,
    `position ${answer.position}`,
    ...(result.rows.length > ROWS_SHOWN ? [`the first ${ROWS_SHOWN} are shown`] : []),
  ].join(' · ');
}

export const isNumeric = ({ type }: Column): boolean => NUMBERS.test(type);

/** The rows that are shown; each is an array. */
export const shownRows = ({ rows }: SqlResult): readonly (readonly unknown[])[] =>
  rows.slice(0, ROWS_SHOWN) as unknown[][];

/** A value as text; null stays null, because it is not the text NULL. */
export function valueText(value: unknown, { type }: Column): string | null {
  if (value === null || value === undefined) return null;
  if (BINARY.test(type)) return hexOf(String(value));
  return typeof value === 'object' || type === 'json' ? JSON.stringify(value) : String(value);
}

/** Bytes come as base64; people know them by their hexadecimal digits, and SQL takes them so. */
function hexOf(base64: string): string {
  const text = atob(base64);
  const digits = [...text.slice(0, BYTES_SHOWN)].map((byte) =>
    byte.charCodeAt(0).toString(16).padStart(2, '0'),
  );
  const more = text.length > BYTES_SHOWN ? ` ... (${count(text.length)} bytes)` : '';
  return text.length === 0 ? '(no bytes)' : `0x${digits.join('')}${more}`;
}
