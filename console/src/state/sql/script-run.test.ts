import { expect, it } from 'vitest';
import type { Problem } from '../problem.js';
import { tabsOf, tabToShow } from './result-tabs.js';
import { ScriptRun } from './script-run.js';
import { splitStatements } from './split.js';
import { cutText, summaryText } from './summary.js';

const columns = [{ name: 'a', type: 'int', nullable: true }] as const;
const served = {
  position: '1.2',
  node: 'n2',
  role: 'replica' as const,
  epoch: 1,
  lagMs: 3,
  acknowledgedBy: [],
  replayed: false,
};
const result = { rowCount: 0, affectedRows: 0, insertId: null, warnings: 0, durationMs: 4 };
const problem = (more: Partial<Problem>): Problem => ({
  ...{ text: 'It is wrong', code: 'ER_PARSE_ERROR', status: 400, applied: 'no', primary: null, ...more },
});
const begin = (sql: string, bytesMax?: number) => new ScriptRun(sql, splitStatements(sql), bytesMax);
const batch = (statement: number, set: number, rows: unknown[][]) => ({ statement, set, columns, rows });

it('statements are done one after the other', () => {
  const run = begin('SELECT 1; INSERT 2; SELECT 3');
  const states = () => run.look().statements.map(({ state }) => state);
  expect(states()).toEqual(['running', 'waiting', 'waiting']);
  run.take(batch(0, 0, [[1]]));
  run.take(batch(2, 1, []));
  expect(states()).toEqual(['done', 'done', 'running']);
  expect(tabToShow(tabsOf(run.look()))).toBe(2);
  run.take(batch(2, 1, [[3], [4]]));
  run.end({
    ...served,
    results: [
      { ...result, statement: 0, rowCount: 1 },
      { ...result, statement: 1, affectedRows: 1, insertId: '7', warnings: 1 },
      { ...result, statement: 2, rowCount: 2 },
    ],
  });
  const look = run.look();
  expect(states()).toEqual(['done', 'done', 'done']);
  expect(look.statements.map((one) => summaryText(one, look))).toEqual([
    '1 row · 4 ms · served by n2, 3 ms behind · position 1.2',
    '1 affected, insert id 7 · 1 warning · 4 ms · served by n2, 3 ms behind · position 1.2',
    '2 rows · 4 ms · served by n2, 3 ms behind · position 1.2',
  ]);
  expect(look.statements[2]?.sets[0]?.rows.row(1)).toEqual([4]);
});

it('an error ends them, and says which one it was and where', () => {
  const run = begin('SELECT 1;\nSELECT\nx x x;\nSELECT 3');
  run.take(batch(0, 0, [[1]]));
  run.fail(problem({ text: "near 'x' at line 2" }), {
    statement: 1,
    results: [{ ...result, statement: 0, rowCount: 1 }],
  });
  const look = run.look();
  expect(look.statements.map(({ state, errorLine }) => [state, errorLine])).toEqual([
    ['done', null],
    ['failed', 3],
    ['skipped', null],
  ]);
  expect(tabToShow(tabsOf(look))).toBe(1);
  expect(look.statements.map((one) => summaryText(one, look))[0]).toBe('1 row · 4 ms');
});

it('what was cancelled keeps its rows', () => {
  const run = begin('SELECT 1');
  run.take(batch(0, 0, [[1], [2]]));
  run.fail(problem({ code: 'ABORTED' }));
  const [one] = run.look().statements;
  expect(one?.state).toBe('cancelled');
  expect(one && summaryText(one, run.look())).toBe('2 rows · Cancelled. The rows that had come are shown.');
});

it('rows beyond the bound are not kept, and only the last statement ends with it', () => {
  const run = begin('SELECT 1; SELECT 2', 40);
  const many = Array.from({ length: 30 }, (_, at) => [at]);
  expect(run.take(batch(0, 0, many))).toBe('go on');
  expect(run.take(batch(1, 1, many))).toBe('enough');
  run.end(null);
  const [first, second] = run.look().statements;
  expect(first && cutText(first)).toMatch(/^The page keeps 1,000,000 rows or 200 MB/);
  expect([first?.sets[0]?.count, second?.sets[0]?.count]).toEqual([13, 0]);
});

it('result sets of a procedure are tabs of their own', () => {
  const run = begin('CALL p()');
  run.take(batch(0, 0, [[1]]));
  run.take(batch(0, 1, [[2]]));
  expect(tabsOf(run.look()).map(({ label }) => label)).toEqual([
    '1 CALL p() (1 of 2)',
    '1 CALL p() (2 of 2)',
  ]);
});
