/**
 * `:name` in a statement, with an object as its parameters -> `?` with an array. Names in strings, quoted names and comments
 * are none. Linear in the text's length. Pure.
 */

import { ApiError } from '../api/api-error.js';
import { executableCommentLength, skipComment, skipQuoted } from '../mysql-protocol/sql-text.js';

export interface PositionalStatement {
  readonly sql: string;
  readonly params: readonly unknown[];
}

const WORD = /[A-Za-z0-9_$\u0080-\uffff]/;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;

/** @throws ApiError 400 INVALID_PARAMETER: a name without a value, a value without a name, `?`, a string that is not clear */
export function toPositional(
  sql: string,
  named: Readonly<Record<string, unknown>>,
  statement: number,
): PositionalStatement {
  const refuse = (what: string) => new ApiError(400, 'INVALID_PARAMETER', what, { statement, applied: 'no' });
  const params: unknown[] = [];
  const used = new Set<string>();
  let text = '';
  let copied = 0;
  for (let at = 0; at < sql.length; ) {
    const character = sql[at] ?? '';
    if (character === "'" || character === '"' || character === '`') {
      const { end, ambiguous } = skipQuoted(sql, at);
      if (ambiguous) {
        throw refuse(
          'A statement with named parameters has a backslash before a quote; where that string ends depends on sql_mode. Bind the string as a parameter, or double the quote.',
        );
      }
      at = end;
    } else if (character === '?') {
      throw refuse(
        'A statement has ? and an object as "params". Use ? with an array, or :name with an object.',
      );
    } else if (character === ':') {
      const name = nameAt(sql, at);
      if (name === null) {
        // `:=` and `::` are operators.
        at += sql[at + 1] === ':' || sql[at + 1] === '=' ? 2 : 1;
        continue;
      }
      if (!Object.hasOwn(named, name))
        throw refuse(`The statement names :${name}, which "params" does not have.`);
      params.push(named[name]);
      used.add(name);
      text += `${sql.slice(copied, at)}?`;
      at += 1 + name.length;
      copied = at;
    } else {
      const afterComment = skipComment(sql, at);
      at = afterComment > at ? afterComment : at + (executableCommentLength(sql, at) || 1);
    }
  }
  const unused = Object.keys(named).find((name) => !used.has(name));
  if (unused !== undefined) {
    throw refuse(`"params" has "${unused.slice(0, 64)}", which the statement does not name.`);
  }
  return { sql: text + sql.slice(copied), params };
}

/** Null when the colon at `at` belongs to something else: `a:b`, `:=`, `::`. */
function nameAt(sql: string, at: number): string | null {
  if (at > 0 && WORD.test(sql[at - 1] ?? '')) return null;
  NAME.lastIndex = at + 1;
  return NAME.exec(sql)?.[0] ?? null;
}
