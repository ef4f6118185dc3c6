import { closeSync, futimesSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ownIdentity, type ProcessIdentity, parseIdentity } from './process-identity.js';

/**
 * The proof that a process turns its event loop: a file that it touches every second from a timer of that loop. An observer
 * that did not start the process can use it too. cli/demo/hang-detector.ts decides whether a process hangs.
 */

/** Often enough to see a hang of five seconds; a touch costs a few microseconds and writes no data. */
const ALIVE_INTERVAL_MS = 1000;

/** Path of the file in a node's directory. */
export const aliveFile = (directory: string) => join(directory, 'node.alive');

/** @returns a function that stops touching and removes the file */
export function keepAliveFile(path: string, identity: ProcessIdentity = ownIdentity()): () => void {
  // A new file, so that an earlier process's touch is not taken for ours.
  rmSync(path, { force: true });
  const fd = openSync(path, 'w', 0o644);
  writeSync(fd, `${JSON.stringify(identity)}\n`);
  const timer = setInterval(() => {
    const now = Date.now() / 1000;
    futimesSync(fd, now, now);
  }, ALIVE_INTERVAL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    closeSync(fd);
    rmSync(path, { force: true });
  };
}

/** An earlier process that did not end in order has left its file: its pid, and when its loop turned last. */
export function leftBehind(path: string): { pid: number; lastTurnAt: string } | null {
  try {
    const identity = parseIdentity(readFileSync(path, 'utf8'));
    return identity && { pid: identity.pid, lastTurnAt: statSync(path).mtime.toISOString() };
  } catch {
    return null;
  }
}

/** Changes with each turn of that process's loop; null while it has no such file. */
export function lastTouch(path: string, identity: ProcessIdentity): string | null {
  try {
    const owner = parseIdentity(readFileSync(path, 'utf8'));
    if (owner?.pid !== identity.pid || owner.startedAt !== identity.startedAt) return null;
    return String(statSync(path, { bigint: true }).mtimeNs);
  } catch {
    return null;
  }
}
