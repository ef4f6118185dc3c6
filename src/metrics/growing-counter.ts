/**
 * A counter out of an ordinal, which is known only while a server runs and may be smaller after a cut or a restart:
 * only growth since the first look is counted, as `rate()` would take any step back for a restart of the process.
 */
export class GrowingCounter {
  #last: number | null = null;
  total = 0;

  look(ordinal: number): number {
    if (this.#last !== null && ordinal > this.#last) this.total += ordinal - this.#last;
    // 0 is also what is said before anything is known: a jump from there is no growth.
    if (ordinal > 0 || this.#last !== null) this.#last = Math.max(ordinal, this.#last ?? 0);
    return this.total;
  }
}
