import { Histogram, LATENCY_BOUNDS_S } from '../../std/histogram.js';

/** Waiting batches that are tracked. Beyond this, a new batch counts with the read time of the last tracked batch. */
const BATCHES_MAX = 4096;

/**
 * Measures how long commits wait for their quorum: from the read in the binary log to the acknowledgement. It reads the
 * clock once for each batch, and allocates nothing.
 */
export class CommitWait {
  /** In seconds. */
  readonly histogram = new Histogram(LATENCY_BOUNDS_S);
  readonly #now: () => number;
  readonly #ordinals = new Float64Array(BATCHES_MAX);
  readonly #readAtMs = new Float64Array(BATCHES_MAX);
  #first = 0;
  #count = 0;
  /** Ordinal of the last transaction that was counted. */
  #done = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A new dump starts after this ordinal. It reads the waiting batches again, so they are dropped here. */
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
