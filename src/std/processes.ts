import { readdirSync, readFileSync } from 'node:fs';
import { identifyProcess, isSameProcessAlive, type ProcessIdentity } from './process-identity.js';

/** Facts about one process from /proc. Linux only, like managed servers. */
export interface ProcessInfo extends ProcessIdentity {
  /** Numeric user id the process runs as; null for a set-uid program, whose arguments another user chose. */
  readonly uid: number | null;
  /** Argument vector as started. */
  readonly args: readonly string[];
}

/**
 * Null when there is no such process, or only a zombie, which serves no client and holds no file.
 * @throws when that is unknown, such as without a free descriptor: it must not be mistaken for the end of the process
 */
export function readProcess(pid: number): ProcessInfo | null {
  const identity = identifyProcess(pid);
  if (identity === null) return null;
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    // Real, effective, saved and file system id (proc(5)).
    const uids = new Set(/^Uid:\s+([\d\s]+)$/m.exec(status)?.[1]?.trim().split(/\s+/));
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const [uid] = uids;
    return { ...identity, uid: uids.size === 1 ? Number(uid) : null, args };
  } catch (error) {
    if (isOneOf(error, ['ENOENT', 'ESRCH'])) return null;
    throw error;
  }
}

/** All processes that we may look at and that `matches`. Takes some 50 microseconds for each process of the machine. */
export function findProcesses(matches: (info: ProcessInfo) => boolean): ProcessInfo[] {
  return readdirSync('/proc').flatMap((name) => {
    const info = /^\d+$/.test(name) ? readIfAllowed(Number(name)) : null;
    return info !== null && matches(info) ? [info] : [];
  });
}

function readIfAllowed(pid: number): ProcessInfo | null {
  try {
    return readProcess(pid);
  } catch (error) {
    if (isOneOf(error, ['EACCES', 'EPERM'])) return null;
    throw error;
  }
}

/** Whether one of its threads runs, or waits for nothing but a core. False where they cannot be seen. */
export function hasRunnableThread(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
      // The state follows the command's name, which is in brackets and may hold anything.
      return stat.startsWith('R', stat.lastIndexOf(')') + 2);
    });
  } catch {
    return false;
  }
}

/** For a fence, which must not fail here: when it is unknown whether the process runs, it counts as alive. */
export function mayBeAlive(identity: ProcessIdentity): boolean {
  try {
    return isSameProcessAlive(identity);
  } catch {
    return true;
  }
}

function isOneOf(error: unknown, codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The value of `--name=value`; the last one counts, as it does for the server. */
export function argumentValue(args: readonly string[], name: string): string | undefined {
  const prefix = `--${name}=`;
  return args.findLast((argument) => argument.startsWith(prefix))?.slice(prefix.length);
}
