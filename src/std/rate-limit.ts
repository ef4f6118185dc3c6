import { monotonicMs } from './clock.js';

/** Burst after a pause, so that the limit holds over time and not for each chunk. */
const BURST_MS = 100;

/** Bytes per second for one or more streams together. Null = no limit. May be changed at any time. */
export class RateLimit {
  bytesPerSecond: number | null;
  #freeAtMs = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number | null) {
    this.bytesPerSecond = bytesPerSecond;
  }

  /** Counts bytes that pass now; returns for how many milliseconds no more may pass. */
  book(bytes: number, nowMs: number = monotonicMs()): number {
    if (this.bytesPerSecond === null) {
      this.#freeAtMs = Number.NEGATIVE_INFINITY;
      return 0;
    }
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs - BURST_MS) + (bytes / this.bytesPerSecond) * 1000;
    return Math.max(0, this.#freeAtMs - nowMs);
  }
}
