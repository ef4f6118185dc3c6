import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

/** What /proc tells of one process. Linux only, as managed servers are. */
export interface ProcessInfo {
  readonly pid: number;
  /** Start time in clock ticks since boot (field 22 of /proc/<pid>/stat): with the pid it names one process of this boot. */
  readonly startTicks: string;
  /** Numeric user id the process runs as; null for a set-uid program, whose arguments another user chose. */
  readonly uid: number | null;
  /** Argument vector as started. */
  readonly args: readonly string[];
}

/** What /proc answers when a process is not there, or not for us to see. */
const NOT_THERE = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM']);

function isNotThere(error: unknown): boolean {
  return NOT_THERE.has((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * Null when there is no such process, or only its zombie: a zombie serves no client and holds no file.
 * @throws when it cannot be told, such as without a free descriptor: that must not be taken for the end of the process
 */
export async function readProcess(pid: number): Promise<ProcessInfo | null> {
  try {
    const [stat, status, cmdline] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/status`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    const { state, startTicks } = parseStat(stat);
    // Real, effective, saved and file system id (proc(5)).
    const uids = new Set(/^Uid:\s+([\d\s]+)$/m.exec(status)?.[1]?.trim().split(/\s+/));
    if (startTicks === undefined || uids.size === 0 || state === 'Z' || state === 'X') return null;
    const [uid] = uids;
    return {
      pid,
      startTicks,
      uid: uids.size === 1 ? Number(uid) : null,
      args: cmdline.split('\0').slice(0, -1),
    };
  } catch (error) {
    if (isNotThere(error)) return null;
    throw error;
  }
}

function parseStat(text: string): { state: string | undefined; startTicks: string | undefined } {
  // The command name is in parentheses and may itself hold blanks and parentheses: count from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], startTicks: fields[19] };
}

/** All processes that we can see and that `matches`. */
export async function findProcesses(matches: (info: ProcessInfo) => boolean): Promise<ProcessInfo[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: ProcessInfo[] = [];
  // One after the other: all at once would need three descriptors for each process of the machine.
  for (const pid of pids) {
    const info = await readProcess(pid);
    if (info !== null && matches(info)) found.push(info);
  }
  return found;
}

/** Start ticks count from boot, so a record of them is worth nothing after a reboot. */
export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** True while exactly this process (not another one with its recycled pid) lives. */
export async function isAlive(identity: { pid: number; startTicks: string }): Promise<boolean> {
  return (await readProcess(identity.pid))?.startTicks === identity.startTicks;
}

/**
 * The same without waiting, for what must happen at once. What cannot be told counts as alive: a fence must not fail
 * for it.
 */
export function isAliveNow(identity: { pid: number; startTicks: string }): boolean {
  try {
    return parseStat(readFileSync(`/proc/${identity.pid}/stat`, 'utf8')).startTicks === identity.startTicks;
  } catch (error) {
    return !isNotThere(error);
  }
}

/** The value of `--name=value`; the last one counts, as it does for the server. */
export function argumentValue(args: readonly string[], name: string): string | undefined {
  const prefix = `--${name}=`;
  return args.findLast((argument) => argument.startsWith(prefix))?.slice(prefix.length);
}
