/**
 * Finds, anywhere in a statement's text, the statements that every account of MariaDB may execute and no token may: KILL,
 * XA, and changes of the account itself. So they are also seen behind SET STATEMENT ... FOR, in executable comments, and
 * in BEGIN NOT ATOMIC. What it cannot see is a text that the server puts together or reads later: EXECUTE IMMEDIATE of
 * an expression, a procedure. Linear in the text's length; pure.
 */
import { executableCommentLength, skipComment, skipQuoted } from '../mysql-protocol/sql-text.js';

export type OwnStatement = 'kill' | 'xa' | 'account';

/** Codes of the characters that matter, in ASCII. */
const APOSTROPHE = 0x27;
const QUOTE = 0x22;
const BACKTICK = 0x60;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const AT = 0x40;
/** A definition: another session executes its body, or this one later. */
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
    const code = text.charCodeAt(at);
    if (code === APOSTROPHE || code === QUOTE || code === BACKTICK) {
      at = escapes && code !== BACKTICK ? skipEscaped(text, at) : skipQuoted(text, at).end;
      continue;
    }
    const end = wordEnd(text, at);
    const before = text.charCodeAt(at - 1);
    if (end > at && before !== DOT && before !== AT) yield text.slice(at, end).toLowerCase();
    at = Math.max(end, at + 1);
  }
}

/** The place after the word that begins at `at`; `at` itself when none does. */
function wordEnd(text: string, at: number): number {
  let end = at;
  while (end < text.length && isWordCode(text.charCodeAt(end))) end++;
  return end;
}

function isWordCode(code: number): boolean {
  const isDigit = code >= 0x30 && code <= 0x39;
  const isLetter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
  return isLetter || isDigit || code === 0x5f || code === 0x24 || code >= 0x80;
}

/** The same as `skipQuoted`, for a server that takes a backslash and what follows it as one character. */
function skipEscaped(text: string, at: number): number {
  const quote = text.charCodeAt(at);
  for (let end = at + 1; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === BACKSLASH) end++;
    else if (code === quote) return end + 1;
  }
  return text.length;
}
