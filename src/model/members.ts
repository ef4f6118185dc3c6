import { SkeinError } from './error.js';

/**
 * The list of members: which nodes belong to the cluster, where they are, and which of them count. It is a part of the
 * chain (chain.ts), so it has its place in the cluster's one history. Pure.
 */

export interface LinkAddress {
  readonly host: string;
  readonly port: number;
}

/** The addresses at which the others and clients reach a member. */
export interface MemberPlace {
  readonly name: string;
  readonly link: LinkAddress;
  /** Base address of its HTTP. */
  readonly http: string;
  readonly mysqlRw: string | null;
  readonly mysqlRo: string | null;
  /** It has no database server: it keeps the log and votes, and never serves. Absent = it has one. */
  readonly witness?: boolean;
}

export interface ListedMember extends MemberPlace {
  /** Identifies the disk of the member (rule C6); '' until it becomes a voter for the first time. */
  readonly incarnation: string;
  /** Counts in the quorum. A learner receives and applies like a voter, and does not count. */
  readonly voter: boolean;
}

export type MemberList = readonly ListedMember[];

/** One change of the list. The primary does one at a time, see roles/primary/member-changes.ts. */
export type MemberChange =
  | { readonly kind: 'add'; readonly member: MemberPlace }
  /** A learner that has everything committed becomes a voter; where `changeMembers` allows it, also a voter with a new disk. */
  | { readonly kind: 'promote'; readonly name: string; readonly incarnation: string }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'address'; readonly place: MemberPlace }
  /** A voter lost its log. Its new disk does not count, so it becomes a learner (rule C6). */
  | { readonly kind: 'reset'; readonly name: string; readonly incarnation: string };

/** 9 voters = a quorum of 5. With more, each commit waits for more disks, and nothing is gained. */
export const MEMBERS_MAX = 9;

/** A cluster with as many witnesses as servers survives no loss more than one without the witnesses. */
function refuseWitness(list: MemberList, { name, witness }: MemberPlace): void {
  if (!witness) return;
  const witnesses = list.filter((member) => member.witness).length;
  const servers = list.length - witnesses;
  if (servers > witnesses + 1) return;
  throw new SkeinError(
    'WITNESS_TOO_MANY',
    `The cluster has ${servers} ${servers === 1 ? 'member' : 'members'} with a database server and ${witnesses} ${witnesses === 1 ? 'witness' : 'witnesses'}. Before ${name} can be a witness, another member with a server has to join.`,
  );
}

export function nameOfChange(change: MemberChange): string {
  if (change.kind === 'add') return change.member.name;
  return change.kind === 'address' ? change.place.name : change.name;
}

/**
 * The list after one change.
 * @throws SkeinError MEMBER_EXISTS | MEMBER_UNKNOWN | MEMBER_IS_PRIMARY | MEMBER_UNCHANGED | MEMBERS_FULL | WITNESS_TOO_MANY
 */
export function changeMembers(list: MemberList, primary: string, change: MemberChange): MemberList {
  if (change.kind === 'add') {
    const { member } = change;
    refuseTaken(list, member);
    if (list.length >= MEMBERS_MAX) {
      throw new SkeinError(
        'MEMBERS_FULL',
        `The cluster has ${list.length} members, which is the limit. Remove one before ${member.name} is added.`,
      );
    }
    refuseWitness(list, member);
    return [...list, { ...placeOf(member), incarnation: '', voter: false }];
  }
  const name = nameOfChange(change);
  const old = list.find((member) => member.name === name);
  if (old === undefined) throw new SkeinError('MEMBER_UNKNOWN', `The cluster has no member ${name}.`);
  switch (change.kind) {
    case 'remove':
      if (name === primary) {
        throw new SkeinError(
          'MEMBER_IS_PRIMARY',
          `${name} is the primary, and a primary cannot be removed. Make another node the primary first: skein switchover --to <name>`,
        );
      }
      return list.filter((member) => member !== old);
    case 'promote':
      // A voter with another log becomes a learner first (rule C6). Two exceptions: the primary, whose log is its binary log;
      // and
      // the other one of two voters, because without the primary no majority of the two exists, so the lost log decided nothing.
      if (old.voter && (old.incarnation === change.incarnation || !mayRenew(list, name, primary))) {
        throw unchanged(`${name} is a voter already.`);
      }
      return replaced(list, old, { ...old, voter: true, incarnation: change.incarnation });
    case 'reset':
      if (name === primary) throw new SkeinError('MEMBER_IS_PRIMARY', `${name} is the primary.`);
      if (!old.voter) throw unchanged(`${name} is a learner already.`);
      if (mayRenew(list, name, primary))
        throw unchanged(`${name} is one of two voters, and is renewed at once.`);
      if (old.incarnation === change.incarnation) throw unchanged(`${name} has the log that the list names.`);
      return replaced(list, old, { ...old, voter: false, incarnation: change.incarnation });
    case 'address':
      if (isSamePlace(old, change.place)) throw unchanged(`${name} is where the list says.`);
      // The node that dials knows best. A member that has the same address in the list was there before: several that move at
      // once may take each other's places.
      return replaced(list, old, { ...old, ...placeOf(change.place) });
  }
}

function mayRenew(list: MemberList, name: string, primary: string): boolean {
  return name === primary || votersOf(list).length === 2;
}

/** The change between two lists, of which the second followed from the first by one change; null = none. */
export function changeBetween(
  before: MemberList,
  after: MemberList,
): { readonly kind: MemberChange['kind']; readonly name: string } | null {
  const removed = before.find(({ name }) => !memberNamed(after, name));
  if (removed) return { kind: 'remove', name: removed.name };
  for (const member of after) {
    const old = memberNamed(before, member.name);
    if (!old) return { kind: 'add', name: member.name };
    if (old.voter && !member.voter) return { kind: 'reset', name: member.name };
    if (old.voter !== member.voter || old.incarnation !== member.incarnation)
      return { kind: 'promote', name: member.name };
    if (!isSamePlace(old, member)) return { kind: 'address', name: member.name };
  }
  return null;
}

function replaced(list: MemberList, old: ListedMember, next: ListedMember): MemberList {
  return list.map((member) => (member === old ? next : member));
}

function unchanged(message: string): SkeinError {
  return new SkeinError('MEMBER_UNCHANGED', message);
}

function refuseTaken(others: MemberList, place: MemberPlace): void {
  for (const other of others) {
    const same =
      other.name === place.name
        ? `There is a member ${place.name} already, at ${other.http}. Choose another name, or remove it first.`
        : other.http === place.http
          ? `${other.name} answers HTTP at ${place.http}.`
          : isSameLink(other.link, place.link)
            ? `${other.name} accepts links at ${linkText(place.link)}.`
            : null;
    if (same !== null) throw new SkeinError('MEMBER_EXISTS', same);
  }
}

export function isSameLink(a: LinkAddress, b: LinkAddress): boolean {
  return a.host === b.host && a.port === b.port;
}

/** Whether both are reached in the same way. */
export function isSamePlace(a: MemberPlace, b: MemberPlace): boolean {
  return (
    a.name === b.name &&
    isSameLink(a.link, b.link) &&
    a.http === b.http &&
    a.mysqlRw === b.mysqlRw &&
    a.mysqlRo === b.mysqlRo &&
    isWitness(a) === isWitness(b)
  );
}

export function placeOf({ name, link, http, mysqlRw, mysqlRo, witness }: MemberPlace): MemberPlace {
  const { host, port } = link;
  return { name, link: { host, port }, http, mysqlRw, mysqlRo, ...(witness && { witness }) };
}

export function isWitness({ witness }: Pick<MemberPlace, 'witness'>): boolean {
  return witness === true;
}

/** Whether the member of this name is one; false for a name that is not in the list. */
export function isWitnessNamed(list: MemberList, name: string): boolean {
  return memberNamed(list, name)?.witness === true;
}

/** Null when both addresses can be dialled as they are written; else what is wrong with one of them. */
export function placeFault({ link, http }: Pick<MemberPlace, 'link' | 'http'>): string | null {
  const wrong = [http, `http://${linkText(link)}`].find((address) => !URL.canParse(address));
  return wrong === undefined ? null : `${wrong} is not an address`;
}

export function linkText({ host, port }: LinkAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export function isSameList(a: MemberList, b: MemberList): boolean {
  return (
    a.length === b.length &&
    a.every((member, at) => {
      const other = b[at];
      return (
        other !== undefined &&
        isSamePlace(member, other) &&
        member.voter === other.voter &&
        member.incarnation === other.incarnation
      );
    })
  );
}

export function memberNamed(list: MemberList, name: string | null): ListedMember | null {
  return list.find((member) => member.name === name) ?? null;
}

/** Names of those that count, in the order of the list. */
export function votersOf(list: MemberList): string[] {
  return list.filter(({ voter }) => voter).map(({ name }) => name);
}

/** The least number of voters so that any two sets of that size have a voter in common. */
export function majorityOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/** Whether these nodes are a majority of each of the lists of voters (rule C11: the stricter of old and new counts). */
export function isMajorityOfAll(
  lists: readonly (readonly string[])[],
  names: { has(name: string): boolean },
): boolean {
  return lists.every(
    (voters) => voters.filter((voter) => names.has(voter)).length >= majorityOf(voters.length),
  );
}
