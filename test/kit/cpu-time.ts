/** Quick enough for every limit that is asked for; it need not be tried again. */
const QUICK_MS = 500;
const TRIES = 3;

/**
 * The CPU time that this process needs for `work`, in ms, the least of three tries. For promises about the cost of an
 * algorithm: on a machine that is busy with other things the wall clock says nothing about it, and once in a while the
 * accounting of CPU time does not either. What is quadratic is slow each time.
 */
export function cpuTimeMs(work: () => void): number {
  let leastMs = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES && leastMs > QUICK_MS; tries++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    leastMs = Math.min(leastMs, (user + system) / 1000);
  }
  return leastMs;
}
