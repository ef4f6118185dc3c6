import { type Chain, type ChainPlace, comparePlaces } from '../model/chain.js';
import type { LogPosition, Standing } from '../model/election-messages.js';
import { type ListedMember, type MemberList, majorityOf } from '../model/members.js';
import { comparePositions, positionOf } from './log-position.js';
import type { VotePromise } from './promise.js';
import type { PeerView } from './state.js';

/**
 * The decisions that the promise rests on, each by its name. The core is handed them as one object, so that the simulation
 * can replace one by a wrong one and must find it out. Pure.
 */
export interface ElectionRules {
  /** The position that is compared in votes (rule E1). */
  position(chain: Chain, durable: number): LogPosition;
  /** Whether a node with a log up to `own` may vote for one up to `asking`. */
  isUpToDate(asking: LogPosition, own: LogPosition): boolean;
  /** Whether this promise lets a node vote for this campaign. */
  mayVote(promise: VotePromise, epoch: number, campaign: string): boolean;
  /** The epoch to campaign for (rule H2). */
  nextEpoch(promisedEpoch: number, seenEpoch: number): number;
  /** Whether the members that `has` names are a majority of the voters of each list (rule C11). No list: never. */
  isMajority(lists: readonly MemberList[], has: (member: ListedMember) => boolean): boolean;
  /** Whether what came from this incarnation counts for the member of the list (rules C6, E5). */
  isListed(member: ListedMember, incarnation: string): boolean;
  /** Whether a member shows less than a peer has seen of it: its disk was set back (rule E5). */
  isSetBack(standing: Standing, seen: PeerView | undefined): boolean;
  /** The date of a contact (rule E11). */
  contactMs(sentAtMs: number, receivedAtMs: number): number;
  /** Whether the beginning of an epoch must be on a majority before the epoch counts (rule C8). */
  needsAdoption(): boolean;
  /** Why the list may not be changed now; null = it may (rule C11). */
  listRefusal(facts: {
    readonly leads: boolean;
    readonly lists: number;
    readonly isWritten: boolean;
  }): string | null;
}

export const ELECTION_RULES: ElectionRules = {
  position: positionOf,
  isUpToDate: (asking, own) => comparePositions(asking, own) >= 0,
  mayVote: (promise, epoch, campaign) =>
    epoch > promise.promisedEpoch ||
    (epoch === promise.promisedEpoch && (promise.votedFor === null || promise.votedFor === campaign)),
  nextEpoch: (promisedEpoch, seenEpoch) => Math.max(promisedEpoch, seenEpoch) + 1,
  isMajority: (lists, has) =>
    lists.length > 0 &&
    lists.every((list) => {
      let [voters, those] = [0, 0];
      for (const member of list) {
        if (!member.voter) continue;
        voters++;
        if (has(member)) those++;
      }
      return those >= majorityOf(voters);
    }),
  isListed: (member, incarnation) => member.incarnation === incarnation,
  isSetBack: (standing, seen) => {
    const before = seen?.standing;
    if (before === undefined || before.incarnation !== standing.incarnation) return false;
    if (standing.boot !== before.boot) {
      if (standing.boot < before.boot || standing.promisedEpoch < before.promisedEpoch) return true;
      // A log may be cut, but only for the primary of a newer epoch, which was promised before.
      return (
        standing.promisedEpoch === before.promisedEpoch &&
        comparePositions(standing.position, before.position) < 0
      );
    }
    return false;
  },
  contactMs: (sentAtMs) => sentAtMs,
  needsAdoption: () => true,
  listRefusal: ({ leads, lists, isWritten }) => {
    if (!leads) return 'The beginning of this epoch is not on a majority yet.';
    if (lists > 1 || !isWritten) return 'A change of the members is under way.';
    return null;
  },
};

/**
 * Up to where an acknowledgement counts. A voter that has not adopted the beginning of `epoch` counts for nothing (rule
 * C8), and one that lacks a later entry counts only up to where that entry stands: votes would prefer a log that has the
 * entry to its longer one.
 */
export function countedOrdinal(
  chain: Chain,
  epoch: number,
  adopted: ChainPlace | null,
  durable: number,
): number {
  if (adopted === null || adopted.epoch < epoch) return 0;
  const newest = chain.at(-1);
  // Nearly always, and this runs for each acknowledgement.
  if (newest === undefined || comparePlaces(newest, adopted) <= 0) return durable;
  const next = chain.find((entry) => comparePlaces(entry, adopted) > 0);
  return next === undefined ? durable : Math.min(durable, next.beginsAfter.ordinal);
}
