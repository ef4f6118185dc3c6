import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isSameProcessAlive, ownIdentity, type ProcessIdentity } from './process-identity.js';

/**
 * `node.pid` holds the number alone, so that `kill $(cat node.pid)` works. Which process that number meant stands
 * beside it, in `node.pid.start`: the number may long belong to somebody else.
 */
export function writePidFile(file: string, identity: ProcessIdentity = ownIdentity()): void {
  replace(startFile(file), `${JSON.stringify({ pid: identity.pid, startedAt: identity.startedAt })}\n`);
  replace(file, `${identity.pid}\n`);
}

/** What the files say, dead or alive; null when there are none or they do not belong together. */
export function readPidFile(file: string): ProcessIdentity | null {
  try {
    const written = Number(readFileSync(file, 'utf8'));
    const { pid, startedAt } = JSON.parse(readFileSync(startFile(file), 'utf8')) as Partial<ProcessIdentity>;
    return pid === written && typeof startedAt === 'string' ? { pid, startedAt } : null;
  } catch {
    return null;
  }
}

/** The process that the file names, if it still is that process. */
export function livingOwner(file: string): ProcessIdentity | null {
  const identity = readPidFile(file);
  return identity && isSameProcessAlive(identity) ? identity : null;
}

/** Takes the files away if they are ours: a successor's stay. */
export function removeOwnPidFile(file: string): void {
  if (readPidFile(file)?.pid !== process.pid) return;
  rmSync(file, { force: true });
  rmSync(startFile(file), { force: true });
}

const startFile = (file: string) => `${file}.start`;

/** A reader sees the old file or the new one, never half of one. */
function replace(file: string, text: string): void {
  const whole = `${file}.${process.pid}.new`;
  writeFileSync(whole, text);
  renameSync(whole, file);
}
