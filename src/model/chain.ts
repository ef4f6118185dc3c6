import { SkeinError } from './error.js';
import type { ChainEntry, Position } from './position.js';

/**
 * The chain: for each epoch the position after which it began, oldest first, kept for ever. It says of every ordinal
 * which epoch it belongs to, and of a log that ends in an older epoch where it must be cut (SAFETY C7).
 */
export type Chain = readonly ChainEntry[];

export function currentEpoch(chain: Chain): number {
  return chain.at(-1)?.epoch ?? 0;
}

/** The epoch of the group with this ordinal: the newest one that began before it. */
export function epochOf(chain: Chain, ordinal: number): number {
  for (let i = chain.length - 1; i >= 0; i--) {
    const entry = chain[i] as ChainEntry;
    if (entry.beginsAfter.ordinal < ordinal) return entry.epoch;
  }
  return 0;
}

/** @throws SkeinError CHAIN_INVALID when the new epoch does not continue the chain */
export function extendChain(chain: Chain, entry: ChainEntry): Chain {
  const last = chain.at(-1);
  if (last && (entry.epoch <= last.epoch || entry.beginsAfter.ordinal < last.beginsAfter.ordinal)) {
    throw new SkeinError(
      'CHAIN_INVALID',
      `Epoch ${entry.epoch} after ordinal ${entry.beginsAfter.ordinal} can not follow epoch ${last.epoch} after ordinal ${last.beginsAfter.ordinal}.`,
    );
  }
  return [...chain, entry];
}

/**
 * Where a log whose last group is `end` must be cut so that it is a prefix of the chain's history; null = nowhere.
 * For the epoch of its last group the cut is where the next epoch began, and again until nothing is beyond.
 */
export function cutFor(chain: Chain, end: Position): Position | null {
  const next = chain.find((entry) => entry.epoch > end.epoch);
  return next && end.ordinal > next.beginsAfter.ordinal ? next.beginsAfter : null;
}

/**
 * Whether `theirs` continues `ours`: every epoch that we know stands in it with the same beginning.
 * If not, the other side is older or of another history, and must not be followed.
 */
export function continues(ours: Chain, theirs: Chain): boolean {
  return ours.every((entry, i) => {
    const other = theirs[i];
    return (
      other?.epoch === entry.epoch &&
      other.beginsAfter.ordinal === entry.beginsAfter.ordinal &&
      other.beginsAfter.gtid === entry.beginsAfter.gtid
    );
  });
}
