import { PLAIN_TEXT_MAX, type PlainRead, plainRead } from './plain-read.js';

/** Texts whose answer is remembered. */
const TEXTS_MAX = 1000;
/** How long a text is run the ordinary way after the server did not confirm that it is a plain read. */
const REFUSED_MS = 60_000;

interface Looked {
  readonly read: PlainRead | null;
  /** By default database: until when it is not tried again, by `performance.now`. */
  readonly refused: Map<string | null, number>;
}

/** Which texts are plain reads (plain-read.ts), each looked at once. Bounded; what was asked for longest ago goes first. */
export class PlainReads {
  readonly #looked = new Map<string, Looked>();

  /** Null: it is to be run the ordinary way. */
  find(sql: string, database: string | null): PlainRead | null {
    if (sql.length > PLAIN_TEXT_MAX) return null;
    const { read, refused } = this.#look(sql);
    if (read === null || refused.size === 0) return read;
    const until = refused.get(database);
    if (until === undefined) return read;
    if (until > performance.now()) return null;
    refused.delete(database);
    return read;
  }

  /** The server did not confirm it, or says each time that it may have changed. */
  refuse(sql: string, database: string | null): void {
    const { refused } = this.#look(sql);
    if (refused.size >= TEXTS_MAX) refused.clear();
    refused.set(database, performance.now() + REFUSED_MS);
  }

  #look(sql: string): Looked {
    const found = this.#looked.get(sql);
    if (found !== undefined) return found;
    if (this.#looked.size >= TEXTS_MAX) {
      const [oldest] = this.#looked.keys();
      if (oldest !== undefined) this.#looked.delete(oldest);
    }
    const looked = { read: plainRead(sql), refused: new Map() };
    this.#looked.set(sql, looked);
    return looked;
  }
}
