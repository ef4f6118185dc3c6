import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { identifyProcess, isSameProcessAlive, type ProcessIdentity } from '../../std/process-identity.js';
import { sleep } from '../../std/timing.js';
import type { PlannedNode } from './plan.js';

const POLL_MS = 50;

/** The database server of a node, if it runs. The pid alone is no proof; the data directory in its arguments is. */
export function runningServer(node: PlannedNode): ProcessIdentity | null {
  const pid = Number.parseInt(readOrEmpty(join(node.directory, 'server.pid')), 10);
  if (!(pid > 0)) return null;
  const args = readOrEmpty(`/proc/${pid}/cmdline`).split('\0');
  return args.some((arg) => arg.startsWith('--datadir=') && arg.includes(node.directory))
    ? identifyProcess(pid)
    : null;
}

/**
 * Kills a server whose node is gone. It is never asked to shut down: a shutdown releases commits that still wait for their
 * quorum (rule C1); a killed server recovers.
 */
export async function killServer(server: ProcessIdentity): Promise<void> {
  try {
    process.kill(server.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  while (isSameProcessAlive(server)) await sleep(POLL_MS);
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
