/**
 * Whether the event loop may wait for the disk itself. Handing a small write to the thread pool costs more CPU than the
 * write (seen: 140 us against 65 us), and on a disk that answers in a fraction of a millisecond more time too. A disk
 * that keeps the loop waiting is left to the pool for a while, each time twice as long, and then tried again: a slow
 * one costs the loop two waits in a minute at most.
 */
const AVERAGE_MAX_MS = 1;
const WEIGHT = 1 / 8;
const REST_FIRST_MS = 50;
const REST_MAX_MS = 60_000;

export class Patience {
  readonly #nowMs: () => number;
  #averageMs = 0;
  #restMs = REST_FIRST_MS;
  #restUntilMs = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  allows(): boolean {
    return this.#restUntilMs === 0 || this.#nowMs() >= this.#restUntilMs;
  }

  /** A wait is over that began at `beganMs`. */
  waited(beganMs: number): void {
    const now = this.#nowMs();
    this.#averageMs += (now - beganMs - this.#averageMs) * WEIGHT;
    if (this.#averageMs <= AVERAGE_MAX_MS) {
      this.#restUntilMs = 0;
      if (this.#averageMs < AVERAGE_MAX_MS / 2) this.#restMs = REST_FIRST_MS;
      return;
    }
    this.#averageMs = AVERAGE_MAX_MS * (1 - WEIGHT);
    this.#restUntilMs = now + this.#restMs;
    this.#restMs = Math.min(2 * this.#restMs, REST_MAX_MS);
  }
}
