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

it('lines of two threads that are not quite in order are all found', async () => {
  const at = (ms: number) => new Date(Date.UTC(2026, 0, 1) + ms).toISOString();
  // Within each chunk that is read from the end, the oldest line is older than what is asked for.
  const disordered = Array.from({ length: 300 }, (_, i) =>
    JSON.stringify({ i, level: 'info', time: at(i % 2 === 0 ? i + 100 : i), text: 'x'.repeat(5_000) }),
  );
  await writeFile(join(directory, 'node.log'), `${disordered.join('\n')}\n`);
  const since = at(200);
  const wanted = disordered.filter((line) => JSON.parse(line).time >= since);
  const found = await searchLog(join(directory, 'node.log'), { since }, 10_000);
  expect(found.lines).toEqual(wanted);
});
