/** Writes values into the text of a statement. It does not quote names (see `quoted` in mysql-control). */
import { SkeinError } from '../model/error.js';

export type TextValue = string | number | null;

/**
 * A value as SQL that means the same in any sql_mode and character set. Texts are in hexadecimal, so nothing is escaped.
 * @throws SkeinError SQL_VALUE a number that is not finite
 */
export function sqlText(value: TextValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string')
    return value === '' ? "''" : `_utf8mb4 x'${Buffer.from(value).toString('hex')}'`;
  if (Number.isFinite(value)) return String(value);
  throw new SkeinError('SQL_VALUE', `${value} is no number of SQL.`);
}

/**
 * Puts the values in place of the question marks. Only for Skein's own statements: each question mark in the text has to be
 * a parameter.
 * @throws SkeinError SQL_VALUE there are more or fewer values than question marks
 */
export function bindValues(sql: string, values: readonly TextValue[]): string {
  const [first = '', ...rest] = sql.split('?');
  if (rest.length !== values.length) {
    throw new SkeinError('SQL_VALUE', `${values.length} value(s) for ${rest.length} parameter(s) of ${sql}`);
  }
  return rest.reduce((text, part, i) => text + sqlText(values[i] ?? null) + part, first);
}

/** Matches host names, addresses, account names and Skein's own passwords (base64url). */
const PLAIN = /^[\w.:@-]*$/;

/**
 * A text in quotes, for the few places where the grammar allows only that (CHANGE MASTER TO).
 * @throws SkeinError SQL_VALUE it has a character that might have to be escaped, which depends on sql_mode
 */
export function plainText(value: string): string {
  if (PLAIN.test(value)) return `'${value}'`;
  throw new SkeinError(
    'SQL_VALUE',
    'A text with other characters than letters, digits and -_.:@ cannot stand here.',
  );
}
