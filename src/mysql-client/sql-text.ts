/** Values as they stand in the text of a statement. What it does not do: quote names (see `quoted` in mysql-control). */
import { SkeinError } from '../model/error.js';

export type TextValue = string | number | null;

/**
 * A value as SQL, the same in any sql_mode and character set: texts in hexadecimal, which nothing needs to escape.
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
 * Puts the values in place of the question marks, each of which has to be a parameter: for statements of our own, whose
 * texts have no other.
 * @throws SkeinError SQL_VALUE there are more or fewer values than question marks
 */
export function bindValues(sql: string, values: readonly TextValue[]): string {
  const [first = '', ...rest] = sql.split('?');
  if (rest.length !== values.length) {
    throw new SkeinError('SQL_VALUE', `${values.length} value(s) for ${rest.length} parameter(s) of ${sql}`);
  }
  return rest.reduce((text, part, i) => text + sqlText(values[i] ?? null) + part, first);
}

/** Of host names, addresses, names of accounts and our own passwords (base64url). */
const PLAIN = /^[\w.:@-]*$/;

/**
 * A text in quotes, for the few places where the grammar takes nothing else (CHANGE MASTER TO).
 * @throws SkeinError SQL_VALUE it has a character that might have to be escaped, which depends on sql_mode
 */
export function plainText(value: string): string {
  if (PLAIN.test(value)) return `'${value}'`;
  throw new SkeinError(
    'SQL_VALUE',
    'A text with other characters than letters, digits and -_.:@ cannot stand here.',
  );
}
