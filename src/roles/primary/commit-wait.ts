import { Histogram, LATENCY_BOUNDS_S } from '../../std/histogram.js';

/** Batches that may wait at a time; above that the newest ones count from the time of the last that had room. */
const BATCHES_MAX = 4096;

/**
 * How long commits wait for their quorum: from the moment in which they were read from the binary log to the
 * acknowledgement. One clock reading for a batch and none for a transaction; nothing is allocated on the way.
 */
export class CommitWait {
  /** Seconds. */
  readonly histogram = new Histogram(LATENCY_BOUNDS_S);
  readonly #now: () => number;
  readonly #ordinals = new Float64Array(BATCHES_MAX);
  readonly #readAtMs = new Float64Array(BATCHES_MAX);
  #first = 0;
  #count = 0;
  /** Counted up to here. */
  #done = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A new dump begins to read behind this ordinal; what waited before is read again, or never asked for. */
  begin(afterOrdinal: number): void {
    this.#count = 0;
    this.#done = Math.max(this.#done, afterOrdinal);
  }

  /** Everything up to `ordinal` has been read. */
  read(ordinal: number): void {
    if (ordinal <= this.#done) return;
    if (this.#count < BATCHES_MAX) {
      const at = (this.#first + this.#count) % BATCHES_MAX;
      this.#readAtMs[at] = this.#now();
      this.#ordinals[at] = ordinal;
      this.#count++;
    } else {
      this.#ordinals[(this.#first + this.#count - 1) % BATCHES_MAX] = ordinal;
    }
  }

  /** The quorum has everything up to `ordinal`. */
  acknowledged(ordinal: number): void {
    if (this.#count === 0 || ordinal <= this.#done) return;
    const now = this.#now();
    while (this.#count > 0 && this.#done < ordinal) {
      const until = this.#ordinals[this.#first] as number;
      const upTo = Math.min(until, ordinal);
      this.histogram.observe((now - (this.#readAtMs[this.#first] as number)) / 1000, upTo - this.#done);
      this.#done = upTo;
      if (upTo < until) return;
      this.#first = (this.#first + 1) % BATCHES_MAX;
      this.#count--;
    }
  }
}
