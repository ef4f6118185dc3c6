/**
 * Counts of values in fixed buckets. Cheap to write on hot paths: no allocation, no look-up by a label. Counts only grow.
 */
export class Histogram {
  /** Upper limits of the classes, ascending, in the unit of the values; one more class is for what is above the last. */
  readonly bounds: readonly number[];
  /** How many values fell into each class (not cumulative); one longer than `bounds`. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  get count(): number {
    return this.counts.reduce((all, count) => all + count, 0);
  }

  /** `times` values that are all the same. */
  observe(value: number, times = 1): void {
    const { bounds, counts } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    counts[at] = (counts[at] as number) + times;
    this.sum += value * times;
  }
}

/** Seconds, from the fsync of a fast disk to a wait that no user accepts. */
export const LATENCY_BOUNDS_S: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
