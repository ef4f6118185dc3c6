/**
 * Which texts this server has prepared before, and how many parameters each has: then the execution can be sent together
 * with the preparation, without waiting for its answer. Holds only texts whose number of parameters no setting of the
 * session can change, and whose preparation need not be looked at first. Bounded; the oldest is dropped first. Pure.
 */
import { canNotCommit } from './guard.js';

const STATEMENTS_MAX = 1000;
const TEXT_MAX = 4096;
/** What a backslash escapes depends on sql_mode (NO_BACKSLASH_ESCAPES), and so does what a colon names (ORACLE). */
const DEPENDS_ON_MODE = /[\\:]/;

export class KnownStatements {
  readonly #counts = new Map<string, number>();

  /** Null when it is not known. */
  parameterCount(sql: string): number | null {
    return this.#counts.get(sql) ?? null;
  }

  learn(sql: string, parameterCount: number): void {
    if (this.#counts.has(sql) || sql.length > TEXT_MAX) return;
    if (DEPENDS_ON_MODE.test(sql) || !canNotCommit(sql)) return;
    if (this.#counts.size >= STATEMENTS_MAX) {
      const [oldest] = this.#counts.keys();
      if (oldest !== undefined) this.#counts.delete(oldest);
    }
    this.#counts.set(sql, parameterCount);
  }
}
