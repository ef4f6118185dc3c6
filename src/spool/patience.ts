/**
 * Whether the event loop may wait for the disk itself. Handing a small write to the thread pool costs more CPU than the
 * write (seen: 140 us against 65 us), and on a disk that answers in a fraction of a millisecond more time too. A disk
 * that is slow more often than quick is left to the pool for a while, each time twice as long, and then tried again:
 * it costs the loop one wait in a minute at most.
 */
const QUICK_MS = 1;
/** So many more slow answers than quick ones are not chance (a busy machine) any more. */
const SLOW_MAX = 8;
const REST_FIRST_MS = 50;
const REST_MAX_MS = 60_000;

export class Patience {
  readonly #nowMs: () => number;
  #slow = 0;
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
    if (now - beganMs <= QUICK_MS) {
      this.#restUntilMs = 0;
      if (this.#slow > 0) this.#slow--;
      else this.#restMs = REST_FIRST_MS;
      return;
    }
    this.#slow++;
    if (this.#slow < SLOW_MAX) return;
    this.#slow = SLOW_MAX - 1;
    this.#restUntilMs = now + this.#restMs;
    this.#restMs = Math.min(2 * this.#restMs, REST_MAX_MS);
  }
}
