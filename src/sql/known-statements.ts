/**
 * Which texts this server has prepared before, and how many parameters each has: then the execution can leave together
 * with the preparation, without waiting for its answer. Only for texts whose number of parameters nothing but the text
 * decides, and that need no look at what was prepared. Bounded; the oldest leaves first. Pure.
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
