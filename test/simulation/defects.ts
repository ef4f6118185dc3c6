import type { ElectionRules } from '../../src/election/rules.js';
import { newestEntry } from '../../src/model/chain.js';
import { majorityOf } from '../../src/model/members.js';
import type { Mood } from './mood.js';

/** A deliberate defect. The simulation must find it: otherwise it would not find such a mistake of ours either. */
export interface Defect {
  readonly name: string;
  /** In the election's rules. */
  readonly rules?: Partial<ElectionRules>;
  /** In what the node around it does; see SimulatedNode. */
  readonly node?: NodeDefect;
  /** In which it shows soon; default: any. */
  readonly mood?: Partial<Mood>;
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
  | 'count the binary log'
  | 'resume the old epoch'
  | 'confirm by ordinal'
  | 'lease read'
  | 'supervisor restarts the server'
  | 'apply what is received'
  | 'keep old links';

export const DEFECTS: readonly Defect[] = [
  { name: 'acknowledge before fsync', firstSeed: 4, node: 'acknowledge before fsync' },
  { name: 'forget the promise', firstSeed: 1, node: 'forget the promise' },
  { name: 'vote without comparing logs', firstSeed: 448, rules: { isUpToDate: () => true } },
  {
    name: 'compare only ordinals',
    firstSeed: 2452,

    rules: { isUpToDate: (asking, own) => asking.ordinal >= own.ordinal },
  },
  { name: 'skip the cut', firstSeed: 164, node: 'skip the cut' },
  { name: 'open the gate before adoption', firstSeed: 4, rules: { needsAdoption: () => false } },
  {
    name: 'count a learner',
    firstSeed: 899,

    rules: {
      isMajority: (lists, has) =>
        lists.length > 0 &&
        lists.every(
          (list) => list.filter(has).length >= majorityOf(list.filter(({ voter }) => voter).length),
        ),
    },
  },
  { name: 'two member changes at once', firstSeed: 113, rules: { listRefusal: () => null } },
  { name: 'count the binary log instead of its copy', firstSeed: 4, node: 'count the binary log' },
  {
    name: 'reuse an epoch',
    firstSeed: 8,

    rules: { nextEpoch: (promised, seen) => Math.max(promised, seen, 1) },
  },
  {
    name: 'lease read',
    firstSeed: 17,
    mood: { faults: ['refuse links'], passMaxMs: 3, read: 0.08, fault: 0.02, mend: 0.04 },

    node: 'lease read',
  },
  {
    name: 'adopt on hearing',
    firstSeed: 1139,

    rules: {
      position: (chain, durable) => {
        const { epoch, number } = newestEntry(chain) ?? { epoch: -1, number: 0 };
        return { epoch, number, ordinal: durable };
      },
    },
  },
  {
    name: 'votedFor by name',
    firstSeed: 12,

    rules: { mayVote: (promise, epoch) => epoch >= promise.promisedEpoch },
  },
  { name: 'count the old incarnation', firstSeed: 17, rules: { isListed: () => true } },
  { name: 'confirm by ordinal only', firstSeed: 645, node: 'confirm by ordinal' },
  { name: 'supervisor restarts the server', firstSeed: 46, node: 'supervisor restarts the server' },
  { name: 'resume the old epoch after a restart', firstSeed: 360, node: 'resume the old epoch' },
  { name: 'a replica applies what it receives', firstSeed: 4, node: 'apply what is received' },
  {
    name: 'commit the records of an older epoch by count',
    firstSeed: 19763,
    mood: { faults: ['strand', 'kill', 'kill'], fault: 0.03, mend: 0.06, read: 0 },
    node: 'commit by count',
  },
  {
    name: 'vote while old links and writes go on',
    firstSeed: 16475,
    mood: { faults: ['isolate', 'cut', 'kill'], fault: 0.03, mend: 0.06, read: 0 },
    node: 'vote before old links end',
  },
  {
    name: 'entry before cut',
    firstSeed: 1628,
    mood: { faults: ['strand', 'kill', 'power'], fault: 0.03, mend: 0.06, read: 0 },
    node: 'entry before cut',
  },
  { name: 'old links stay after a promise', firstSeed: 844, node: 'keep old links' },
];
