/** How fast a snapshot travels, and how long it still needs. Times are monotonic. */

/** Short enough to show a change of the network, long enough to be calm. */
const WINDOW_MS = 10_000;
const SAMPLE_MS = 500;

export class TransferRate {
  readonly #samples: { atMs: number; bytes: number }[] = [];
  #bytes = 0;

  constructor(nowMs: number) {
    this.#samples.push({ atMs: nowMs, bytes: 0 });
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: number, nowMs: number): void {
    this.#bytes += bytes;
    const newest = this.#samples.at(-1);
    if (newest && nowMs - newest.atMs < SAMPLE_MS) return;
    this.#samples.push({ atMs: nowMs, bytes: this.#bytes });
    while (this.#samples.length > 2 && nowMs - (this.#samples[1]?.atMs ?? nowMs) > WINDOW_MS)
      this.#samples.shift();
  }

  perSecond(nowMs: number): number {
    const first = this.#samples[0];
    if (!first || nowMs <= first.atMs) return 0;
    return Math.round(((this.#bytes - first.bytes) * 1000) / (nowMs - first.atMs));
  }

  /** Null: it cannot be told. */
  remainingMs(bytesTotal: number | null, nowMs: number): number | null {
    const rate = this.perSecond(nowMs);
    if (bytesTotal === null || rate === 0) return null;
    return Math.round((Math.max(0, bytesTotal - this.#bytes) * 1000) / rate);
  }
}
