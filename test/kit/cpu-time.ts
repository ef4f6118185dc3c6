/**
 * The CPU time that this process used while `work` ran, in ms. For promises about the cost of an algorithm: on a machine
 * that is busy with other things the wall clock says nothing about it.
 */
export function cpuTimeMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
