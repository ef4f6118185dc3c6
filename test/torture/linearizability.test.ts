import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeRegister, type RegisterOperation, type RegisterValue } from './linearizability.js';

type Times = readonly [callMs: number, returnMs: number | null];

const write = ([callMs, returnMs]: Times, value: string): RegisterOperation => ({
  ...{ client: 1, callMs, returnMs },
  action: { kind: 'write', value },
});
const read = ([callMs, returnMs]: Times, value: RegisterValue): RegisterOperation => ({
  ...{ client: 2, callMs, returnMs },
  action: { kind: 'read', value },
});
const swap = ([callMs, returnMs]: Times, from: string, value: string): RegisterOperation => ({
  ...{ client: 3, callMs, returnMs },
  action: { kind: 'swap', from, value },
});

describe('histories that one order explains', () => {
  it.each<[string, RegisterOperation[]]>([
    ['nothing', []],
    ['a read before any write', [read([0, 1], null), write([2, 3], 'a')]],
    [
      'one after the other',
      [write([0, 1], 'a'), read([2, 3], 'a'), swap([4, 5], 'a', 'b'), read([6, 7], 'b')],
    ],
    [
      'a read during a write may see the old value',
      [write([0, 10], 'a'), read([1, 2], null), read([3, 4], 'a')],
    ],
    [
      'two reads during two writes',
      [write([0, 10], 'a'), write([0, 10], 'b'), read([1, 2], 'b'), read([3, 4], 'a')],
    ],
    [
      'an unknown write that took effect late',
      [write([0, null], 'a'), read([5, 6], null), read([7, 8], 'a')],
    ],
    [
      'an unknown write that never took effect',
      [write([0, null], 'a'), write([1, 2], 'b'), read([3, 4], 'b')],
    ],
    [
      'a swap of a value whose write is unknown',
      [write([0, null], 'a'), swap([1, 2], 'a', 'b'), read([3, 4], 'b')],
    ],
    ['times that touch', [write([0, 5], 'a'), read([5, 6], null)]],
  ])('%s', (_, history) => {
    expect(judgeRegister(history).kind).toBe('linearizable');
  });
});

describe('histories that no order explains', () => {
  it.each<[string, RegisterOperation[], blocked: number]>([
    ['a lost write', [write([0, 1], 'a'), write([2, 3], 'b'), read([4, 5], 'a')], 2],
    ['a read of what nobody wrote', [write([0, 1], 'a'), read([2, 3], 'z')], 1],
    [
      'a value that goes back',
      [write([0, 1], 'a'), write([2, 9], 'b'), read([3, 4], 'b'), read([5, 6], 'a')],
      3,
    ],
    [
      'an unknown write that was seen, and is gone',
      [write([0, 1], 'a'), write([2, null], 'b'), read([3, 4], 'b'), read([5, 6], 'a')],
      3,
    ],
    ['two swaps of the same value', [write([0, 1], 'a'), swap([2, 9], 'a', 'b'), swap([2, 9], 'a', 'c')], 2],
    ['a stale read after a swap', [write([0, 1], 'a'), swap([2, 3], 'a', 'b'), read([4, 5], 'a')], 2],
    ['a read of the future', [read([0, 1], 'a'), write([2, 3], 'a')], 0],
  ])('%s', (_, history, blocked) => {
    expect(judgeRegister(history)).toMatchObject({ kind: 'violation', blocked: history[blocked] });
  });
});

it('names the order that explains the beginning', () => {
  const [first, second, stale] = [write([0, 1], 'a'), write([2, 3], 'b'), read([4, 5], 'a')];
  expect(judgeRegister([first, second, stale])).toEqual({
    kind: 'violation',
    explained: [first, second],
    blocked: stale,
  });
});

it('gives up when there are too many orders', () => {
  const many = Array.from({ length: 20 }, (_, i) => write([0, 100], `v${i}`));
  expect(judgeRegister([...many, read([200, 201], 'v0'), read([202, 203], 'v1')], 1000).kind).toBe(
    'undecided',
  );
});

/** A register that really is one: each operation takes effect at a moment between its call and its return. */
const realHistory = fc
  .array(
    fc.record({
      kind: fc.constantFrom('read' as const, 'write' as const, 'swap' as const),
      atMs: fc.integer({ min: 0, max: 200 }),
      earlierMs: fc.integer({ min: 0, max: 30 }),
      laterMs: fc.integer({ min: 0, max: 30 }),
      isUnknown: fc.boolean(),
      isLost: fc.boolean(),
    }),
    { maxLength: 25 },
  )
  .map((drawn) => {
    let value: RegisterValue = null;
    return drawn
      .map((each, at) => ({ ...each, effectMs: each.atMs + at / 100 }))
      .sort((a, b) => a.effectMs - b.effectMs)
      .map(({ kind, effectMs, earlierMs, laterMs, isUnknown, isLost }, at): RegisterOperation => {
        const returnMs = isUnknown && kind !== 'read' ? null : effectMs + laterMs;
        const times: Times = [effectMs - earlierMs, returnMs];
        if (kind === 'read' || (kind === 'swap' && value === null))
          return read([times[0], effectMs + laterMs], value);
        const before = value;
        if (returnMs !== null || !isLost) value = `v${at}`;
        return kind === 'write' ? write(times, `v${at}`) : swap(times, before ?? '', `v${at}`);
      });
  });

it('every history of a real register is explained, in whatever order it was written down', () => {
  fc.assert(
    fc.property(realHistory, (history) => {
      expect(judgeRegister(history).kind).toBe('linearizable');
      expect(judgeRegister([...history].reverse()).kind).toBe('linearizable');
    }),
  );
});

it('a read that goes back behind a later acknowledged write is always found', () => {
  fc.assert(
    fc.property(realHistory, (history) => {
      const more = [write([1000, 1001], 'x'), write([1002, 1003], 'y'), read([1004, 1005], 'x')];
      expect(judgeRegister([...history, ...more]).kind).toBe('violation');
    }),
  );
});

/** All orders, one by one: slow and plain. */
function isExplained(history: readonly RegisterOperation[], value: RegisterValue = null): boolean {
  if (history.every(({ returnMs }) => returnMs === null)) return true;
  const firstReturnMs = Math.min(...history.map(({ returnMs }) => returnMs ?? Number.POSITIVE_INFINITY));
  return history.some(({ action, callMs }, at) => {
    if (callMs > firstReturnMs) return false;
    if (action.kind === 'read' && action.value !== value) return false;
    if (action.kind === 'swap' && action.from !== value) return false;
    return isExplained(history.toSpliced(at, 1), action.value);
  });
}

it('agrees with trying all orders', () => {
  const values = fc.constantFrom('a', 'b', 'c');
  const operation = fc
    .tuple(fc.nat(20), fc.nat(8), fc.boolean(), values, fc.option(values), fc.constantFrom(0, 1, 2))
    .map(([callMs, lasts, isUnknown, value, other, kind]): RegisterOperation => {
      if (kind === 0) return read([callMs, callMs + lasts], other);
      const times: Times = [callMs, isUnknown ? null : callMs + lasts];
      return kind === 1 || other === null ? write(times, value) : swap(times, other, value);
    });
  let violations = 0;
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 6 }), (history) => {
      const expected = isExplained(history);
      if (!expected) violations++;
      expect(judgeRegister(history).kind).toBe(expected ? 'linearizable' : 'violation');
    }),
    { numRuns: 1000 },
  );
  expect(violations).toBeGreaterThan(100);
});
