import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { aliveFile, keepAliveFile, lastTouch, leftBehind } from './alive-file.js';
import { ownIdentity } from './process-identity.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-alive-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const file = aliveFile(directory);
const me = ownIdentity();

it('is touched again and again by the process that it names, and by nobody else', async () => {
  const alive = keepAliveFile(file);
  const first = lastTouch(file, me);
  expect(first).not.toBeNull();
  expect(lastTouch(file, { ...me, startedAt: 'another time' })).toBeNull();
  await until('the next write', () => alive.writes() > 0, { deadlineMs: 15_000 });
  expect(lastTouch(file, me)).not.toBe(first);
  alive.end();
  expect(lastTouch(file, me)).toBeNull();
  expect(leftBehind(file)).toBeNull();
});

it('tells when a process that did not end in order turned its loop last', () => {
  writeFileSync(file, JSON.stringify({ pid: 4711, startedAt: 'x' }));
  utimesSync(file, 1_767_225_600, 1_767_225_600);
  expect(leftBehind(file)).toEqual({ pid: 4711, lastTurnAt: '2026-01-01T00:00:00.000Z' });
  const alive = keepAliveFile(file);
  expect(lastTouch(file, me)).not.toBeNull();
  alive.end();
});
