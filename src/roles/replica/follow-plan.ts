import {
  type Chain,
  type ChainPlace,
  comparePlaces,
  cutFor,
  firstForeign,
  isSameChain,
} from '../../model/chain.js';
import { SkeinError } from '../../model/error.js';
import type { Position } from '../../model/position.js';

export interface FollowFacts {
  /** Name of the primary. */
  readonly primary: string;
  readonly ours: Chain;
  readonly theirs: Chain;
  /** Of this node's log. */
  readonly end: Position;
  /** Ordinal up to which this node knows its log to be committed. */
  readonly committed: number;
}

export interface FollowPlan {
  /** What the log holds beyond this was never committed (rule C7); null = nothing is cut. */
  readonly cut: Position | null;
  /** The chain is new here. */
  readonly save: boolean;
}

const NOTHING: ChainPlace = { epoch: -1, number: 0 };

/**
 * What a replica does with the chain of a primary before it takes a record from it. Entries of this node that the primary
 * does not have never reached a majority: they are replaced, and the records of their epochs are cut with them (rule E7).
 * @throws SkeinError CHAIN_MISMATCH (the primary's history is older) | CUT_BELOW_COMMITTED
 */
export function followPlan({ primary, ours, theirs, end, committed }: FollowFacts): FollowPlan {
  const foreign = firstForeign(ours, theirs);
  if (foreign && comparePlaces(theirs.at(-1) ?? NOTHING, ours.at(-1) ?? NOTHING) <= 0) {
    throw new SkeinError(
      'CHAIN_MISMATCH',
      `The history of ${primary} does not continue the one that this node knows: it is older, or of another cluster with the same name and secret.`,
    );
  }
  let cut: Position | null = null;
  // A change of members has no records of its own.
  if (foreign?.number === 0 && end.ordinal > foreign.beginsAfter.ordinal) cut = foreign.beginsAfter;
  for (let next = cutFor(theirs, cut ?? end); next; next = cutFor(theirs, next)) cut = next;
  if (cut !== null && cut.ordinal < committed) {
    throw new SkeinError(
      'CUT_BELOW_COMMITTED',
      `The chain of ${primary} would cut this node's log at ${cut.gtid || 'its beginning'}, but it is committed up to number ${committed}. Nothing is cut.`,
    );
  }
  return { cut, save: !isSameChain(theirs, ours) };
}
