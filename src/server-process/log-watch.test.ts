import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LogWatch } from './log-watch.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-log-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('gives each new line that tells something once, whole, and nothing of before', async () => {
  const path = join(directory, 'server.log');
  const watch = new LogWatch(path, /corrupt/);
  expect(await watch.look()).toEqual([]);
  await writeFile(path, 'corrupt before\n');
  expect(await watch.look()).toEqual([]);
  await appendFile(path, 'all is well\npage is cor');
  expect(await watch.look()).toEqual([]);
  await appendFile(path, 'rupt\n');
  expect(await watch.look()).toEqual(['page is corrupt']);
  expect(await watch.look()).toEqual([]);
  await writeFile(path, 'corrupt\n');
  expect(await watch.look()).toEqual(['corrupt']);
});
