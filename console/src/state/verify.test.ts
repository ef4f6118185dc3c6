import { describe, expect, it } from 'vitest';
import type { VerifyDocument, VerifyRound, VerifyTable } from '../../../client/src/index.js';
import { differenceText, orderOf, roundText, tableRows } from './verify.js';

const round = (change: Partial<VerifyRound> = {}): VerifyRound => ({
  ...{
    startedAt: '2026-11-28T10:00:00.000Z',
    finishedAt: '2026-11-28T10:00:05.000Z',
    only: null,
    repair: false,
  },
  ...{ background: false, tablesDone: 3, tables: 3, differing: [], skipped: [], unconfirmed: 0 },
  ...{ rows: 1200, chunks: 3, positions: 1, heldMsMax: 4, ended: null },
  ...change,
});
const report = (change: Partial<VerifyDocument>): VerifyDocument => ({
  ...{ running: null, last: null, lastCompleteAt: null, tables: [] },
  ...change,
});
const table = (
  name: string,
  verdict: VerifyTable['verdict'],
  change: Partial<VerifyTable> = {},
): VerifyTable => ({
  ...{
    table: name,
    verdict,
    startedAt: '',
    finishedAt: '2026-11-28T10:00:05.000Z',
    from: '1.5.x',
    to: '1.9.x',
  },
  ...{ rows: 10, chunks: 1, nodes: ['n2'], reason: null, differences: [], more: 0 },
  ...change,
});

describe('an order', () => {
  it('names what is to be compared', () => {
    expect(orderOf({ database: '', table: '' }, false)).toEqual({});
    expect(orderOf({ database: 'shop', table: '' }, false)).toEqual({ database: 'shop' });
    expect(orderOf({ database: 'shop', table: 'a' }, true)).toEqual({
      database: 'shop',
      table: 'a',
      repair: true,
    });
    expect(orderOf({ database: '', table: 'a' }, false)).toHaveProperty('wrong');
  });
});

describe('the last comparison', () => {
  it.each([
    [report({}), 'idle', 'Nothing has been compared yet.'],
    [
      report({ running: round({ finishedAt: null, tablesDone: 1 }) }),
      'idle',
      'Comparing all tables: 1 of 3 tables, 1,200 rows so far.',
    ],
    [
      report({ last: round() }),
      'good',
      'All equal: 3 tables, 1,200 rows, compared until 2026-11-28 10:00:05.',
    ],
    [
      report({ last: round({ differing: ['t.a'] }) }),
      'bad',
      'Rows differ in 1 of 3 tables, 1,200 rows, compared until 2026-11-28 10:00:05.',
    ],
    [
      report({ last: round({ ended: 'the role ended', only: 't.a' }) }),
      'warn',
      'The comparison of t.a ended early at 2026-11-28 10:00:05: the role ended',
    ],
  ])('is one sentence', (document, tone, text) => {
    expect(roundText(document)).toEqual({ text, tone });
  });

  it('is not called well when tables were skipped', () => {
    expect(roundText(report({ last: round({ skipped: ['t.s'] }) }))).toMatchObject({ tone: 'warn' });
  });
});

it('shows first what needs a look', () => {
  const tables = [
    table('t.b', 'equal'),
    table('t.a', 'equal'),
    table('t.s', 'skipped', { reason: 'it is locked' }),
  ];
  const rows = tableRows(report({ tables: [...tables, table('t.d', 'differs', { more: 2 })] }));
  expect(rows.map(({ table: name }) => name)).toEqual(['t.d', 't.s', 't.a', 't.b']);
  expect(rows[0]?.notes).toEqual(['2 differences more.']);
  expect(rows[1]?.notes).toEqual(['it is locked']);
});

it.each([
  [
    { key: ['id'], after: null, upTo: ['7'], rows: 7, nodes: [{ node: 'n2', rows: 6 }], repair: null },
    '(id) from the first row up to (7): the primary has 7 rows, n2 has 6 rows.',
  ],
  [
    {
      key: ['a', 'b'],
      after: ['1', 'x'],
      upTo: null,
      rows: 1,
      nodes: [{ node: 'n3', rows: 1 }],
      repair: 'repaired',
    },
    '(a, b) behind (1, x) to the last row: the primary has 1 row, n3 has 1 row. Repaired.',
  ],
  [
    { key: [], after: null, upTo: null, rows: 2, nodes: [{ node: 'n2', rows: 0 }], repair: 'it has no key' },
    'The whole table, which has no key: the primary has 2 rows, n2 has 0 rows. Not repaired: it has no key',
  ],
])('says which rows differ', (difference, text) => {
  expect(differenceText(difference)).toBe(text);
});
