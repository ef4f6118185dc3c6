import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { logFiles } from './log-files.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-log-'));
});
afterEach(() => rm(directory, { recursive: true }));

it('lists the files of the index, with their sizes', async () => {
  expect(await logFiles(directory)).toBeNull();
  await writeFile(join(directory, 'bin.index'), './bin.000002\n./bin.000003\n');
  // The server has removed one, and is about to say so.
  await writeFile(join(directory, 'bin.000003'), 'abc');
  expect(await logFiles(directory)).toBeNull();
  await writeFile(join(directory, 'bin.000002'), '');
  expect(await logFiles(directory)).toEqual([
    { name: 'bin.000002', bytes: 0 },
    { name: 'bin.000003', bytes: 3 },
  ]);
});
