import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A process of a target, with the name it has in the tables: `n1.server`, `n2.node`. */
export interface NamedProcess {
  readonly name: string;
  readonly pid: number;
}

/** USER_HZ of Linux on every architecture that Node.js runs on. */
const TICK_MS = 10;

/** User and system time of all threads so far, those that ended included, milliseconds by name. */
export async function cpuOf(processes: readonly NamedProcess[]): Promise<Record<string, number>> {
  const entries = await Promise.all(
    processes.map(async ({ name, pid }): Promise<[string, number]> => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // The second field is the program's name in brackets, and may hold blanks.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [name, (Number(fields[11]) + Number(fields[12])) * TICK_MS];
    }),
  );
  return Object.fromEntries(entries);
}

export function cpuBetween(
  before: Record<string, number>,
  after: Record<string, number>,
): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, ms - (before[name] ?? 0)]));
}

/** Peak resident memory since the last forgetPeaks, bytes by name. */
export async function peakMemoryOf(processes: readonly NamedProcess[]): Promise<Record<string, number>> {
  const entries = await Promise.all(
    processes.map(async ({ name, pid }): Promise<[string, number]> => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return [name, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024];
    }),
  );
  return Object.fromEntries(entries);
}

/** VmHWM counts from here on. Where the kernel refuses, it goes on counting from the process's start. */
export async function forgetPeaks(processes: readonly NamedProcess[]): Promise<void> {
  for (const { pid } of processes) await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => {});
}

export function signalAll(processes: readonly NamedProcess[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

export const MAIN_THREAD = 'main thread';

/** Time of each thread so far by its kernel name, milliseconds: the thread pool is not in a CPU profile. */
export function threadsOf(pid: number): Promise<Record<string, number>> {
  return eachThread(pid, 'stat', (stat) => {
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  });
}

/** How often each thread has gone to sleep of its own will: as many times it had to be woken. */
export function switchesOf(pid: number): Promise<Record<string, number>> {
  return eachThread(pid, 'status', (status) =>
    Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0),
  );
}

/** Calls of read and write (and their like) so far, sockets, files and the wake-up of a thread together. */
export async function callsOf(pid: number): Promise<{ reads: number; writes: number }> {
  const text = await readFile(`/proc/${pid}/io`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { reads: field('syscr'), writes: field('syscw') };
}

async function eachThread(
  pid: number,
  file: 'stat' | 'status',
  read: (text: string) => number,
): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const id of await readdir(`/proc/${pid}/task`)) {
    const directory = `/proc/${pid}/task/${id}`;
    const text = await readFile(join(directory, file), 'utf8').catch(() => null);
    if (text === null) continue;
    const name = id === String(pid) ? MAIN_THREAD : (await readFile(join(directory, 'comm'), 'utf8')).trim();
    sums[name] = (sums[name] ?? 0) + read(text);
  }
  return sums;
}

/** Of the whole machine and of this bench with the children it has waited for, milliseconds so far. */
export interface MachineTime {
  /** All cores together, idle or not. */
  readonly totalMs: number;
  readonly busyMs: number;
  readonly benchMs: number;
}

export async function machineTime(): Promise<MachineTime> {
  const [machine, own] = await Promise.all([
    readFile('/proc/stat', 'utf8'),
    readFile('/proc/self/stat', 'utf8'),
  ]);
  // user nice system idle iowait irq softirq steal; what follows is part of user and nice already.
  const all = (machine.split('\n')[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  const totalMs = all.reduce((sum, ticks) => sum + ticks, 0) * TICK_MS;
  const idleMs = ((all[3] ?? 0) + (all[4] ?? 0)) * TICK_MS;
  const fields = own.slice(own.lastIndexOf(')') + 2).split(' ');
  const benchMs = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_MS;
  return { totalMs, busyMs: totalMs - idleMs, benchMs };
}

/** Share of the machine that went to programs that have nothing to do with the bench. */
export function othersShare(before: MachineTime, after: MachineTime, targetMs: number): number {
  const busyMs = after.busyMs - before.busyMs;
  const oursMs = after.benchMs - before.benchMs + targetMs;
  return Math.max(0, busyMs - oursMs) / (after.totalMs - before.totalMs);
}
