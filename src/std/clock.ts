/** Milliseconds that never go back: what decisions and time-outs are measured with. */
export function monotonicMs(): number {
  return performance.now();
}
