/**
 * A counter made from an ordinal. The ordinal is known only while a server runs, and may be smaller after a cut or a restart. So
 * only its growth since the first reading is counted: `rate()` would take a smaller value for a restart of the process.
 */
export class GrowingCounter {
  #last: number | null = null;
  total = 0;

  look(ordinal: number): number {
    if (this.#last !== null && ordinal > this.#last) this.total += ordinal - this.#last;
    // 0 also means "not known yet": a jump from 0 is no growth.
    if (ordinal > 0 || this.#last !== null) this.#last = Math.max(ordinal, this.#last ?? 0);
    return this.total;
  }
}
