/**
 * Where comments, strings and quoted names of a SQL text end, as MySQL and MariaDB read it. Linear in the text's length.
 * It does not decide what a statement means.
 */

const NEWLINE = '\n';

/** Codes of the characters that matter, in ASCII: comparing numbers makes no string for each place of a long text. */
const HASH = 0x23;
const ASTERISK = 0x2a;
const MINUS = 0x2d;
const SLASH = 0x2f;
const EXCLAMATION = 0x21;
const CAPITAL_M = 0x4d;

/** White space, and what MariaDB skips like it: control characters. */
function isSpace(code: number): boolean {
  return code <= 0x20 || code === 0x7f;
}

/**
 * The place after the comment that begins at `at`; `at` itself when none does. An executable comment (one that begins
 * with `!` or `M!`) is code, not a comment. One that is not closed reaches to the end.
 */
export function skipComment(text: string, at: number): number {
  switch (text.charCodeAt(at)) {
    case HASH:
      return afterLine(text, at);
    case MINUS: {
      const isComment = text.charCodeAt(at + 1) === MINUS && !(text.charCodeAt(at + 2) > 0x20);
      return isComment ? afterLine(text, at) : at;
    }
    case SLASH: {
      if (text.charCodeAt(at + 1) !== ASTERISK || executableCommentLength(text, at) > 0) return at;
      const end = text.indexOf('*/', at + 2);
      return end === -1 ? text.length : end + 2;
    }
    default:
      return at;
  }
}

function afterLine(text: string, at: number): number {
  const end = text.indexOf(NEWLINE, at);
  return end === -1 ? text.length : end + 1;
}

/** Length of the opening of an executable comment at `at` (`/*!`, `/*M!`, with a version number); 0 when there is none. */
export function executableCommentLength(text: string, at: number): number {
  if (text.charCodeAt(at) !== SLASH || text.charCodeAt(at + 1) !== ASTERISK) return 0;
  let end = at + 2;
  if (text.charCodeAt(end) === CAPITAL_M) end++;
  if (text.charCodeAt(end) !== EXCLAMATION) return 0;
  end++;
  const digitsMax = end + 6;
  while (end < digitsMax && text.charCodeAt(end) >= 0x30 && text.charCodeAt(end) <= 0x39) end++;
  return end - at;
}

/** The place of the first character that is neither white space nor in a comment. */
function skipSpaceAndComments(text: string, from = 0): number {
  let at = from;
  while (at < text.length) {
    const next = isSpace(text.charCodeAt(at)) ? at + 1 : skipComment(text, at);
    if (next === at) return at;
    at = next;
  }
  return at;
}

/** The text without leading white space and comments: how it begins is what the server's parser sees first. */
export function withoutLeadingComments(text: string): string {
  const at = skipSpaceAndComments(text);
  return at === 0 ? text : text.slice(at);
}

export interface Quoted {
  /** The place after the closing quote, or the text's end. */
  readonly end: number;
  /** A backslash stands before a quote: where the text ends then depends on sql_mode (NO_BACKSLASH_ESCAPES). */
  readonly ambiguous: boolean;
}

/**
 * The text that `'`, `"` or a backtick at `at` opens. A doubled quote counts as the end of one text and the beginning of the
 * next.
 */
export function skipQuoted(text: string, at: number): Quoted {
  const quote = text[at] ?? '';
  const end = text.indexOf(quote, at + 1);
  if (end === -1) return { end: text.length, ambiguous: false };
  let backslashes = 0;
  while (end - 1 - backslashes > at && text[end - 1 - backslashes] === '\\') backslashes++;
  return { end: end + 1, ambiguous: quote !== '`' && backslashes % 2 === 1 };
}
