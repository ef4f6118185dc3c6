import type { ElectionRules } from '../../src/election/rules.js';
import { newestEntry } from '../../src/model/chain.js';
import { majorityOf } from '../../src/model/members.js';

/** A deliberate defect. The simulation must find it: otherwise it would not find such a mistake of ours either. */
export interface Defect {
  readonly name: string;
  /** In the election's rules. */
  readonly rules?: Partial<ElectionRules>;
  /** In what the node around it does; see SimulatedNode. */
  readonly node?: NodeDefect;
  /** Where the search for it begins, so that it is short; default 1. */
  readonly firstSeed?: number;
  /** Seeds within which it must be found; default 1000. */
  readonly seedsMax?: number;
}

export type NodeDefect =
  | 'acknowledge before fsync'
  | 'forget the promise'
  | 'vote before old links end'
  | 'skip the cut'
  | 'entry before cut'
  | 'commit by count'
  | 'count beyond an entry'
  | 'count the binary log'
  | 'resume the old epoch'
  | 'confirm by ordinal'
  | 'lease read'
  | 'supervisor restarts the server'
  | 'apply what is received'
  | 'keep old links';

export const DEFECTS: readonly Defect[] = [
  { name: 'acknowledge before fsync', firstSeed: 1, node: 'acknowledge before fsync' },
  { name: 'forget the promise', firstSeed: 1, node: 'forget the promise' },
  { name: 'vote without comparing logs', firstSeed: 189, rules: { isUpToDate: () => true } },
  {
    name: 'compare only ordinals',
    firstSeed: 161,
    rules: { isUpToDate: (asking, own) => asking.ordinal >= own.ordinal },
  },
  { name: 'skip the cut', firstSeed: 161, node: 'skip the cut' },
  { name: 'open the gate before adoption', firstSeed: 1, rules: { needsAdoption: () => false } },
  {
    name: 'count a learner',
    firstSeed: 376,
    rules: {
      isMajority: (lists, has) =>
        lists.length > 0 &&
        lists.every(
          (list) => list.filter(has).length >= majorityOf(list.filter(({ voter }) => voter).length),
        ),
    },
  },
  { name: 'two member changes at once', firstSeed: 110, rules: { listRefusal: () => null } },
  { name: 'count the binary log instead of its copy', firstSeed: 1, node: 'count the binary log' },
  {
    name: 'reuse an epoch',
    firstSeed: 5,
    rules: { nextEpoch: (promised, seen) => Math.max(promised, seen, 1) },
  },
  { name: 'lease read', firstSeed: 15450, node: 'lease read' },
  {
    name: 'adopt on hearing',
    firstSeed: 2393,
    rules: {
      position: (chain, durable) => {
        const { epoch, number } = newestEntry(chain) ?? { epoch: -1, number: 0 };
        return { epoch, number, ordinal: durable };
      },
    },
  },
  {
    name: 'votedFor by name',
    firstSeed: 6,
    rules: { mayVote: (promise, epoch) => epoch >= promise.promisedEpoch },
  },
  { name: 'count the old incarnation', firstSeed: 14, rules: { isListed: () => true } },
  { name: 'confirm by ordinal only', firstSeed: 642, node: 'confirm by ordinal' },
  { name: 'supervisor restarts the server', firstSeed: 43, node: 'supervisor restarts the server' },
  { name: 'resume the old epoch after a restart', firstSeed: 561, node: 'resume the old epoch' },
  { name: 'a replica applies what it receives', firstSeed: 1, node: 'apply what is received' },
];
