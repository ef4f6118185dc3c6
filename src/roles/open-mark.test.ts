import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { OpenMark } from './open-mark.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-open-mark-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** What is on the disk. */
async function loaded(): Promise<[number | null, string | null]> {
  const mark = new OpenMark(directory);
  await mark.load();
  return [mark.epoch, mark.doubt];
}

it("keeps the first doubt until the data is a replica's, also when the server is opened again", async () => {
  const mark = new OpenMark(directory);
  await mark.load();
  await mark.doubtful('nothing is open');
  expect(await loaded()).toEqual([null, null]);
  await mark.set(3);
  expect(await loaded()).toEqual([3, null]);
  await mark.doubtful('the first');
  await mark.doubtful('the second');
  await mark.set(4, 'the third');
  expect(await loaded()).toEqual([4, 'the first']);
  await mark.clear();
  expect(await loaded()).toEqual([null, null]);
  await mark.set(5, 'at the opening');
  expect(await loaded()).toEqual([5, 'at the opening']);
});
