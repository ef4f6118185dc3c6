/** A value that was measured several times. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly count: number;
}

/** Null when there is nothing. */
export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const { length } = sorted;
  if (length === 0) return null;
  const upper = sorted[Math.floor(length / 2)] as number;
  const lower = sorted[Math.floor((length - 1) / 2)] as number;
  return {
    median: (upper + lower) / 2,
    least: sorted[0] as number,
    most: sorted[length - 1] as number,
    count: length,
  };
}

/** Both of the same round, so that a machine that is slower for a while is so for both. */
export function pairs<T extends { round: number }>(
  ones: readonly T[],
  others: readonly T[],
): (readonly [T, T])[] {
  return ones.flatMap((one) => {
    const other = others.find(({ round }) => round === one.round);
    return other === undefined ? [] : [[one, other] as const];
  });
}

/** Of the straight line through the points that fits best; NaN for fewer than two. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const meanOf = (at: 0 | 1) => sum(points.map((point) => point[at])) / points.length;
  const x = meanOf(0);
  const y = meanOf(1);
  return sum(points.map(([px, py]) => (px - x) * (py - y))) / sum(points.map(([px]) => (px - x) ** 2));
}

export const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

/** Of values in rising order; NaN when there is none. */
export const percentile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
