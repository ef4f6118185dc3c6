/**
 * Cuts SQL text of MariaDB into tokens, as far as that is needed to find a word that is code and not data. Pure, and
 * linear: it only moves forward, so hostile text costs no more than other text of its length.
 * It knows the default sql_mode: with NO_BACKSLASH_ESCAPES a string may end elsewhere.
 */

/** A string, or a part of one. Characters are bytes (latin1): all that matters here is ASCII. */
export interface Text {
  readonly length: number;
  charCodeAt(index: number): number;
}

export type TokenKind = 'word' | 'string' | 'name' | 'sign' | 'end';

const TAB = 0x09;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const BANG = 0x21;
const DOUBLE_QUOTE = 0x22;
const HASH = 0x23;
const SINGLE_QUOTE = 0x27;
const STAR = 0x2a;
const MINUS = 0x2d;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const BACKTICK = 0x60;
const DELETE = 0x7f;
/** A space in latin1 sessions (seen on 10.11); in UTF-8 this byte only follows another non-ASCII byte. */
const LATIN1_SPACE = 0xa0;
const CAPITAL_M = 0x4d;

/** Callers look for no longer word. */
const WORD_MAX = 16;
/** The server skips comments for the versions of MySQL that it never was, unless they are marked as MariaDB's own. */
const MYSQL_ONLY_FROM = 50_700;
/** Comments for this version and later ones: the tokenizer does not know whether the server is that new. */
const MARIADB_FROM = 100_000;

export class SqlTokens {
  readonly #text: Text;
  readonly #newestServer: boolean;
  #at = 0;
  /** Inside of an executable comment, whose end then counts as white space. */
  #inComment = false;
  #kind: TokenKind = 'end';
  /** Start of the current token, quotes included. */
  start = 0;
  end = 0;
  /** Whether a comment was met whose execution depends on the server's version. */
  dependsOnVersion = false;

  constructor(text: Text, options: { newestServer: boolean }) {
    this.#text = text;
    this.#newestServer = options.newestServer;
  }

  /** Moves to the next token; 'end' when there is none. */
  next(): TokenKind {
    this.#skipSpace();
    this.start = this.#at;
    this.#kind = this.#read();
    this.end = this.#at;
    return this.#kind;
  }

  /** The current word in lower case; '' when the token is not a word, or is longer than WORD_MAX. */
  word(): string {
    if (this.#kind !== 'word' || this.end - this.start > WORD_MAX) return '';
    let word = '';
    for (let i = this.start; i < this.end; i++) word += String.fromCharCode(this.#code(i));
    return word.toLowerCase();
  }

  is(kind: TokenKind): boolean {
    return this.#kind === kind;
  }

  isSign(sign: string): boolean {
    return this.#kind === 'sign' && this.#code(this.start) === sign.charCodeAt(0);
  }

  #code(index: number): number {
    // NaN after the end; every comparison with it is false.
    return this.#text.charCodeAt(index);
  }

  #read(): TokenKind {
    const code = this.#code(this.#at);
    if (Number.isNaN(code)) return 'end';
    if (code === SINGLE_QUOTE || code === DOUBLE_QUOTE) return this.#quoted(code, 'string');
    if (code === BACKTICK) return this.#quoted(code, 'name');
    if (!isWordPart(code)) {
      this.#at++;
      return 'sign';
    }
    let before = code;
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const next = this.#code(this.#at);
      if (!isWordPart(next) || (next === LATIN1_SPACE && before < 0x80)) break;
      before = next;
    }
    return 'word';
  }

  /** A doubled quote makes two tokens of one string, which no caller distinguishes. */
  #quoted(quote: number, kind: TokenKind): TokenKind {
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const code = this.#code(this.#at);
      if (code === BACKSLASH && quote !== BACKTICK) this.#at++;
      else if (code === quote) break;
    }
    this.#at = Math.min(this.#at + 1, this.#text.length);
    return kind;
  }

  #skipSpace(): void {
    while (this.#at < this.#text.length) {
      const code = this.#code(this.#at);
      const next = this.#code(this.#at + 1);
      if (isSpace(code)) this.#at++;
      else if (code === HASH) this.#skipLine();
      else if (code === MINUS && next === MINUS && endsDashes(this.#code(this.#at + 2))) this.#skipLine();
      else if (code === SLASH && next === STAR) this.#comment();
      else if (code === STAR && next === SLASH && this.#inComment) {
        this.#inComment = false;
        this.#at += 2;
      } else return;
    }
  }

  #skipLine(): void {
    while (this.#at < this.#text.length && this.#code(this.#at) !== NEWLINE) this.#at++;
  }

  #comment(): void {
    const third = this.#code(this.#at + 2);
    const isMariadbs = third === CAPITAL_M && this.#code(this.#at + 3) === BANG;
    if (this.#inComment || (third !== BANG && !isMariadbs)) {
      this.#at += 2;
      this.#skipComment();
      return;
    }
    this.#at += isMariadbs ? 4 : 3;
    if (this.#isExecuted(this.#version(), isMariadbs)) this.#inComment = true;
    else this.#skipComment();
  }

  /** Five digits, or six; 0 = none is given. */
  #version(): number {
    let version = 0;
    let digits = 0;
    for (; digits < 6 && isDigit(this.#code(this.#at + digits)); digits++) {
      version = version * 10 + this.#code(this.#at + digits) - 0x30;
    }
    if (digits < 5) return 0;
    this.#at += digits;
    return version;
  }

  #isExecuted(version: number, isMariadbs: boolean): boolean {
    if (version >= MARIADB_FROM) {
      this.dependsOnVersion = true;
      return this.#newestServer;
    }
    return isMariadbs || version < MYSQL_ONLY_FROM;
  }

  /** Moves behind the end of the comment, or to the end of the text. */
  #skipComment(): void {
    while (this.#at < this.#text.length) {
      if (this.#code(this.#at) === STAR && this.#code(this.#at + 1) === SLASH) {
        this.#at += 2;
        return;
      }
      this.#at++;
    }
  }
}

function isSpace(code: number): boolean {
  return code === SPACE || (code >= TAB && code <= CARRIAGE_RETURN) || code === LATIN1_SPACE;
}

/** `--` begins a comment before white space, a control character, or at the end. */
function endsDashes(code: number): boolean {
  return Number.isNaN(code) || code <= SPACE || code === DELETE;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Letters, digits, _ $, and everything that is not ASCII. */
function isWordPart(code: number): boolean {
  const letter = code | 0x20;
  return (
    (letter >= 0x61 && letter <= 0x7a) || isDigit(code) || code === 0x5f || code === 0x24 || code >= 0x80
  );
}
