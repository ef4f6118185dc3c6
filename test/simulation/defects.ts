import { positionOf } from '../../src/election/log-position.js';
import type { ElectionRules } from '../../src/election/rules.js';
import { comparePlaces, newestEntry } from '../../src/model/chain.js';
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
  { name: 'acknowledge before fsync', node: 'acknowledge before fsync' },
  { name: 'forget the promise', node: 'forget the promise' },
  { name: 'vote without comparing logs', rules: { isUpToDate: () => true } },
  { name: 'compare only ordinals', rules: { isUpToDate: (asking, own) => asking.ordinal >= own.ordinal } },
  { name: 'skip the cut', node: 'skip the cut' },
  { name: 'commit the records of an older epoch by count', node: 'commit by count' },
  { name: 'open the gate before adoption', rules: { needsAdoption: () => false } },
  {
    name: 'count a learner',
    rules: {
      isMajority: (lists, has) =>
        lists.length > 0 &&
        lists.every(
          (list) => list.filter(has).length >= majorityOf(list.filter(({ voter }) => voter).length),
        ),
    },
  },
  { name: 'two member changes at once', rules: { listRefusal: () => null } },
  { name: 'count the binary log instead of its copy', node: 'count the binary log' },
  { name: 'reuse an epoch', rules: { nextEpoch: (promised, seen) => Math.max(promised, seen, 1) } },
  { name: 'lease read', node: 'lease read' },
  {
    name: 'adopt on hearing',
    rules: {
      position: (chain, durable) => {
        const { epoch, number } = newestEntry(chain) ?? { epoch: -1, number: 0 };
        return { epoch, number, ordinal: durable };
      },
    },
  },
  { name: 'vote while old links and writes go on', node: 'vote before old links end' },
  { name: 'entry before cut', node: 'entry before cut' },
  {
    name: 'list as a second criterion',
    rules: {
      isUpToDate: (asking, own) =>
        asking.epoch >= own.epoch && asking.ordinal >= own.ordinal && comparePlaces(asking, own) >= 0,
    },
  },
  { name: 'votedFor by name', rules: { mayVote: (promise, epoch) => epoch >= promise.promisedEpoch } },
  { name: 'count the old incarnation', rules: { isListed: () => true } },
  { name: 'confirm by ordinal only', node: 'confirm by ordinal' },
  { name: 'contact dated by receipt', rules: { contactMs: (_sent, received) => received } },
  { name: 'supervisor restarts the server', node: 'supervisor restarts the server' },
  { name: 'acknowledgements count beyond an entry that is not adopted', node: 'count beyond an entry' },
  { name: 'resume the old epoch after a restart', node: 'resume the old epoch' },
  { name: 'a replica applies what it receives', node: 'apply what is received' },
  { name: 'old links stay after a promise', node: 'keep old links' },
  {
    name: 'no majority of the old list',
    rules: {
      isMajority: (lists, has) =>
        lists.slice(0, 1).every((list) => {
          const voters = list.filter(({ voter }) => voter);
          return voters.filter(has).length >= majorityOf(voters.length);
        }) && lists.length > 0,
    },
  },
  {
    name: 'a list of no members is a majority',
    rules: {
      isMajority: (lists, has) =>
        lists.every((list) => {
          const voters = list.filter(({ voter }) => voter);
          return voters.filter(has).length >= majorityOf(voters.length);
        }),
      position: positionOf,
    },
  },
];
