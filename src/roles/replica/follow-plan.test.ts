import { describe, expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import type { Chain } from '../../model/chain.js';
import type { Position } from '../../model/position.js';
import { type FollowFacts, followPlan } from './follow-plan.js';

const at = (epoch: number, ordinal: number): Position => ({
  epoch,
  ordinal,
  gtid: ordinal === 0 ? '' : `0-${epoch}-${ordinal}`,
});
const e1 = epochEntry(1, at(0, 0));
const e2 = epochEntry(2, at(1, 3));
const e3 = epochEntry(3, at(2, 5));
const chains: Record<string, Chain> = {
  ...{ none: [], e1: [e1], e2: [e1, e2], e3: [e1, e2, e3] },
  // Epoch 2 of another node, and a change of members. Neither reached a majority.
  'e3 without e2': [e1, epochEntry(3, at(1, 4))],
  'e1 changed': [e1, { ...epochEntry(1, at(1, 2)), number: 1 }],
  'e1 changed, e2': [e1, { ...epochEntry(1, at(1, 2)), number: 1 }, e2],
  'e3 after 4': [e1, epochEntry(3, at(1, 4))],
  'forced after 4': [e1, epochEntry(11_000_000, at(1, 4))],
  'forced after 4, and another epoch': [
    e1,
    epochEntry(11_000_000, at(1, 4)),
    epochEntry(11_000_001, at(11_000_000, 9)),
  ],
  'forced after 4 on another node': [e1, { ...epochEntry(11_000_000, at(1, 4)), primary: 'n2' }],
};

/** Chain of this node, chain of the primary, end of the log, commit position -> expected plan. */
const TABLE: [ours: string, theirs: string, end: Position, committed: number, expected: string][] = [
  ['none', 'e1', at(0, 0), 0, 'save'],
  ['e1', 'e1', at(1, 3), 3, 'nothing'],
  ['e1', 'e2', at(1, 3), 3, 'save'],
  ['e1', 'e2', at(1, 2), 2, 'save'],
  ['e1', 'e2', at(1, 5), 3, 'cut 0-1-3, save'],
  ['e1', 'e2', at(1, 5), 4, 'CUT_BELOW_COMMITTED'],
  // Kafka's KIP-101: the log ends before the newest epoch begins, but after the beginning of the epoch that follows its own.
  ['e1', 'e3', at(1, 5), 3, 'cut 0-1-3, save'],
  ['e1', 'e3', at(1, 3), 3, 'save'],
  ['e2', 'e3', at(2, 7), 5, 'cut 0-2-5, save'],
  ['e3', 'e3', at(3, 9), 9, 'nothing'],
  ['e2', 'e1', at(2, 5), 3, 'CHAIN_MISMATCH'],
  ['e3', 'none', at(3, 9), 9, 'CHAIN_MISMATCH'],
  // Rule E7: entries that no majority has are replaced, as long as no committed transaction is cut.
  ['e2', 'e3 without e2', at(2, 4), 3, 'cut 0-1-3, save'],
  ['e2', 'e3 without e2', at(1, 3), 3, 'save'],
  ['e2', 'e3 without e2', at(2, 4), 4, 'CUT_BELOW_COMMITTED'],
  // The change is not there either; number 4 is of epoch 1 there, and of epoch 2 here.
  ['e1 changed, e2', 'e3 after 4', at(2, 5), 2, 'cut 0-1-3, save'],
  ['e1 changed, e2', 'e3 after 4', at(2, 5), 4, 'CUT_BELOW_COMMITTED'],
  ['e1', 'e1 changed', at(1, 3), 3, 'save'],
  ['e1 changed', 'e1 changed', at(1, 3), 3, 'nothing'],
  ['e1 changed', 'e1', at(1, 3), 3, 'CHAIN_MISMATCH'],
  ['e1 changed', 'e2', at(1, 5), 3, 'cut 0-1-3, save'],
  ['e1', 'e1 changed, e2', at(1, 5), 3, 'cut 0-1-3, save'],
  // A log that missed an earlier cut: both cuts are made, the second one below the first.
  ['e2', 'e3', at(1, 8), 3, 'cut 0-1-3, save'],
  // What an operator has given up may be committed and executed.
  ['e1', 'forced after 4', at(1, 4), 4, 'save'],
  ['e1', 'forced after 4', at(1, 2), 2, 'save'],
  ['e1', 'forced after 4', at(1, 6), 6, 'given up, save'],
  ['e1', 'forced after 4, and another epoch', at(1, 6), 6, 'given up, save'],
  // It ends before the forced beginning, and left that history before.
  ['e2', 'forced after 4', at(2, 4), 4, 'given up, save'],
  ['e2', 'forced after 4', at(1, 3), 3, 'save'],
  ['forced after 4', 'forced after 4, and another epoch', at(11_000_000, 9), 9, 'save'],
  // Two nodes were forced behind each other's back, with lists that differ: the same names, and other transactions.
  ['forced after 4 on another node', 'forced after 4', at(11_000_000, 9), 9, 'FORCED_TWICE'],
  [
    'forced after 4 on another node',
    'forced after 4, and another epoch',
    at(11_000_000, 9),
    9,
    'FORCED_TWICE',
  ],
  ['forced after 4', 'e2', at(11_000_000, 9), 9, 'CHAIN_MISMATCH'],
];

function done(facts: FollowFacts): string {
  try {
    const { cut, isGivenUp, save } = followPlan(facts);
    return (
      [cut && `cut ${cut.gtid}`, isGivenUp && 'given up', save && 'save'].filter(Boolean).join(', ') ||
      'nothing'
    );
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('following a primary', () => {
  for (const [ours, theirs, end, committed, expected] of TABLE) {
    it(`${ours} -> ${theirs}, log ends at ${end.gtid}, ${committed} committed: ${expected}`, () => {
      const facts = { primary: 'n1', ours: chains[ours] ?? [], theirs: chains[theirs] ?? [], end, committed };
      expect(done(facts)).toBe(expected);
    });
  }
});
