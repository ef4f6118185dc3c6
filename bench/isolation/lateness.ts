import { percentile } from '../throughput/statistics.js';

/** Milliseconds of one clock. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * How late each heartbeat of a span came, milliseconds: the time since the one before it, less the interval; 0 when it came
 * within its interval. One that has not come at the end of the span counts with its lateness so far. Pure.
 * @param timesMs when heartbeats came, in order, beyond the span too
 */
export function latenessOf(timesMs: readonly number[], { fromMs, toMs }: Span, intervalMs: number): number[] {
  const within = timesMs.filter((time) => time >= fromMs && time <= toMs);
  const late = within.slice(1).map((time, at) => Math.max(0, time - (within[at] as number) - intervalMs));
  const missingMs = toMs - (within.at(-1) ?? fromMs) - intervalMs;
  return missingMs > 0 ? [...late, missingMs] : late;
}

export interface Worst {
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}

/** Null when there is nothing. */
export function worstOf(values: readonly number[]): Worst | null {
  const sorted = [...values].sort((a, b) => a - b);
  const max = sorted.at(-1);
  return max === undefined ? null : { p99: percentile(sorted, 0.99), max, count: sorted.length };
}
