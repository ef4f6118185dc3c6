import { expect, it, vi } from 'vitest';
import { PlainReads } from './plain-reads.js';

it('remembers what is a plain read', () => {
  const reads = new PlainReads();
  const found = reads.find('SELECT x FROM t', 'd');
  expect(found?.tables).toEqual([{ database: null, table: 't' }]);
  expect(reads.find('SELECT x FROM t', 'e')).toBe(found);
  expect(reads.find('SELECT f(x) FROM t', 'd')).toBeNull();
  expect(reads.find(`SELECT ${'1'.repeat(5000)}`, 'd')).toBeNull();
  // Among so many others the first one is forgotten, and found anew.
  for (let i = 0; i < 1000; i++) reads.find(`SELECT ${i}`, null);
  expect(reads.find('SELECT x FROM t', 'd')).not.toBe(found);
});

it('does not try again for a minute what the server has not confirmed, in that database', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const reads = new PlainReads();
    reads.refuse('SELECT x FROM t', 'd');
    expect(reads.find('SELECT x FROM t', 'd')).toBeNull();
    expect(reads.find('SELECT x FROM t', null)).not.toBeNull();
    vi.advanceTimersByTime(59_000);
    expect(reads.find('SELECT x FROM t', 'd')).toBeNull();
    vi.advanceTimersByTime(2_000);
    expect(reads.find('SELECT x FROM t', 'd')).not.toBeNull();
  } finally {
    vi.useRealTimers();
  }
});
