import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placeOf } from '../../test/simulation/world.js';
import type { ChainEntry } from '../model/chain.js';
import type { MemberList } from '../model/members.js';
import {
  adoptedChain,
  comparePositions,
  listReached,
  listsOf,
  listsReached,
  positionOf,
  positionText,
} from './log-position.js';
import { countedOrdinal, ELECTION_RULES } from './rules.js';
import type { PeerView } from './state.js';

const entry = (
  epoch: number,
  number: number,
  ordinal: number,
  members: MemberList | null = null,
): ChainEntry => ({
  epoch,
  number,
  beginsAfter: { epoch: epoch - 1, ordinal, gtid: `g${ordinal}` },
  primary: 'n1',
  members,
});

const members = (voters: string, learners = ''): MemberList => [
  ...[...voters].map((name) => ({ ...placeOf(name), incarnation: `${name}.0`, voter: true })),
  ...[...learners].map((name) => ({ ...placeOf(name), incarnation: '', voter: false })),
];

const isIn = (names: string) => (member: { name: string }) => names.includes(member.name);

describe('the position that votes compare', () => {
  const chain = [entry(1, 0, 0), entry(1, 1, 4), entry(2, 0, 10)];

  it('names the newest entry that the log has reached, not one that is only known (rule E1)', () => {
    expect(positionOf(chain, 3)).toEqual({ epoch: 1, number: 0, ordinal: 3 });
    expect(positionOf(chain, 4)).toEqual({ epoch: 1, number: 1, ordinal: 4 });
    expect(positionOf(chain, 9)).toEqual({ epoch: 1, number: 1, ordinal: 9 });
    expect(positionOf(chain, 10)).toEqual({ epoch: 2, number: 0, ordinal: 10 });
    expect(positionText(positionOf(chain, 12))).toBe('2.0/12');
  });

  it('is before every other without a chain', () => {
    expect(comparePositions(positionOf([], 99), positionOf([entry(0, 0, 0)], 0))).toBeLessThan(0);
  });

  it('compares the entry first, a change of the members included (rule E6), then the ordinal', () => {
    const order = [positionOf(chain, 3), positionOf(chain, 4), positionOf(chain, 9), positionOf(chain, 10)];
    expect(order.toSorted(comparePositions)).toEqual(order);
    const short = { epoch: 1, number: 1, ordinal: 9 };
    const long = { epoch: 1, number: 0, ordinal: 12 };
    expect(ELECTION_RULES.isUpToDate(short, long)).toBe(true);
    expect(ELECTION_RULES.isUpToDate(long, short)).toBe(false);
    expect(ELECTION_RULES.isUpToDate(long, long)).toBe(true);
  });

  it('leaves out of the chain what the log has not reached', () => {
    expect(adoptedChain(chain, 9)).toEqual(chain.slice(0, 2));
    expect(adoptedChain(chain, 10)).toBe(chain);
  });
});

describe('a majority', () => {
  it.each([
    ['a', 'a', true],
    ['ab', 'a', false],
    ['abc', 'ab', true],
    ['abcd', 'ab', false],
    ['abcd', 'abc', true],
    ['abcde', 'abc', true],
  ])('of %s are %s: %s', (voters, those, is) => {
    expect(ELECTION_RULES.isMajority([members(voters)], isIn(those))).toBe(is);
  });

  it('is one of each list that counts, the stricter one too (rule C11)', () => {
    const lists = [members('abcd'), members('abc')];
    expect(ELECTION_RULES.isMajority(lists, isIn('ab'))).toBe(false);
    expect(ELECTION_RULES.isMajority(lists, isIn('abd'))).toBe(true);
  });

  it('has no learners in it, and is never one of no voters', () => {
    expect(ELECTION_RULES.isMajority([members('abc', 'de')], isIn('ade'))).toBe(false);
    expect(ELECTION_RULES.isMajority([], () => true)).toBe(false);
    expect(ELECTION_RULES.isMajority([members('', 'ab')], () => true)).toBe(false);
  });

  it('of one list and one of the next have a member in common, whatever single change lies between', () => {
    const names = fc.uniqueArray(fc.constantFrom(...'abcdefg'), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(names, fc.constantFrom(...'abcdefg'), fc.func(fc.boolean()), (list, changed, picks) => {
        const after = list.includes(changed) ? list.filter((name) => name !== changed) : [...list, changed];
        fc.pre(after.length > 0);
        const those = (name: string) => picks(name);
        const isOne = ELECTION_RULES.isMajority([members(list.join(''))], ({ name }) => those(name));
        const isOther = ELECTION_RULES.isMajority([members(after.join(''))], ({ name }) => !those(name));
        return !(isOne && isOther);
      }),
    );
  });
});

describe('a promise', () => {
  const promise = { promisedEpoch: 4, votedFor: 'x' };

  it('allows a vote in a later epoch, and again for the same campaign, not for another one of the same node (rule E5)', () => {
    expect(ELECTION_RULES.mayVote(promise, 5, 'y')).toBe(true);
    expect(ELECTION_RULES.mayVote(promise, 4, 'x')).toBe(true);
    expect(ELECTION_RULES.mayVote(promise, 4, 'y')).toBe(false);
    expect(ELECTION_RULES.mayVote(promise, 3, 'x')).toBe(false);
    expect(ELECTION_RULES.mayVote({ promisedEpoch: 4, votedFor: null }, 4, 'y')).toBe(true);
  });

  it('and what others have promised decide the next epoch (rules H2, E15)', () => {
    expect(ELECTION_RULES.nextEpoch(4, 2)).toBe(5);
    expect(ELECTION_RULES.nextEpoch(4, 9)).toBe(10);
  });
});

describe('a disk that was set back (rule E5)', () => {
  const at = (boot: number, promisedEpoch: number, ordinal: number, incarnation = 'i') => ({
    ...{ incarnation, boot, promisedEpoch, abstains: false },
    position: { epoch: 1, number: 0, ordinal },
  });
  const seen: PeerView = { standing: at(3, 2, 100), offer: null, heardAtMs: 0 };

  it.each([
    ['the same process goes on', at(3, 2, 100), false],
    ['a new process of the same disk', at(4, 2, 100), false],
    ['an older start', at(2, 2, 100), true],
    ['a promise is forgotten', at(4, 1, 100), true],
    ['the log is shorter', at(4, 2, 99), true],
    ['the log was cut for the primary of a newer epoch', at(4, 3, 99), false],
    ['another disk', at(1, 0, 0, 'j'), false],
  ])('%s: %s', (_what, standing, is) => {
    expect(ELECTION_RULES.isSetBack(standing, seen)).toBe(is);
  });

  it('cannot be seen by a peer that has seen nothing', () => {
    expect(ELECTION_RULES.isSetBack(at(1, 0, 0), undefined)).toBe(false);
  });
});

describe('an acknowledgement counts', () => {
  const chain = [entry(1, 0, 0), entry(2, 0, 10), entry(2, 1, 14)];
  const place = (epoch: number, number: number) => ({ epoch, number });

  it('for nothing before the beginning of the epoch is adopted (rule C8)', () => {
    expect(countedOrdinal(chain, 2, place(1, 0), 12)).toBe(0);
    expect(countedOrdinal(chain, 2, null, 12)).toBe(0);
  });

  it('up to an entry that the voter has not adopted, and to its end with all of them', () => {
    expect(countedOrdinal(chain, 2, place(2, 0), 12)).toBe(12);
    expect(countedOrdinal(chain, 2, place(2, 0), 20)).toBe(14);
    expect(countedOrdinal(chain, 2, place(2, 1), 20)).toBe(20);
  });
});

describe('the lists that count', () => {
  it('are the newest, and the one before as long as the chain has it', () => {
    const [old, next] = [members('abc'), members('ab')];
    expect(listsOf([entry(1, 0, 0, old), entry(1, 1, 4, next)])).toEqual([next, old]);
    expect(listsOf([entry(1, 0, 0), entry(1, 1, 4, next)])).toEqual([next]);
    expect(listsOf([])).toEqual([]);
  });

  it('are found also where a log has not reached the entry that has taken the list over', () => {
    const [old, next] = [members('abc'), members('abcd')];
    const chain = [entry(1, 0, 0, old), entry(1, 1, 4), entry(2, 0, 9, next)];
    // Entry 1.1 was the change to the list that epoch 2 repeats.
    expect(listReached(chain, 1)).toEqual(old);
    expect(listReached(chain, 2)).toEqual(next);
    expect(listReached(chain, 3)).toEqual(next);
    expect(listReached([entry(1, 0, 0), entry(2, 0, 9, next)], 1)).toEqual(next);
    expect(listsReached(chain, 5)).toEqual([next, old]);
    expect(listsReached(chain, 3)).toEqual([old]);
  });

  it('are not those of an entry that is only known: it counts nowhere (rule E1)', () => {
    // The primary has written a list with a second voter, and its log has not reached it.
    const [alone, two] = [members('a', 'b'), members('ab')];
    expect(listsReached([entry(1, 0, 0, alone), entry(1, 1, 8, two)], 7)).toEqual([alone]);
    expect(listsReached([entry(1, 0, 0, alone), entry(1, 1, 8, two)], 8)).toEqual([two, alone]);
  });
});
