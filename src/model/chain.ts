import { SkeinError } from './error.js';
import type { ChainEntry, Position } from './position.js';

/**
 * The chain: for each epoch the position after which it began, oldest first, kept forever. It says of every ordinal
 * which epoch it belongs to, and of a log that ends in an older epoch where it must be cut (rule C7).
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

/**
 * An epoch that begins where the newest one began takes its place: nothing was written in between, so no group belongs to
 * the older one. The chain grows only with epochs that wrote, however often a primary is opened.
 * @throws SkeinError CHAIN_INVALID when the new epoch does not continue the chain
 */
export function extendChain(chain: Chain, entry: ChainEntry): Chain {
  const last = chain.at(-1);
  if (last && (entry.epoch <= last.epoch || entry.beginsAfter.ordinal < last.beginsAfter.ordinal)) {
    throw new SkeinError(
      'CHAIN_INVALID',
      `Epoch ${entry.epoch} after ordinal ${entry.beginsAfter.ordinal} cannot follow epoch ${last.epoch} after ordinal ${last.beginsAfter.ordinal}.`,
    );
  }
  return last && beginsAlike(last, entry) ? [...chain.slice(0, -1), entry] : [...chain, entry];
}

/**
 * Where a log whose last group is `end` must be cut so that it is a prefix of the chain's history; null = nowhere. The cut
 * is where the epoch after that of the last group begins; this is repeated until nothing lies beyond.
 */
export function cutFor(chain: Chain, end: Position): Position | null {
  const next = chain.find((entry) => entry.epoch > end.epoch);
  return next && end.ordinal > next.beginsAfter.ordinal ? next.beginsAfter : null;
}

/**
 * Whether `theirs` continues `ours`: every epoch that we know is in it with the same beginning, itself or as a later
 * epoch that took its place. If not, the other side is older or of another history, and must not be followed.
 */
export function continues(ours: Chain, theirs: Chain): boolean {
  return ours.every((entry) => {
    const other = theirs.find(({ epoch }) => epoch >= entry.epoch);
    return other !== undefined && beginsAlike(other, entry);
  });
}

function beginsAlike(a: ChainEntry, b: ChainEntry): boolean {
  return a.beginsAfter.ordinal === b.beginsAfter.ordinal && a.beginsAfter.gtid === b.beginsAfter.gtid;
}

/** Whether both name the same epochs with the same beginnings. */
export function isSameChain(a: Chain, b: Chain): boolean {
  return a.length === b.length && currentEpoch(a) === currentEpoch(b) && continues(a, b) && continues(b, a);
}

/**
 * A position is compared on the chain, never by its number alone (rule M3): one that lies beyond the beginning of
 * the epoch after its own was lost at a change of primaries, and waiting for it would end with other data.
 * An epoch that the chain does not have yet may still be heard of, unless the node has this place of the history already
 * (`known`).
 * @throws SkeinError TRANSACTION_LOST
 */
export function refuseLost(chain: Chain, position: Position, known: boolean): void {
  if (position.ordinal === 0 || (!known && position.epoch > currentEpoch(chain))) return;
  if (epochOf(chain, position.ordinal) === position.epoch) return;
  throw new SkeinError(
    'TRANSACTION_LOST',
    `The transaction ${position.gtid} of epoch ${position.epoch} is not in the cluster's history. It was never acknowledged, and was lost when the primary changed.`,
  );
}
