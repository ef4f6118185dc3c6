import { describe, expect, it } from 'vitest';
import { type Chain, continues, cutFor, epochOf, extendChain, isSameChain } from './chain.js';

const at = (epoch: number, ordinal: number) => ({ epoch, ordinal, gtid: ordinal === 0 ? '' : `g${ordinal}` });
const chain: Chain = [
  { epoch: 1, beginsAfter: at(0, 0) },
  { epoch: 2, beginsAfter: at(1, 3) },
  { epoch: 3, beginsAfter: at(2, 5) },
];

describe('the chain', () => {
  it('says the epoch of every group', () => {
    expect([1, 3, 4, 5, 6, 99].map((ordinal) => epochOf(chain, ordinal))).toEqual([1, 1, 2, 2, 3, 3]);
    expect(epochOf([], 1)).toBe(0);
  });

  it('cuts a log to the beginning of the epoch after its own, not to the newest (rule C7)', () => {
    // Up to 5 in epoch 1; epoch 2 began after 3 and wrote other groups 4 and 5.
    expect(cutFor(chain, at(1, 5))).toEqual(at(1, 3));
    expect(cutFor(chain, at(1, 3))).toBeNull();
    expect(cutFor(chain, at(2, 6))).toEqual(at(2, 5));
    expect(cutFor(chain, at(3, 50))).toBeNull();
    expect(cutFor(chain, at(0, 0))).toBeNull();
  });

  it('passes over epochs in which nothing was written', () => {
    const quiet = extendChain(chain, { epoch: 4, beginsAfter: at(2, 5) });
    expect(epochOf(quiet, 6)).toBe(4);
    expect(cutFor(quiet, at(3, 6))).toEqual(at(2, 5));
  });

  it('grows with the epochs that wrote, not with every attempt to open', () => {
    let grown = chain;
    for (let epoch = 4; epoch < 100_000; epoch++)
      grown = extendChain(grown, { epoch, beginsAfter: at(2, 5) });
    expect(grown).toEqual([...chain.slice(0, 2), { epoch: 99_999, beginsAfter: at(2, 5) }]);
    // A replica that knows an epoch that was replaced, and one that missed several, both follow.
    expect(continues(chain, grown)).toBe(true);
    expect(continues(chain.slice(0, 2), grown)).toBe(true);
    expect(continues(grown, chain)).toBe(false);
  });

  it('is not continued by a history in which an epoch that we know began elsewhere, or not at all', () => {
    const missed: Chain = [...chain.slice(0, 1), { epoch: 3, beginsAfter: at(1, 5) }];
    expect(continues(chain, missed)).toBe(false);
    const gtid = { epoch: 4, beginsAfter: { ...at(2, 5), gtid: 'other' } };
    expect(continues(chain, [...chain.slice(0, 2), gtid])).toBe(false);
    expect(extendChain(chain, gtid)).toHaveLength(4);
  });

  it('is the same only with the same newest epoch', () => {
    const replaced = extendChain(chain, { epoch: 4, beginsAfter: at(2, 5) });
    expect([isSameChain(chain, [...chain]), isSameChain(chain, replaced)]).toEqual([true, false]);
    expect(isSameChain(chain, chain.slice(0, 2))).toBe(false);
  });

  it('only grows', () => {
    expect(() => extendChain(chain, { epoch: 3, beginsAfter: at(3, 9) })).toThrow();
    expect(() => extendChain(chain, { epoch: 4, beginsAfter: at(1, 2) })).toThrow();
  });

  it('knows an older or another history', () => {
    expect(continues(chain.slice(0, 2), chain)).toBe(true);
    expect(continues(chain, chain.slice(0, 2))).toBe(false);
    expect(continues([{ epoch: 1, beginsAfter: at(0, 1) }], chain)).toBe(false);
  });
});
