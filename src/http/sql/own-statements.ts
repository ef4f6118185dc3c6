/**
 * Finds, anywhere in a statement's text, the statements that every account of MariaDB may execute and no token may: KILL,
 * XA, and changes of the account itself. So they are also seen behind SET STATEMENT ... FOR, in executable comments, and
 * in BEGIN NOT ATOMIC. What it can not see is a text that the server puts together or reads later: EXECUTE IMMEDIATE of
 * an expression, a procedure. Linear in the text's length; pure.
 */
import { executableCommentLength, skipComment, skipQuoted } from '../../mysql-protocol/sql-text.js';

export type OwnStatement = 'kill' | 'xa' | 'account';

const WORD = /[\w$\u0080-\uffff]+/y;
/** It is defined here, and executed by somebody else, or later. */
const DEFINES = /^(?:create|alter(?!\s+user))(?![\w$])/i;
const ROWS = /^(?:select|insert|update|delete|replace)(?![\w$])/i;
const XA_BEGINS = new Set(['start', 'begin', 'prepare', 'commit', 'rollback']);

/**
 * Of a text without leading comments. Whether a backslash keeps a quoted text open depends on sql_mode, which is the
 * client's, so both readings count.
 */
export function findOwnStatement(text: string): OwnStatement | null {
  // Rows are written by one statement only, and may hold any word.
  if (DEFINES.test(text) || ROWS.test(text)) return null;
  return findIn(codeWords(text, true)) ?? (text.includes('\\') ? findIn(codeWords(text, false)) : null);
}

function findIn(words: Iterable<string>): OwnStatement | null {
  let before = '';
  for (const word of words) {
    if (word === 'kill') return 'kill';
    if (before === 'xa' && XA_BEGINS.has(word)) return 'xa';
    if (before === 'set' && word === 'password') return 'account';
    if (before === 'alter' && word === 'user') return 'account';
    if (before === 'default' && word === 'role') return 'account';
    before = word;
  }
  return null;
}

/** Words outside of comments, texts and quoted names, in small letters; not those that a dot or @ makes a name. */
function* codeWords(text: string, escapes: boolean): Generator<string> {
  let at = 0;
  while (at < text.length) {
    const opening = executableCommentLength(text, at);
    if (opening > 0) {
      at += opening;
      continue;
    }
    const afterComment = skipComment(text, at);
    if (afterComment > at) {
      at = afterComment;
      continue;
    }
    const char = text[at] ?? '';
    if (char === "'" || char === '"' || char === '`') {
      at = escapes && char !== '`' ? skipEscaped(text, at) : skipQuoted(text, at).end;
      continue;
    }
    WORD.lastIndex = at;
    const word = WORD.exec(text)?.[0];
    if (word === undefined) {
      at++;
      continue;
    }
    const isName = text[at - 1] === '.' || text[at - 1] === '@';
    if (!isName) yield word.toLowerCase();
    at += word.length;
  }
}

/** The same as `skipQuoted`, for a server that takes a backslash and what follows it as one character. */
function skipEscaped(text: string, at: number): number {
  const quote = text[at];
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === '\\') end++;
    else if (text[end] === quote) return end + 1;
  }
  return text.length;
}
