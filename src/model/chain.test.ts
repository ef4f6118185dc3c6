import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  adoptedPlace,
  beginningOf,
  type Chain,
  type ChainEntry,
  countedLists,
  cutFor,
  epochOf,
  extendChain,
  foreignEntries,
  isSameChain,
  listedNames,
  settleChain,
} from './chain.js';
import type { ListedMember, MemberList } from './members.js';

const at = (epoch: number, ordinal: number) => ({ epoch, ordinal, gtid: ordinal === 0 ? '' : `g${ordinal}` });
const member = (name: string, voter = true): ListedMember => ({
  name,
  incarnation: `${name}-disk`,
  voter,
  link: { host: name, port: 7083 },
  http: `http://${name}:8083`,
  mysqlRw: null,
  mysqlRo: null,
});
const ONE = [member('n1')];
const LEARNING = [member('n1'), member('n2', false)];
const TWO = [member('n1'), member('n2')];
const entry = (
  epoch: number,
  number: number,
  beginsAfter: ChainEntry['beginsAfter'],
  members: MemberList | null = ONE,
) => ({ epoch, number, beginsAfter, primary: 'n1', members }) satisfies ChainEntry;
const built = (...entries: ChainEntry[]) => entries.reduce<Chain>(extendChain, []);
const shape = (chain: Chain) =>
  chain.map(({ epoch, number, beginsAfter, members }) =>
    [`${epoch}.${number}@${beginsAfter.ordinal}`, ...(members?.map(({ name }) => name) ?? [])].join(' '),
  );

const chain = built(entry(1, 0, at(0, 0)), entry(2, 0, at(1, 3)), entry(3, 0, at(2, 5)));

describe('the chain', () => {
  it('says the epoch of every group, whatever changes of members stand between', () => {
    const changed = built(
      entry(1, 0, at(0, 0)),
      entry(1, 1, at(1, 2), LEARNING),
      entry(2, 0, at(1, 3), LEARNING),
      entry(2, 1, at(1, 3), TWO),
    );
    for (const each of [chain.slice(0, 2), changed])
      expect([1, 2, 3, 4, 99].map((ordinal) => epochOf(each, ordinal))).toEqual([1, 1, 1, 2, 2]);
    expect(epochOf([], 1)).toBe(0);
    expect(beginningOf(changed)).toBe(3);
  });

  it('cuts a log to the beginning of the epoch after its own, not to the newest (rule C7)', () => {
    // Up to 5 in epoch 1; epoch 2 began after 3 and wrote other groups 4 and 5.
    expect(cutFor(chain, at(1, 5))).toEqual(at(1, 3));
    expect(cutFor(chain, at(1, 3))).toBeNull();
    expect(cutFor(chain, at(2, 6))).toEqual(at(2, 5));
    expect(cutFor(chain, at(3, 50))).toBeNull();
    expect(cutFor(chain, at(0, 0))).toBeNull();
  });

  it('is not cut by a change of members', () => {
    const changed = extendChain(chain, entry(3, 1, at(3, 8), TWO));
    expect(cutFor(changed, at(3, 50))).toBeNull();
  });

  it('passes over epochs in which nothing was written', () => {
    const quiet = extendChain(chain, entry(4, 0, at(2, 5)));
    expect(epochOf(quiet, 6)).toBe(4);
    expect(cutFor(quiet, at(3, 6))).toEqual(at(2, 5));
  });

  it('grows with the epochs that wrote and with changes, not with every attempt to open', () => {
    let grown = extendChain(chain, entry(3, 1, at(2, 5), LEARNING));
    for (let epoch = 4; epoch < 20_000; epoch++)
      grown = extendChain(grown, entry(epoch, 0, at(2, 5), LEARNING));
    expect(shape(grown)).toEqual(['1.0@0', '2.0@3', '3.0@5 n1', '19999.0@5 n1 n2']);
    expect(shape(settleChain(grown))).toEqual(['1.0@0', '2.0@3', '19999.0@5 n1 n2']);
    // A replica that knows an epoch that was replaced, and one that missed several, both follow.
    expect(foreignEntries(chain, grown)).toEqual([]);
    expect(foreignEntries(chain.slice(0, 2), grown)).toEqual([]);
    expect(foreignEntries(grown, chain)).not.toEqual([]);
  });

  it('keeps the newest list and the one before it, and only the newest once that is settled', () => {
    const steps = [
      entry(1, 0, at(0, 0), ONE),
      entry(1, 1, at(1, 2), LEARNING),
      entry(1, 2, at(1, 4), TWO),
      // The primary was started again before the last change was on a majority.
      entry(2, 0, at(1, 6), TWO),
    ];
    expect(shape(built(...steps.slice(0, 3)))).toEqual(['1.0@0', '1.1@2 n1 n2', '1.2@4 n1 n2']);
    const all = built(...steps);
    expect(shape(all)).toEqual(['1.0@0', '1.1@2 n1 n2', '1.2@4', '2.0@6 n1 n2']);
    expect(countedLists(all)).toEqual([['n1', 'n2'], ['n1']]);
    expect(countedLists(settleChain(all))).toEqual([['n1', 'n2']]);
    const settled = settleChain(all);
    expect(settleChain(settled), 'nothing is to be written').toBe(settled);
    expect(listedNames(built(entry(1, 0, at(0, 0), TWO), entry(1, 1, at(1, 2), ONE)))).toEqual(['n1', 'n2']);
  });

  it('has adopted what its log has reached, and only knows of the rest (rule E1)', () => {
    const changed = built(
      entry(1, 0, at(0, 0)),
      entry(1, 1, at(1, 2), LEARNING),
      entry(2, 0, at(1, 4), LEARNING),
    );
    expect([0, 1, 2, 3, 4, 9].map((durable) => adoptedPlace(changed, durable))).toEqual([
      { epoch: 1, number: 0 },
      { epoch: 1, number: 0 },
      { epoch: 1, number: 1 },
      { epoch: 1, number: 1 },
      { epoch: 2, number: 0 },
      { epoch: 2, number: 0 },
    ]);
    expect(adoptedPlace([], 9)).toBeNull();
  });

  it('names the entries that another history does not have', () => {
    const missed = built(entry(1, 0, at(0, 0)), entry(3, 0, at(1, 5)));
    const epochs = (ours: Chain, theirs: Chain) => foreignEntries(ours, theirs).map(({ epoch }) => epoch);
    expect(epochs(chain, missed)).toEqual([2]);
    const gtid = entry(4, 0, { ...at(2, 5), gtid: 'other' });
    expect(epochs(chain, [...chain.slice(0, 2), gtid])).toEqual([3]);
    expect(extendChain(chain, gtid)).toHaveLength(4);
    expect(epochs([entry(1, 0, at(0, 1))], chain)).toEqual([1]);
    expect(epochs(chain.slice(0, 2), chain)).toEqual([]);
  });

  it('is the same only with the same newest entry, and lists in the same places', () => {
    const replaced = extendChain(chain, entry(4, 0, at(2, 5)));
    expect([isSameChain(chain, [...chain]), isSameChain(chain, replaced)]).toEqual([true, false]);
    expect(isSameChain(chain, chain.slice(0, 2))).toBe(false);
    const changed = extendChain(chain, entry(3, 1, at(3, 9), TWO));
    expect(isSameChain(changed, settleChain(changed))).toBe(false);
  });

  it.each([
    ['the same epoch again', entry(3, 0, at(3, 9))],
    ['an earlier ordinal', entry(4, 0, at(1, 2))],
    ['an epoch that begins with a change', entry(4, 1, at(3, 9))],
    ['a number that is left out', entry(3, 2, at(3, 9))],
    ['an older epoch', entry(2, 1, at(3, 9))],
  ])('is not continued by %s', (_what, next) => {
    expect(() => extendChain(chain, next)).toThrow('cannot follow');
  });

  it('never loses the beginning of an epoch that wrote, nor more than one earlier list', () => {
    const step = fc.record({ wrote: fc.nat(2), epoch: fc.boolean(), list: fc.nat(2), settle: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let grown = built(entry(1, 0, at(0, 0)));
        let ordinal = 0;
        const epochs = [0];
        for (const { wrote, epoch, list, settle } of steps) {
          const last = grown.at(-1) as ChainEntry;
          for (let i = 0; i < wrote; i++) epochs[++ordinal] = last.epoch;
          const next = epoch
            ? entry(last.epoch + 1, 0, at(last.epoch, ordinal), last.members)
            : entry(last.epoch, last.number + 1, at(last.epoch, ordinal), [ONE, LEARNING, TWO][list] ?? ONE);
          grown = extendChain(grown, next);
          if (settle) grown = settleChain(grown);
          expect(countedLists(grown).length).toBeLessThanOrEqual(2);
          for (let each = 1; each <= ordinal; each++) expect(epochOf(grown, each)).toBe(epochs[each]);
        }
      }),
    );
  });
});
