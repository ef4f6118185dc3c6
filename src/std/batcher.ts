import { type Clock, systemClock, type Timer } from './clock.js';

/**
 * Batches requests for work. A single request is served at once. When requests flow (one comes within twice `waitMs` of
 * the one before), the first waits `waitMs` (a millisecond more at times) and is served together with those that follow.
 * For work whose cost does not depend on its size.
 */
export class Batcher {
  readonly #waitMs: number;
  readonly #flush: (many: boolean) => void;
  readonly #clock: Clock;
  #lastMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;

  /** `many`: the flush is for a batch. */
  constructor(waitMs: number, flush: (many: boolean) => void, clock: Clock = systemClock) {
    this.#waitMs = waitMs;
    this.#flush = flush;
    this.#clock = clock;
  }

  get waiting(): boolean {
    return this.#timer !== null;
  }

  ask(): void {
    const now = this.#clock.nowMs();
    const flows = now - this.#lastMs < 2 * this.#waitMs;
    this.#lastMs = now;
    if (this.#timer) return;
    if (flows) this.#timer = this.#clock.setTimer(this.#waitMs, () => this.now());
    else this.#flush(false);
  }

  now(): void {
    this.stop();
    this.#flush(true);
  }

  /** Drops the pending request, until the next one. */
  stop(): void {
    this.#clock.clearTimer(this.#timer);
    this.#timer = null;
  }
}
