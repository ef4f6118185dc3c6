/**
 * The statements that a session keeps prepared: plain reads (plain-read.ts) of ordinary tables. Bounded, because each takes
 * memory of the server and counts in its max_prepared_stmt_count; the one that was used longest ago goes first. Pure.
 */
import type { Prepared } from '../mysql-client/answers.js';

/** In each session: with three roles of 64 sessions a fifth of the server's own limit (16,382). */
const STATEMENTS_MAX = 16;

export interface KeptStatement extends Prepared {
  readonly sql: string;
  /** The default database in which it was prepared. */
  readonly database: string | null;
  /** The server has said once that it executed this very statement. */
  confirmed: boolean;
}

export class KeptStatements {
  readonly #kept = new Map<string, KeptStatement>();

  get size(): number {
    return this.#kept.size;
  }

  has(sql: string, database: string | null): boolean {
    return this.#kept.get(sql)?.database === database;
  }

  /** The statement for this text in this database, which counts as used now. */
  use(sql: string, database: string | null): KeptStatement | null {
    const found = this.#kept.get(sql);
    if (found === undefined || found.database !== database) return null;
    this.#kept.delete(sql);
    this.#kept.set(sql, found);
    return found;
  }

  /** Returns the ones that go. */
  keep(statement: KeptStatement): KeptStatement[] {
    const gone: KeptStatement[] = [];
    const before = this.#kept.get(statement.sql);
    if (before !== undefined) gone.push(before);
    this.#kept.delete(statement.sql);
    this.#kept.set(statement.sql, statement);
    if (this.#kept.size > STATEMENTS_MAX) {
      const [oldest] = this.#kept.values();
      if (oldest !== undefined) {
        this.#kept.delete(oldest.sql);
        gone.push(oldest);
      }
    }
    return gone;
  }

  /** The session was reset, which closes all of them. */
  clear(): void {
    this.#kept.clear();
  }
}
