import { describe, expect, it } from 'vitest';
import type { ChainEntry } from '../../model/chain.js';
import { encodeMysqlGtid, formatMysqlGtid, uuidOfNode } from './gtid.js';
import { formatGtidSet, sizeOfSet } from './gtid-set.js';
import { countOf, gtidOf, isGtidAt, ordinalOfGtid, setUpTo } from './history.js';

const entry = (epoch: number, primary: string, after: number, number = 0): ChainEntry => ({
  ...{ epoch, number, primary, members: null },
  beginsAfter: { epoch: epoch - 1, ordinal: after, gtid: '' },
});

/** n1 wrote 1 to 10, n2 11 to 14, n1 15 to 20, n3 nothing, then n1 from 21 on. The second entry of epoch 3 is a change of members. */
const CHAIN = [
  entry(0, '', 0),
  entry(1, 'n1', 0),
  entry(2, 'n2', 10),
  entry(3, 'n1', 14),
  entry(3, 'n1', 17, 1),
  entry(4, 'n3', 20),
  entry(5, 'n1', 20),
];
const [n1, n2] = [uuidOfNode('n1'), uuidOfNode('n2')];

it('a node has the same UUID for ever, and another one than other nodes', () => {
  expect(n1).toBe('2a995df1-993e-897e-9d93-c97487c1934c');
  expect(n1).not.toBe(n2);
});

describe('a history of several primaries', () => {
  it.each([
    [1, n1, 1],
    [10, n1, 10],
    [11, n2, 1],
    [14, n2, 4],
    [15, n1, 11],
    [20, n1, 16],
    [21, n1, 17],
    [1_000_000, n1, 999_996],
  ])('names transaction %d %s:%d', (ordinal, uuid, number) => {
    const gtid = { uuid, number };
    expect(gtidOf(CHAIN, ordinal)).toEqual(gtid);
    expect(ordinalOfGtid(gtid, CHAIN)).toBe(ordinal);
    expect(isGtidAt(encodeMysqlGtid(gtid), CHAIN, ordinal)).toBe(true);
    expect(isGtidAt(encodeMysqlGtid(gtid), CHAIN, ordinal + 1)).toBe(false);
    expect(isGtidAt(encodeMysqlGtid({ uuid, number: number + 1 }), CHAIN, ordinal)).toBe(false);
  });

  it('has no place for what a lost primary wrote beyond its end, nor for another server', () => {
    expect(ordinalOfGtid({ uuid: n2, number: 5 }, CHAIN)).toBeNull();
    expect(ordinalOfGtid({ uuid: uuidOfNode('n3'), number: 1 }, CHAIN)).toBeNull();
    expect(ordinalOfGtid({ uuid: n1, number: 0 }, CHAIN)).toBeNull();
    expect(isGtidAt(encodeMysqlGtid({ uuid: n1, number: 11 }), CHAIN, 11)).toBe(false);
  });

  it('is the set of what its first transactions are called, at each of its places', () => {
    const named = new Map<string, number>();
    for (let ordinal = 0; ordinal <= 30; ordinal++) {
      const gtid = gtidOf(CHAIN, ordinal);
      if (ordinal > 0 && gtid !== null) named.set(gtid.uuid, gtid.number);
      const set = setUpTo(CHAIN, ordinal);
      expect(sizeOfSet(set)).toBe(ordinal);
      expect(countOf(formatGtidSet(set))).toBe(ordinal);
      expect(new Map([...set].map(([uuid, intervals]) => [uuid, intervals[0]?.last]))).toEqual(named);
    }
  });

  it('is written as a server reports it: by UUID, in order', () => {
    const chain = [entry(1, 'n2', 0), entry(2, 'n1', 4)];
    expect(formatGtidSet(setUpTo(chain, 6))).toBe(`${n1}:1-2,${n2}:1-4`);
  });
});

it('knows nothing of a history without a chain', () => {
  expect(gtidOf([], 1)).toBeNull();
  expect(isGtidAt(encodeMysqlGtid({ uuid: n1, number: 1 }), [], 1)).toBe(false);
  expect(formatMysqlGtid({ uuid: n1, number: 3 })).toBe(`${n1}:3`);
});
