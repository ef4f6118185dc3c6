import { readFileSync, rmSync } from 'node:fs';
import { replaceFile } from './files.js';
import { isSameProcessAlive, ownIdentity, type ProcessIdentity, parseIdentity } from './process-identity.js';

/**
 * `node.pid` holds the number alone, so that `kill $(cat node.pid)` works. `node.pid.start` beside it has the start time of
 * the process, because the pid may belong to another process by now.
 */
export async function writePidFile(file: string, identity: ProcessIdentity = ownIdentity()): Promise<void> {
  const { pid, startedAt } = identity;
  await replaceFile(startFile(file), `${JSON.stringify({ pid, startedAt })}\n`, OPTIONS);
  await replaceFile(file, `${pid}\n`, OPTIONS);
}

/** The process that the files name, running or not; null when there are none or they do not belong together. */
export function readPidFile(file: string): ProcessIdentity | null {
  try {
    const written = Number(readFileSync(file, 'utf8'));
    const identity = parseIdentity(readFileSync(startFile(file), 'utf8'));
    return identity?.pid === written ? identity : null;
  } catch {
    return null;
  }
}

/** The process that the file names, if it still is that process. */
export function livingOwner(file: string): ProcessIdentity | null {
  const identity = readPidFile(file);
  return identity && isSameProcessAlive(identity) ? identity : null;
}

/** Removes the files if they name this process; a successor's files stay. */
export function removeOwnPidFile(file: string): void {
  if (readPidFile(file)?.pid !== process.pid) return;
  rmSync(file, { force: true });
  rmSync(startFile(file), { force: true });
}

/** No process outlives a power cut. */
const OPTIONS = { mode: 0o644, durable: false };

const startFile = (file: string) => `${file}.start`;
