import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Which process a pid means. A pid alone does not tell, because the system reuses it.
 * The time at which a process started (with the boot it belongs to) makes it certain.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; only ever compared with another one of the same machine. */
  readonly startedAt: string;
}

/** Null when no such process lives; a zombie, which only waits to be collected, does not. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  if (process.platform === 'linux') {
    const fields = statFields(pid);
    if (!fields || fields[0] === 'Z' || fields[0] === 'X') return null;
    // proc(5): state is field 3, starttime field 22, in ticks since the boot.
    return { pid, startedAt: `${bootId()}:${fields[19]}` };
  }
  try {
    const startedAt = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return startedAt === '' ? null : { pid, startedAt };
  } catch {
    return null;
  }
}

export function isSameProcessAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startedAt === identity.startedAt;
}

/** The identity of this process. */
export function ownIdentity(): ProcessIdentity {
  return identifyProcess(process.pid) ?? { pid: process.pid, startedAt: 'unknown' };
}

/** Parses an identity that was written as JSON; null when it names no process. */
export function parseIdentity(text: string): ProcessIdentity | null {
  try {
    const { pid, startedAt } = JSON.parse(text) as Partial<ProcessIdentity>;
    return typeof pid === 'number' && typeof startedAt === 'string' ? { pid, startedAt } : null;
  } catch {
    return null;
  }
}

/** The command line of a process for a message to people; '' where it cannot be seen. */
export function commandOf(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    const text = words.join(' ');
    return text.length > 160 ? `${text.slice(0, 157)}...` : text;
  } catch {
    return '';
  }
}

/** Clock ticks of proc(5) are hundredths of a second on every Linux architecture that Node runs on. */
const TICK_MS = 10;

/** What a process does now; null where it cannot be seen. `runnable`: it runs, or waits for a core only. */
export function processActivity(pid: number): { cpuMs: number; runnable: boolean } | null {
  const fields = process.platform === 'linux' ? statFields(pid) : null;
  // utime and stime are fields 14 and 15.
  return (
    fields && { cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, runnable: fields[0] === 'R' }
  );
}

/** The fields after the command's name, which is in brackets and may itself hold brackets and blanks. */
function statFields(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch (error) {
    // Other errors (no free descriptor) do not mean that the process has ended.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

let boot: string | undefined;

function bootId(): string {
  if (boot === undefined) {
    try {
      boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    } catch {
      boot = '';
    }
  }
  return boot;
}
