/**
 * Whether the event loop may wait for the disk itself. Handing a small write to the thread pool costs more CPU than the
 * write (seen: 140 us against 65 us), and on a disk that answers in a fraction of a millisecond more time too. A loop
 * that waits for a disk sends no heartbeat, so what it loses to slow answers is bounded in time: `LOST_MAX_MS` more
 * than quick answers make up for (and the one answer that goes beyond), then the disk is left to the pool for a while,
 * each time twice as long. While a disk stays slow the loop waits for it less than a twentieth of the time.
 */
const QUICK_MS = 1;
/** Twenty milliseconds delay a heartbeat by less than a busy machine does. */
const LOST_MAX_MS = 20;
/** What one quick answer makes up for: on a busy machine one answer in three takes some milliseconds, on any disk. */
const QUICK_REGAINS_MS = 3;
const REST_FIRST_MS = 50;
const REST_MAX_MS = 60_000;
/** No rest is shorter than so many times the wait before it. */
const REST_PER_WAIT = 20;

export class Patience {
  readonly #nowMs: () => number;
  #lostMs = 0;
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
    const tookMs = now - beganMs;
    if (tookMs <= QUICK_MS) {
      this.#restUntilMs = 0;
      if (this.#lostMs === 0) this.#restMs = REST_FIRST_MS;
      this.#lostMs = Math.max(0, this.#lostMs - QUICK_REGAINS_MS);
      return;
    }
    this.#lostMs = Math.min(LOST_MAX_MS, this.#lostMs + tookMs);
    if (this.#lostMs < LOST_MAX_MS) return;
    this.#restUntilMs = now + Math.max(this.#restMs, REST_PER_WAIT * tookMs);
    this.#restMs = Math.min(2 * this.#restMs, REST_MAX_MS);
  }
}
