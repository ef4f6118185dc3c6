import { monotonicMs } from './clock.js';

/**
 * Does something at once when it is asked for now and then, and once for many when the requests flow (one comes within
 * twice `waitMs` of the one before): the first of them waits `waitMs` (a millisecond more at times) for those that follow.
 * For work whose cost is in the doing, not in the size.
 */
export class Gather {
  readonly #waitMs: number;
  readonly #flush: (many: boolean) => void;
  #lastMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;

  /** `flush` is told whether it is for what gathered. */
  constructor(waitMs: number, flush: (many: boolean) => void) {
    this.#waitMs = waitMs;
    this.#flush = flush;
  }

  get waiting(): boolean {
    return this.#timer !== null;
  }

  ask(): void {
    const now = monotonicMs();
    const flows = now - this.#lastMs < 2 * this.#waitMs;
    this.#lastMs = now;
    if (this.#timer) return;
    if (flows) this.#timer = setTimeout(() => this.now(), this.#waitMs);
    else this.#flush(false);
  }

  now(): void {
    this.stop();
    this.#flush(true);
  }

  /** What was asked for is not done any more, until it is asked for again. */
  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
