import { closeSync, fdatasync, openSync, readFileSync, rmSync, statSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ownIdentity, type ProcessIdentity, parseIdentity } from './process-identity.js';

/**
 * The proof that a process turns its event loop: a file that it writes every second from a timer of that loop. An observer
 * that did not start the process can use it too. cli/demo/hang-detector.ts decides whether a process hangs. It is as well the
 * proof that the disk takes writes: the loop does not wait for it.
 */

/** Often enough to see a hang of five seconds; a write of some bytes in place costs little. */
const ALIVE_INTERVAL_MS = 1000;

/** Path of the file in a node's directory. */
export const aliveFile = (directory: string) => join(directory, 'node.alive');

export interface KeptAlive {
  /** How many times the file was written, and the bytes were on the disk. */
  writes(): number;
  /** Stops writing and removes the file. */
  end(): void;
}

export function keepAliveFile(path: string, identity: ProcessIdentity = ownIdentity()): KeptAlive {
  // A new file, so that an earlier process's write is not taken for ours.
  rmSync(path, { force: true });
  const fd = openSync(path, 'w', 0o644);
  const bytes = Buffer.from(`${JSON.stringify(identity)}\n`);
  writeSync(fd, bytes, 0, bytes.length, 0);
  let writes = 0;
  let isWriting = false;
  let hasEnded = false;
  const wrote = (error: Error | null) => {
    isWriting = false;
    if (error === null) writes++;
    if (hasEnded) closeSync(fd);
  };
  const timer = setInterval(() => {
    if (isWriting) return;
    isWriting = true;
    write(fd, bytes, 0, bytes.length, 0, (error) => (error ? wrote(error) : fdatasync(fd, wrote)));
  }, ALIVE_INTERVAL_MS);
  timer.unref();
  return {
    writes: () => writes,
    end() {
      hasEnded = true;
      clearInterval(timer);
      if (!isWriting) closeSync(fd);
      rmSync(path, { force: true });
    },
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
