import {
  isSamePlace,
  type ListedMember,
  type MemberChange,
  type MemberList,
  type MemberPlace,
  votersOf,
} from '../../model/members.js';

/** The facts about an attached replica with recent heartbeats that matter for the list of members. */
export interface AttachedMember {
  readonly place: MemberPlace;
  readonly incarnation: string;
  /** The replica's log is not damaged, and not an older image of its disk. */
  readonly sound: boolean;
  /** Ordinal up to which the replica's log is durable. */
  readonly durable: number;
}

export interface AutomaticChangeFacts {
  readonly list: MemberList;
  /** This node, the primary. */
  readonly self: { readonly place: MemberPlace; readonly incarnation: string };
  readonly attached: ReadonlyMap<string, AttachedMember>;
  /** The commit position. */
  readonly committed: number;
}

/** The next automatic change of the list of members; null = none is needed. Pure. */
export function automaticChange(facts: AutomaticChangeFacts): MemberChange | null {
  for (const listed of facts.list) {
    const change =
      listed.name === facts.self.place.name ? ownChange(listed, facts.self) : changeOf(listed, facts);
    if (change !== null) return change;
  }
  return null;
}

function ownChange(
  listed: ListedMember,
  { place, incarnation }: AutomaticChangeFacts['self'],
): MemberChange | null {
  if (listed.incarnation !== incarnation) return { kind: 'promote', name: place.name, incarnation };
  return isSamePlace(listed, place) ? null : { kind: 'address', place };
}

function changeOf(
  listed: ListedMember,
  { list, attached, committed }: AutomaticChangeFacts,
): MemberChange | null {
  const { name } = listed;
  const member = attached.get(name);
  if (member === undefined) return null;
  if (!isSamePlace(listed, member.place)) return { kind: 'address', place: member.place };
  if (!member.sound) return null;
  const { incarnation } = member;
  const promotion: MemberChange | null =
    member.durable >= committed ? { kind: 'promote', name, incarnation } : null;
  if (!listed.voter) return promotion;
  if (listed.incarnation === incarnation) return null;
  // With two voters, a reset would leave the primary as the only voter. So the new log replaces the lost one only once it has
  // all committed transactions.
  return votersOf(list).length === 2 ? promotion : { kind: 'reset', name, incarnation };
}
