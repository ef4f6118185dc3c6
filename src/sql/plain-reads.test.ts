import { expect, it, vi } from 'vitest';
import { PlainReads } from './plain-reads.js';

const TEXT = 'SELECT x FROM t';

it('finds a plain read when its text comes again', () => {
  const reads = new PlainReads();
  expect(reads.find(TEXT, 'd')).toBeNull();
  const found = reads.find(TEXT, 'd');
  expect(found?.tables).toEqual([{ database: null, table: 't' }]);
  expect(reads.find(TEXT, 'e')).toBe(found);
  for (const sql of ['SELECT f(x) FROM t', `SELECT ${'1'.repeat(5000)}`])
    for (let i = 0; i < 3; i++) expect(reads.find(sql, 'd')).toBeNull();
});

it('remembers a bounded number of texts, those that came last', () => {
  const reads = new PlainReads();
  reads.find(TEXT, 'd');
  reads.find('SELECT y FROM t', 'd');
  for (let i = 0; i < 998; i++) reads.find(`SELECT ${i}`, null);
  expect(reads.find(TEXT, 'd')).not.toBeNull();
  reads.find('SELECT z FROM t', 'd');
  expect(reads.find(TEXT, 'd')).not.toBeNull();
  expect(reads.find('SELECT y FROM t', 'd')).toBeNull();
});

it('does not try again for a minute what the server has not confirmed, in that database', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const reads = new PlainReads();
    reads.find(TEXT, 'd');
    reads.refuse(TEXT, 'd');
    expect(reads.find(TEXT, 'd')).toBeNull();
    expect(reads.find(TEXT, null)).not.toBeNull();
    vi.advanceTimersByTime(59_000);
    expect(reads.find(TEXT, 'd')).toBeNull();
    vi.advanceTimersByTime(2_000);
    expect(reads.find(TEXT, 'd')).not.toBeNull();
  } finally {
    vi.useRealTimers();
  }
});
