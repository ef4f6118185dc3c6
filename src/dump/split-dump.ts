/**
 * Splits a dump into statements as the `mariadb` client does: at the delimiter outside of texts, names and comments, with
 * `DELIMITER` lines. Bytes are unchanged: each character is one byte (latin1). Linear; only the incomplete statement is kept
 * in memory.
 */
export interface DumpStatement {
  /** Text before it that is not a statement: comments that end in a delimiter, DELIMITER lines. */
  readonly before: string;
  readonly text: string;
  /** What ends it; '' at the end of the dump. */
  readonly delimiter: string;
  /** Of its first character that is no blank, from 1. */
  readonly line: number;
}

type Inside = "'" | '"' | '`' | 'line comment' | 'comment' | null;

const DELIMITER_LINE = /^[ \t]*DELIMITER[ \t]+(\S+)[ \t]*\r?$/i;

export class DumpSplitter {
  /** A backslash in a string is an ordinary character (sql_mode NO_BACKSLASH_ESCAPES). */
  plainBackslashes = false;
  #delimiter = ';';
  #before = '';
  #rest = '';
  /** Offset up to which the rest was scanned. */
  #at = 0;
  #inside: Inside = null;
  #line = 1;
  /** So far the statement has only blanks and comments. */
  #blank = true;
  #startLine = 1;

  /** What follows the last statement. */
  get tail(): string {
    return this.#before + this.#rest;
  }

  push(bytes: Buffer): void {
    this.#rest += bytes.toString('latin1');
  }

  /** The next complete statement; null = more bytes are needed. With `atEnd` the rest counts as one. */
  next(atEnd: boolean): DumpStatement | null {
    for (;;) {
      const text = this.#rest;
      if (this.#at >= text.length) return atEnd ? this.#last() : null;
      if (this.#inside !== null) {
        if (!this.#skipInside(atEnd)) return atEnd ? this.#last() : null;
        continue;
      }
      // Two characters more tell a comment, a whole line a DELIMITER.
      if (this.#blank && this.#isLineStart()) {
        const end = text.indexOf('\n', this.#at);
        if (end < 0 && !atEnd && /^[ \t]*(D|$)/i.test(text.slice(this.#at, this.#at + 100))) return null;
        const line = text.slice(this.#at, end < 0 ? undefined : end);
        const found = line.length < 100 ? DELIMITER_LINE.exec(line) : null;
        if (found) {
          this.#delimiter = found[1] ?? ';';
          this.#before += text.slice(0, end < 0 ? text.length : end + 1);
          this.#drop(end < 0 ? text.length : end + 1);
          continue;
        }
      }
      if (!atEnd && text.length - this.#at < Math.max(3, this.#delimiter.length)) return null;
      if (text.startsWith(this.#delimiter, this.#at)) {
        const statement = this.#take(this.#delimiter.length);
        if (statement) return statement;
        continue;
      }
      this.#step();
    }
  }

  #isLineStart(): boolean {
    return this.#at === 0 || this.#rest[this.#at - 1] === '\n';
  }

  /** One character, or the beginning of something in which delimiters do not count. */
  #step(): void {
    const text = this.#rest;
    const char = text[this.#at] ?? '';
    if (char === '\n') this.#line++;
    if (char === "'" || char === '"' || char === '`') this.#begin(char, 1);
    else if (char === '#') this.#begin('line comment', 1);
    else if (char === '-' && /^--[\s]/.test(text.slice(this.#at, this.#at + 3)))
      this.#begin('line comment', 2);
    // What stands in /*! ... */ or /*M! ... */ is executed.
    else if (char === '/' && text[this.#at + 1] === '*' && !/[!M]/.test(text[this.#at + 2] ?? ''))
      this.#begin('comment', 2);
    else {
      if (!/\s/.test(char)) this.#seen();
      this.#at++;
    }
  }

  #begin(inside: Exclude<Inside, null>, size: number): void {
    if (inside !== 'line comment' && inside !== 'comment') this.#seen();
    this.#inside = inside;
    this.#at += size;
  }

  #seen(): void {
    if (this.#blank) this.#startLine = this.#line;
    this.#blank = false;
  }

  /** Moves to the end of the current string, name or comment; false when that has not arrived yet. */
  #skipInside(atEnd: boolean): boolean {
    const text = this.#rest;
    const inside = this.#inside;
    while (this.#at < text.length) {
      const char = text[this.#at];
      if (char === '\n') this.#line++;
      if (inside === 'line comment') {
        this.#at++;
        if (char === '\n') return this.#leave();
      } else if (inside === 'comment') {
        if (char === '*' && this.#at + 1 >= text.length && !atEnd) return false;
        if (char === '*' && text[this.#at + 1] === '/') {
          this.#at += 2;
          return this.#leave();
        }
        this.#at++;
      } else if (char === '\\' && inside !== '`' && !this.plainBackslashes) {
        if (this.#at + 1 >= text.length && !atEnd) return false;
        if (text[this.#at + 1] === '\n') this.#line++;
        this.#at += 2;
      } else {
        this.#at++;
        // A doubled quote ends one text and begins the next, which is the same here.
        if (char === inside) return this.#leave();
      }
    }
    return false;
  }

  #leave(): true {
    this.#inside = null;
    return true;
  }

  /** Removes and returns the scanned text; null when it was only blanks and comments. */
  #take(delimiterSize: number): DumpStatement | null {
    const text = this.#rest.slice(0, this.#at);
    const delimiter = this.#rest.slice(this.#at, this.#at + delimiterSize);
    const statement = this.#blank ? null : { before: this.#before, text, delimiter, line: this.#startLine };
    this.#before = statement ? '' : this.#before + text + delimiter;
    this.#drop(this.#at + delimiterSize);
    return statement;
  }

  #drop(size: number): void {
    for (
      let at = this.#rest.indexOf('\n', this.#at);
      at >= 0 && at < size;
      at = this.#rest.indexOf('\n', at + 1)
    )
      this.#line++;
    this.#rest = this.#rest.slice(size);
    this.#at = 0;
    this.#blank = true;
  }

  #last(): DumpStatement | null {
    this.#at = this.#rest.length;
    return this.#take(0);
  }
}
