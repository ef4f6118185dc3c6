import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { livingOwner, readPidFile, removeOwnPidFile, writePidFile } from './pid-file.js';
import { ownIdentity } from './process-identity.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-pid-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('holds the number alone, and knows its owner', async () => {
  const file = join(directory, 'node.pid');
  await writePidFile(file);
  expect(readFileSync(file, 'utf8')).toBe(`${process.pid}\n`);
  expect(livingOwner(file)).toEqual(ownIdentity());
  removeOwnPidFile(file);
  expect(existsSync(file)).toBe(false);
  expect(livingOwner(file)).toBeNull();
});

it('does not take a recycled number for the owner', async () => {
  const file = join(directory, 'recycled.pid');
  await writePidFile(file, { ...ownIdentity(), startedAt: 'another boot:1' });
  expect(readPidFile(file)?.pid).toBe(process.pid);
  expect(livingOwner(file)).toBeNull();
});

it('trusts no pair that does not belong together', async () => {
  const file = join(directory, 'mixed.pid');
  await writePidFile(file);
  writeFileSync(file, '1\n');
  expect(readPidFile(file)).toBeNull();
  removeOwnPidFile(file);
  expect(existsSync(file)).toBe(true);
});
