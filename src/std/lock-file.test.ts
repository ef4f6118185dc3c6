import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { takeLock } from './lock-file.js';
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
