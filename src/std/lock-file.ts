import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isSameProcessAlive, ownIdentity, type ProcessIdentity, parseIdentity } from './process-identity.js';
import { sleep } from './timing.js';

/** The lock is ours until `release`; or `owner` is the living process that has it. */
export type LockResult =
  | { readonly kind: 'held'; release(): void }
  | { readonly kind: 'taken'; owner: ProcessIdentity };

/** Rounds before giving up: by then other processes keep taking the lock. */
const ROUNDS_MAX = 20;

/**
 * A lock for one process at a time. A lock whose owner no longer runs is taken over. Node has no flock(2), so the lock is a
 * hard link, which only one process can create.
 */
export function takeLock(file: string, identity: ProcessIdentity = ownIdentity()): LockResult {
  const mine = `${file}.${identity.pid}.${randomBytes(4).toString('hex')}`;
  const text = `${JSON.stringify(identity)}\n`;
  writeFileSync(mine, text);
  try {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      if (tryLink(mine, file)) return { kind: 'held', release: () => releaseIfOurs(file, text) };
      const seen = readText(file);
      const owner = seen === null ? null : parseIdentity(seen);
      if (owner && isSameProcessAlive(owner)) return { kind: 'taken', owner };
      if (seen !== null) removeStale(file, seen, `${mine}.stale`);
    }
    throw new Error(`the lock ${file} changes its owner too quickly`);
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Interval of checks of a lock that another process has. */
const POLL_MS = 100;

/** Runs `work` while no other process, and nothing else in this one, has the lock. */
export async function withLock<T>(file: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  let lock = takeLock(file);
  while (lock.kind === 'taken') {
    await sleep(POLL_MS, signal);
    lock = takeLock(file);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** Two starters may both have seen the stale lock; the slower one must not remove the faster one's new lock. */
function removeStale(file: string, seen: string, aside: string): void {
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  if (readText(aside) !== seen) tryLink(aside, file);
  rmSync(aside, { force: true });
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function releaseIfOurs(file: string, text: string): void {
  if (readText(file) === text) rmSync(file, { force: true });
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
