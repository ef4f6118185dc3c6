import { PLAIN_TEXT_MAX, type PlainRead, plainRead } from './plain-read.js';

/** Texts whose answer is remembered. */
const TEXTS_MAX = 1000;
/** How long a text is run the ordinary way after the server did not confirm that it is a plain read. */
const REFUSED_MS = 60_000;

interface Looked {
  /** Undefined until the text comes a second time. */
  read: PlainRead | null | undefined;
  /** By default database: until when it is not tried again, by `performance.now`. */
  readonly refused: Map<string | null, number>;
}

/**
 * Which texts are plain reads (plain-read.ts) and worth being kept prepared: those that have come before. A text that comes only
 * once, because its values are written in it, costs nothing here. Bounded; what was asked for longest ago goes first.
 */
export class PlainReads {
  readonly #looked = new Map<string, Looked>();

  /** Null: it is to be run the ordinary way. */
  find(sql: string, database: string | null): PlainRead | null {
    if (sql.length > PLAIN_TEXT_MAX) return null;
    const looked = this.#recent(sql);
    if (looked === null) return null;
    looked.read ??= looked.read === undefined ? plainRead(sql) : null;
    const { read, refused } = looked;
    if (read === null || refused.size === 0) return read;
    const until = refused.get(database);
    if (until === undefined) return read;
    if (until > performance.now()) return null;
    refused.delete(database);
    return read;
  }

  /** The server did not confirm it, or says each time that it may have changed. */
  refuse(sql: string, database: string | null): void {
    const refused = this.#recent(sql)?.refused;
    if (refused === undefined) return;
    if (refused.size >= TEXTS_MAX) refused.clear();
    refused.set(database, performance.now() + REFUSED_MS);
  }

  /** Null, and remembered from now on, when the text is new. */
  #recent(sql: string): Looked | null {
    const found = this.#looked.get(sql);
    if (found !== undefined) {
      this.#looked.delete(sql);
      this.#looked.set(sql, found);
      return found;
    }
    if (this.#looked.size >= TEXTS_MAX) {
      const [oldest] = this.#looked.keys();
      if (oldest !== undefined) this.#looked.delete(oldest);
    }
    this.#looked.set(sql, { read: undefined, refused: new Map() });
    return null;
  }
}
