/** A monotonic clock in milliseconds, for decisions and time-outs. */
export function monotonicMs(): number {
  return performance.now();
}

/** What a clock's `setTimer` gives; only good for `clearTimer` of the same clock. */
export type Timer = object;

/**
 * Source of time for code that waits or decides by time, so that a test decides when time passes (test/kit/virtual-clock.ts).
 */
export interface Clock {
  /** Milliseconds that never go back. */
  nowMs(): number;
  /** Runs `action` once, after `ms`. */
  setTimer(ms: number, action: () => void): Timer;
  clearTimer(timer: Timer | null): void;
}

export const systemClock: Clock = {
  nowMs: monotonicMs,
  setTimer: (ms, action) => setTimeout(action, ms),
  clearTimer: (timer) => clearTimeout((timer as NodeJS.Timeout | null) ?? undefined),
};
