import {
  type Chain,
  type ChainPlace,
  comparePlaces,
  cutFor,
  foreignEntries,
  forkOf,
  isGivenUp,
  isSameChain,
} from '../../model/chain.js';
import { SkeinError } from '../../model/error.js';
import type { Position } from '../../model/position.js';

export interface FollowFacts {
  /** Name of the primary. */
  readonly primary: string;
  readonly ours: Chain;
  readonly theirs: Chain;
  /** End of this node's log. */
  readonly end: Position;
  /** Ordinal up to which this node knows that its log is committed. */
  readonly committed: number;
}

export interface FollowPlan {
  /** The log is cut after this position, because later transactions were never committed (rule C7); null = no cut. */
  readonly cut: Position | null;
  /** An operator has given up the end of this node's log (isGivenUp): it is not cut, but kept, and a new one begins. */
  readonly isGivenUp: boolean;
  /** The primary's chain differs from this node's, and must be saved. */
  readonly save: boolean;
}

const NOTHING: ChainPlace = { epoch: -1, number: 0 };

/**
 * Compares the chain of a replica with that of its primary, before the replica takes a record from the primary. Entries that
 * the primary does not have never reached a majority. They are replaced, and the records of their epochs are cut (rule E7).
 * @throws SkeinError CHAIN_MISMATCH (the primary's history is older) | FORCED_TWICE | CUT_BELOW_COMMITTED
 */
export function followPlan({ primary, ours, theirs, end, committed }: FollowFacts): FollowPlan {
  const fork = forkOf(ours, theirs);
  if (fork !== null) {
    throw new SkeinError(
      'FORCED_TWICE',
      `Two nodes were made the primary by force in epoch ${fork.epoch}. This node has the history of ${fork.primary}, and ${primary} has that of another one, with other transactions under the same names. The two cannot be joined. Decide which one goes on. Each node that has the other one: stop it, keep a copy of its directory, and let it join again with an empty directory.`,
    );
  }
  const foreign = foreignEntries(ours, theirs);
  if (foreign.length > 0 && comparePlaces(theirs.at(-1) ?? NOTHING, ours.at(-1) ?? NOTHING) <= 0) {
    throw new SkeinError(
      'CHAIN_MISMATCH',
      `The history of ${primary} does not continue the history of this node. It is older, or it belongs to another cluster with the same name and secret.`,
    );
  }
  const save = !isSameChain(theirs, ours);
  if (isGivenUp(theirs, end)) return { cut: null, isGivenUp: true, save };
  let cut: Position | null = null;
  // The first epoch that the primary does not have. An entry with a number above 0 is a change of members, which has no records.
  const epoch = foreign.find(({ number }) => number === 0);
  if (epoch && end.ordinal > epoch.beginsAfter.ordinal) cut = epoch.beginsAfter;
  for (let next = cutFor(theirs, cut ?? end); next; next = cutFor(theirs, next)) cut = next;
  if (cut !== null && cut.ordinal < committed) {
    throw new SkeinError(
      'CUT_BELOW_COMMITTED',
      `By the chain of ${primary}, this node's log would be cut at ${cut.gtid || 'its beginning'}, but it is committed up to number ${committed}. Nothing is cut.`,
    );
  }
  return { cut, isGivenUp: false, save };
}
