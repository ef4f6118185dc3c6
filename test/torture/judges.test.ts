import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { seededRandom } from '../kit/random.js';
import { judgeSnapshot } from './bank.js';
import { drawFault } from './faults.js';
import { History } from './history.js';
import { reportPage, type TortureResult } from './report.js';

/** What judges a run is judged first. */

it('a snapshot with half of a transfer, or with another sum, is wrong', () => {
  const whole = { total: '8000', accounts: '8', moves: '12', transfers: '6' };
  expect(judgeSnapshot(whole)).toBeNull();
  expect(judgeSnapshot({ ...whole, total: '7990' })).toContain('7990 in 8 accounts');
  expect(judgeSnapshot({ ...whole, moves: '13' })).toContain('moved 13 times by 6 transfers');
  expect(judgeSnapshot({ ...whole, accounts: '7' })).toContain('in 7 accounts');
  expect(judgeSnapshot({})).not.toBeNull();
});

it('the same seed draws the same faults', () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 50 }, () => drawFault(random, 3, { alone: true })).map(
      ({ kind, on, holdMs }) => `${kind} ${on} ${holdMs}`,
    );
  };
  expect(draw(3)).toEqual(draw(3));
  expect(draw(3)).not.toEqual(draw(4));
});

const result: TortureResult = {
  ...{ seed: 7, nodes: 3, durationMs: 90_000, command: 'npm run torture', commit: 'abc' },
  rounds: [
    { faults: [{ kind: 'kill -9 of node', on: 'primary', node: 'n1', holdMs: 0 }], pauseMs: 900 },
    { faults: [{ kind: 'kill -9 of node', on: 'primary', node: 'n2', holdMs: 0 }], pauseMs: 700 },
    { faults: [{ kind: 'kill -9 of node', on: 'primary', node: 'n3', holdMs: 0 }], pauseMs: 2000 },
    {
      faults: [
        { kind: 'slow links', on: 'replica 2', node: 'n2', holdMs: 500 },
        { kind: 'kill -9 of everything', on: 'all', node: 'all', holdMs: 0 },
      ],
      pauseMs: 5000,
    },
  ],
  workloads: [{ name: 'set', summary: 'acknowledged 5' }],
  violations: [],
};

it('the page has median and worst pause of each fault', () => {
  const page = reportPage(result);
  expect(page).toContain('**No violation.** 3 nodes, seed 7, 1.5 minutes');
  expect(page).toContain('| kill -9 of node | primary | 3 | 900 | 2000 |');
  expect(page).toContain('| (pairs) |  | 1 | 5000 | 5000 |');
  expect(page).toContain(
    '- slow links, replica 2 (n2), 500 ms + kill -9 of everything: nothing acknowledged for 5000 ms',
  );
});

it('the page begins with the violations', () => {
  const page = reportPage({ ...result, violations: [{ of: 'set', what: 'n2: row 1/5 is lost' }] });
  expect(page).toContain('**1 violations.**');
  expect(page).toContain('- set: n2: row 1/5 is lost');
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-history-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

it('a pause is the longest time between two acknowledgements', async () => {
  let nowMs = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  const history = new History(directory);
  const acknowledgeAt = (atMs: number) => {
    nowMs = atMs;
    history.acknowledged();
  };
  for (const atMs of [0, 400, 500, 1_300, 1_350, 1_500]) acknowledgeAt(atMs);
  expect(history.pauseSince(600)).toBe(800);
  // The pause had begun before.
  expect(history.pauseSince(1_200)).toBe(800);
  expect(history.pauseSince(1_300)).toBe(150);
  // It is not over.
  nowMs = 2_500;
  expect(history.pauseSince(1_400)).toBe(1_000);
  await history.close();
});

it('the history is lines of JSON', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  const history = new History(directory);
  history.record('set', { client: 1 });
  history.violation('bank', 'gone');
  await history.close();
  const lines = readFileSync(join(directory, 'history.jsonl'), 'utf8').trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { of: 'set', client: 1 },
    { of: 'violation', in: 'bank', what: 'gone' },
  ]);
  expect(history.violations).toEqual([{ of: 'bank', what: 'gone' }]);
});
