import { describe, expect, it } from 'vitest';
import { readToEnd, type TmpStatement } from './tmp-budget.js';

const MB = 1e6;
const statement = (queryId: number, writtenMb: number, readsOnly = true): TmpStatement => ({
  sessionId: queryId,
  queryId,
  account: 'x@localhost',
  readsOnly,
  writtenBytes: writtenMb * MB,
});

describe('the read that is ended', () => {
  it('is the read that wrote most', () => {
    const all = [statement(1, 10), statement(2, 90), statement(3, 500, false)];
    expect(readToEnd(all, { bytes: 700 * MB, bytesMax: 650 * MB })?.queryId).toBe(2);
  });

  it('is none below the limit', () => {
    expect(readToEnd([statement(1, 90)], { bytes: 100 * MB, bytesMax: 100 * MB })).toBeNull();
  });

  it('is none when writes exceed the limit and ending reads would not help', () => {
    const all = [statement(1, 1), statement(2, 900, false)];
    expect(readToEnd(all, { bytes: 901 * MB, bytesMax: 500 * MB })).toBeNull();
  });

  it('is none when no read has written', () => {
    expect(readToEnd([statement(1, 0)], { bytes: 2 * MB, bytesMax: 1 * MB })).toBeNull();
  });
});
