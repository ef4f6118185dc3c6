import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { takeLock, withLock } from './lock-file.js';
import { identifyProcess, ownIdentity } from './process-identity.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-lock-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('is held by one, and named to the other', () => {
  const file = join(directory, 'one.lock');
  const first = takeLock(file);
  const second = takeLock(file, identifyProcess(process.ppid) ?? undefined);
  expect(first.kind).toBe('held');
  expect(second).toMatchObject({ kind: 'taken', owner: { pid: process.pid } });
  if (first.kind === 'held') first.release();
  expect(existsSync(file)).toBe(false);
});

it.each([
  ['of a process that ended', JSON.stringify({ pid: 2 ** 30, startedAt: 'x' })],
  ['of a recycled pid', JSON.stringify({ pid: process.pid, startedAt: 'another boot' })],
  ['cut off by a full disk', '{"pid":'],
  ['empty', ''],
])('is taken over when the old one is %s', (_name, text) => {
  const file = join(directory, 'stale.lock');
  writeFileSync(file, text);
  const lock = takeLock(file);
  expect(lock.kind).toBe('held');
  if (lock.kind === 'held') lock.release();
});

it('releases only its own, and leaves nothing behind', () => {
  const file = join(directory, 'other.lock');
  const lock = takeLock(file);
  rmSync(file);
  const next = takeLock(file, { ...ownIdentity(), startedAt: 'somebody else' });
  if (lock.kind === 'held') lock.release();
  expect(next.kind).toBe('held');
  expect(readdirSync(directory)).toEqual(['other.lock']);
});

it('lets work that needs the same lock follow one after the other, also after one that failed', async () => {
  const file = join(directory, 'work.lock');
  const steps: string[] = [];
  let finish = () => {};
  const first = withLock(file, async () => {
    steps.push('first begins');
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    steps.push('first fails');
    throw new Error('it failed');
  });
  const second = withLock(file, async () => steps.push('second'));
  expect(steps).toEqual(['first begins']);
  finish();
  await expect(first).rejects.toThrow('it failed');
  await second;
  expect(steps).toEqual(['first begins', 'first fails', 'second']);
  expect(existsSync(file)).toBe(false);
});

it('gives up waiting for a lock when it is told to', async () => {
  const file = join(directory, 'wait.lock');
  const lock = takeLock(file);
  const waiting = new AbortController();
  const second = withLock(file, () => Promise.reject(new Error('it got the lock')), waiting.signal);
  waiting.abort(new Error('no longer wanted'));
  await expect(second).rejects.toThrow('no longer wanted');
  if (lock.kind === 'held') lock.release();
});
