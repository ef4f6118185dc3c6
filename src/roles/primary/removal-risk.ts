import {
  isWitness,
  type MemberChange,
  type MemberList,
  majorityOf,
  memberNamed,
  votersOf,
} from '../../model/members.js';

export interface RemovalFacts {
  /** The primary: it has everything. */
  readonly self: string;
  readonly committed: number;
  /** Last ordinal that this member has on its disk, as it said in this epoch. */
  durableOf(name: string): number;
}

/**
 * A witness begins its log where it came, so it may lack what is committed, although it counts. When a member with a server is removed
 * then, too few of the voters that stay may have everything: the loss of one more would lose acknowledged writes (rule C11). A list
 * without a witness needs no look: whoever adopts the new list has the log up to it.
 * Null = the removal is safe; else the reason, for people.
 */
export function removalRisk(
  before: MemberList,
  after: MemberList,
  change: MemberChange,
  { self, committed, durableOf }: RemovalFacts,
): string | null {
  if (change.kind !== 'remove') return null;
  const removed = memberNamed(before, change.name);
  const voters = after.filter(({ voter }) => voter);
  if (!removed?.voter || isWitness(removed) || !voters.some(isWitness)) return null;
  const isLevel = (name: string) => name === self || durableOf(name) >= committed;
  const servers = voters.filter((voter) => !isWitness(voter)).map(({ name }) => name);
  const behind = servers.filter((name) => !isLevel(name));
  const lossesBorne = voters.length - majorityOf(voters.length);
  if (servers.length - behind.length > lossesBorne) return null;
  const help =
    behind.length > 0
      ? `Wait until ${behind.join(' and ')} ${behind.length === 1 ? 'has' : 'have'} the whole log, then try again.`
      : 'Remove a witness first.';
  return `Without ${change.name}, too few of the voters ${votersOf(after).join(', ')} have everything that is committed: a witness may have only a part of it. ${help}`;
}
