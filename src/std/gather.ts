import { type Clock, systemClock, type Timer } from './clock.js';

/**
 * Does something at once when it is asked for now and then, and once for many when the requests flow (one comes within
 * twice `waitMs` of the one before): the first of them waits `waitMs` (a millisecond more at times) for those that follow.
 * For work whose cost is in the doing, not in the size.
 */
export class Gather {
  readonly #waitMs: number;
  readonly #flush: (many: boolean) => void;
  readonly #clock: Clock;
  #lastMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;

  /** `flush` is told whether it is for what gathered. */
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

  /** What was asked for is not done any more, until it is asked for again. */
  stop(): void {
    this.#clock.clearTimer(this.#timer);
    this.#timer = null;
  }
}
