/** Counts failed sign-ins for each address in a window of fixed length. Bounded: old windows make room. */
const ADDRESSES_MAX = 10_000;

export interface FailureLimitOptions {
  readonly failuresMax: number;
  readonly windowMs: number;
}

export class FailureLimit {
  readonly #options: FailureLimitOptions;
  readonly #now: () => number;
  readonly #windows = new Map<string, { count: number; endsAt: number }>();

  constructor(options: FailureLimitOptions, now: () => number = Date.now) {
    this.#options = options;
    this.#now = now;
  }

  /** Counts a failure. Returns the seconds to wait when there were too many, else 0. */
  failed(address: string): number {
    const now = this.#now();
    let window = this.#windows.get(address);
    if (!window || window.endsAt <= now) {
      this.#windows.delete(address);
      if (this.#windows.size >= ADDRESSES_MAX) this.#forgetOldest();
      window = { count: 0, endsAt: now + this.#options.windowMs };
      this.#windows.set(address, window);
    }
    window.count += 1;
    return window.count > this.#options.failuresMax
      ? Math.max(1, Math.ceil((window.endsAt - now) / 1000))
      : 0;
  }

  #forgetOldest(): void {
    // Maps keep the order of insertion, which here is the order in which windows end.
    const oldest = this.#windows.keys().next();
    if (!oldest.done) this.#windows.delete(oldest.value);
  }
}
