import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sweepTemporary, temporaryName } from './files.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-files-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('removes what ended processes left, also one that had the number of a living one', async () => {
  const path = join(directory, 'all.backup');
  const own = temporaryName(path);
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  const of = (pid: number, ticks: string) => `${path}.tmp-${pid}${ticks}-abc`;
  const kept = [
    own,
    path,
    `${path}.tmp-other`,
    join(directory, `other.tmp-${process.pid}.1-abc`),
    of(child.pid ?? 0, ''),
  ];
  const left = [of(process.pid, '.1'), of(child.pid ?? 0, '.1'), of(2 ** 22 + 1, ''), of(2 ** 22 + 1, '.7')];
  for (const name of [...kept, ...left]) await writeFile(name, '');
  await sweepTemporary(path);
  expect((await readdir(directory)).map((name) => join(directory, name)).sort()).toEqual(kept.sort());
  child.kill();
});
