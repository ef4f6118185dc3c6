/** Difference to this thread's `performance.now()`, which starts at zero with the thread. */
const AHEAD_MS = machineMs() - performance.now();

/** Monotonic milliseconds that mean the same in every thread of this process. */
export function sharedClockMs(): number {
  return performance.now() + AHEAD_MS;
}

function machineMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
