import { SkeinError } from './error.js';
import { isSameList, type MemberList, votersOf } from './members.js';
import type { Position } from './position.js';
import { isForcedBeginning } from './timeline.js';

/**
 * One entry of the chain. Number 0 of an epoch is its beginning: the groups after `beginsAfter` belong to it. The numbers
 * after that are changes of the list of members, made when the log of the primary had reached `beginsAfter`.
 */
export interface ChainEntry {
  readonly epoch: number;
  readonly number: number;
  readonly beginsAfter: Position;
  /** Of this epoch. */
  readonly primary: string;
  /** The list from here on; null when a later list has taken its place for good. */
  readonly members: MemberList | null;
}

/** Places in the chain are compared by the epoch, then by the number. */
export interface ChainPlace {
  readonly epoch: number;
  readonly number: number;
}

/**
 * The chain: every epoch with the position after which it began, and every change of the members, oldest first, kept forever.
 * From it follow the epoch of every ordinal, where a log that ends in an older epoch must be cut (rule C7), and which nodes
 * count (rule C11).
 */
export type Chain = readonly ChainEntry[];

export function currentEpoch(chain: Chain): number {
  return chain.at(-1)?.epoch ?? 0;
}

/** The newest entry; null = this node has no list, so it never counts. */
export function newestEntry(chain: Chain): ChainEntry | null {
  return chain.at(-1) ?? null;
}

/** The newest list. Empty = this node has none. */
export function listInForce(chain: Chain): MemberList {
  return chain.at(-1)?.members ?? [];
}

/**
 * The lists of voters that count: the newest, and also the one before while the newest is not known to be on a majority of
 * both (rule C11).
 */
export function countedLists(chain: Chain): string[][] {
  return chain.flatMap(({ members }) => (members === null ? [] : [votersOf(members)])).reverse();
}

/** Names on those lists. A member that is being removed is on one of them until the removal is on a majority. */
export function listedNames(chain: Chain): string[] {
  return [...new Set(chain.flatMap(({ members }) => members?.map(({ name }) => name) ?? []))];
}

/** The voters of those lists with the disks that count, each list after the other. */
export function countedVoters(chain: Chain): MemberList {
  return chain.flatMap(({ members }) => members?.filter(({ voter }) => voter) ?? []);
}

/** The epoch of the group with this ordinal: the newest one that began before it. */
export function epochOf(chain: Chain, ordinal: number): number {
  for (let i = chain.length - 1; i >= 0; i--) {
    const entry = chain[i] as ChainEntry;
    if (entry.beginsAfter.ordinal < ordinal) return entry.epoch;
  }
  return 0;
}

/** The ordinal after which the newest epoch began. */
export function beginningOf(chain: Chain): number {
  const epoch = currentEpoch(chain);
  return chain.find((entry) => entry.epoch === epoch)?.beginsAfter.ordinal ?? 0;
}

/** The newest entry that an operator began by force (`skein promote --force`); null = there is none. */
export function forcedEntry(chain: Chain): ChainEntry | null {
  return chain.findLast(isForcedBeginning) ?? null;
}

/** Below 0 when `a` comes before `b`. */
export function comparePlaces(a: ChainPlace, b: ChainPlace): number {
  return a.epoch - b.epoch || a.number - b.number;
}

/**
 * The newest entry that a log has reached which is durable up to this ordinal (rule E1). Later entries are known but not
 * adopted, so they count neither in votes nor in acknowledgements. Null = none.
 */
export function adoptedPlace(chain: Chain, durable: number): ChainPlace | null {
  const entry = chain.findLast(({ beginsAfter }) => beginsAfter.ordinal <= durable);
  return entry ? { epoch: entry.epoch, number: entry.number } : null;
}

/**
 * Appends an entry. Only the new list and the newest list that differs from it are kept. Older lists are not needed, because
 * the next change may only come when a majority has the one before. An entry without a list that begins where the new one
 * begins is dropped, because nothing was written in between; but a forced one is kept for ever. So the chain grows with epochs
 * that wrote and with changes of members, however often a primary is opened.
 * @throws SkeinError CHAIN_INVALID when the entry does not continue the chain
 */
export function extendChain(chain: Chain, entry: ChainEntry): Chain {
  const last = chain.at(-1);
  if (last && !follows(last, entry)) {
    throw new SkeinError('CHAIN_INVALID', `${nameOf(entry)} cannot follow ${nameOf(last)}.`);
  }
  const { members } = entry;
  const before = chain.findLast(
    (old) => old.members !== null && !(members && isSameList(old.members, members)),
  );
  return [...withoutLists(chain, before).filter((old) => staysBefore(old, entry)), entry];
}

function follows(last: ChainEntry, entry: ChainEntry): boolean {
  const isNext =
    entry.epoch === last.epoch
      ? entry.number === last.number + 1
      : entry.epoch > last.epoch && entry.number === 0;
  return isNext && entry.beginsAfter.ordinal >= last.beginsAfter.ordinal;
}

function nameOf({ epoch, number, beginsAfter }: ChainEntry): string {
  return `Epoch ${epoch}, entry ${number} after ordinal ${beginsAfter.ordinal}`;
}

/** The newest list is on a majority of itself and of the one before: that one is not counted any more. */
export function settleChain(chain: Chain): Chain {
  const last = chain.at(-1);
  if (!last || chain.filter(({ members }) => members).length === 1) return chain;
  return withoutLists(chain, last).filter((old) => old === last || staysBefore(old, last));
}

function staysBefore(old: ChainEntry, next: ChainEntry): boolean {
  return old.members !== null || isForcedBeginning(old) || !beginsAlike(old, next);
}

function withoutLists(chain: Chain, keep: ChainEntry | undefined): ChainEntry[] {
  return chain.map((entry) =>
    entry === keep || entry.members === null ? entry : { ...entry, members: null },
  );
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
 * Whether a log with this end has something that is not in the history of a forced epoch: it goes beyond the beginning, or ends in
 * an epoch that is not in the chain. An operator has given that up, and it may have been committed and executed. So such a log is
 * not cut, but kept.
 */
export function isGivenUp(chain: Chain, end: Position): boolean {
  const isInChain = end.ordinal === 0 || chain.some(({ epoch }) => epoch === end.epoch);
  return chain.some(
    (entry) =>
      isForcedBeginning(entry) &&
      entry.epoch > end.epoch &&
      (entry.beginsAfter.ordinal < end.ordinal || !isInChain),
  );
}

/** The entries of `ours` that are not in `theirs`, neither themselves nor as a later one that took their place. */
export function foreignEntries(ours: Chain, theirs: Chain): ChainEntry[] {
  return ours.filter((entry) => {
    const other = theirs.find((their) => comparePlaces(their, entry) >= 0);
    return other === undefined || !beginsAlike(other, entry);
  });
}

/**
 * The entry of `ours` with which a forced epoch begins that another node has begun in `theirs`: two nodes were forced behind each
 * other's back and chose the same epoch. Transactions of the two histories have the same names. Null = there is none.
 */
export function forkOf(ours: Chain, theirs: Chain): ChainEntry | null {
  const isOther = (entry: ChainEntry) =>
    theirs.some((their) => comparePlaces(their, entry) === 0 && their.primary !== entry.primary);
  return ours.find((entry) => isForcedBeginning(entry) && isOther(entry)) ?? null;
}

function beginsAlike(a: ChainEntry, b: ChainEntry): boolean {
  return a.beginsAfter.ordinal === b.beginsAfter.ordinal && a.beginsAfter.gtid === b.beginsAfter.gtid;
}

/** Whether both have the same entries, and lists in the same of them. */
export function isSameChain(a: Chain, b: Chain): boolean {
  return (
    a.length === b.length &&
    a.every((entry, at) => {
      const other = b[at];
      return (
        other !== undefined &&
        comparePlaces(entry, other) === 0 &&
        beginsAlike(entry, other) &&
        (entry.members === null) === (other.members === null)
      );
    })
  );
}

/**
 * Compares a position on the chain, never by its number alone (rule M3). A position beyond the beginning of the epoch after
 * its own was lost at a change of primaries, and a wait for it would end with other data. Nothing is known of an epoch that
 * the chain does not have yet.
 * @throws SkeinError TRANSACTION_LOST
 */
export function throwIfLost(chain: Chain, position: Position): void {
  if (position.ordinal === 0 || position.epoch > currentEpoch(chain)) return;
  if (epochOf(chain, position.ordinal) === position.epoch) return;
  const forced = chain.findLast((entry) => isForcedBeginning(entry) && entry.epoch > position.epoch);
  const why = forced
    ? `An operator has given it up: ${forced.primary} was made the primary by force (skein promote --force).`
    : 'It was never acknowledged, and was lost when the primary changed.';
  throw new SkeinError(
    'TRANSACTION_LOST',
    `The transaction ${position.gtid} of epoch ${position.epoch} is not in the cluster's history. ${why}`,
  );
}
