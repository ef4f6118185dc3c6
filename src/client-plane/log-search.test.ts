import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { searchTrail } from '../audit/search.js';
import { searchLog } from './log-search.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-lines-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Lines of 100 KB: the twentieth fits into 2 MiB, the twenty-first does not. */
const lines = Array.from({ length: 30 }, (_, i) =>
  JSON.stringify({ i, level: 'info', text: 'x'.repeat(100_000) }),
);
const text = `${lines.join('\n')}\n`;

it.each([
  ['the log', 'node.log', (count: number) => searchLog(join(directory, 'node.log'), {}, count)],
  ['the audit trail', 'audit-0000000000000001.jsonl', (count: number) => searchTrail(directory, {}, count)],
])('of %s the newest lines are found, up to a number and a size', async (_what, file, search) => {
  await writeFile(join(directory, file), text);
  expect(await search(5)).toEqual({ lines: lines.slice(-5), isCut: false });
  expect(await search(10_000)).toEqual({ lines: lines.slice(-20), isCut: true });
});
