/** The picture of the cluster: which node stands where, what it says, and the links between them. Pure. */
import type { ClusterStatus, Member } from '../../../client/src/index.js';
import { lagText, roleText, serverOf, sinceText } from './members.js';
import { memberOf, type Tone, toneOf } from './status.js';
import { count, counted } from './text.js';

/**
 * Names in the order of their places; the first place is the primary's. While nobody leads, the last primary keeps it.
 * Places are kept, so that eyes can follow: a new primary changes places with the one before.
 */
export type Places = readonly string[];

export function placesOf(before: Places, { members, primary }: ClusterStatus): Places {
  const names = members.map(({ name }) => name);
  const kept = before.filter((name) => names.includes(name));
  const places = [...kept, ...names.filter((name) => !kept.includes(name)).sort()];
  const at = primary === null ? -1 : places.indexOf(primary);
  if (at <= 0) return places;
  const [first = ''] = places;
  places[0] = places[at] ?? first;
  // Nobody had the first place yet: the others keep their order.
  if (before.length === 0) return [places[0], ...names.filter((name) => name !== places[0]).sort()];
  places[at] = first;
  return places;
}

export interface Face {
  readonly name: string;
  readonly role: string;
  readonly isPrimary: boolean;
  readonly isSelf: boolean;
  readonly witness: boolean;
  readonly voter: boolean;
  readonly state: Member['state'];
  readonly tone: Tone;
  readonly stateText: string;
  readonly server: string;
  readonly serverDown: boolean;
  readonly position: string;
  readonly epoch: string;
  readonly maintenance: boolean;
}

export function faceOf(member: Member, self: string, nowMs: number): Face {
  const { text, up } = serverOf(member);
  return {
    name: member.name,
    role: roleText(member),
    isPrimary: member.role === 'primary',
    isSelf: member.name === self,
    witness: member.witness === true,
    voter: member.voter,
    state: member.state,
    tone: toneOf(member.state),
    stateText: [member.state, sinceText(member, nowMs)].filter(Boolean).join(' '),
    server: member.witness ? 'keeps the log and votes' : text,
    serverDown: up === false,
    position: member.witness
      ? `${count(member.positions.durable)} durable`
      : `${count(member.positions.applied)} applied`,
    epoch: `epoch ${member.epoch}`,
    maintenance: member.maintenance === true,
  };
}

export interface Link {
  readonly to: string;
  /** `broken`: nothing goes over it now. */
  readonly kind: 'flowing' | 'idle' | 'broken';
  readonly tone: Tone;
  readonly lag: string;
  readonly behind: string;
}

/** From the primary to each other member. `flowing`: transactions went over it since the status before. */
export function linksOf(status: ClusterStatus, before: ClusterStatus | null): Link[] {
  const primary = memberOf(status, status.primary);
  return status.members
    .filter(({ name }) => name !== status.primary)
    .map((member) => {
      const broken = primary === null || member.state === 'gone' || member.state === 'late';
      const earlier = before && memberOf(before, member.name);
      const moved = earlier !== null && member.positions.received > earlier.positions.received;
      const behind = primary === null ? 0 : behindOf(member, primary);
      return {
        to: member.name,
        kind: broken ? 'broken' : moved ? 'flowing' : 'idle',
        tone: broken ? 'bad' : toneOf(member.state),
        lag: broken ? (primary === null ? 'no primary' : 'no link') : member.witness ? '' : lagText(member),
        behind: broken ? '' : behind === 0 ? 'level' : `${count(behind)} behind`,
      };
    });
}

/** Transactions of the primary that the member has not applied; of a witness, that it has not on its disk. */
function behindOf(member: Member, primary: Member): number {
  const has = member.witness ? member.positions.durable : member.positions.applied;
  return Math.max(0, primary.positions.committed - has);
}

/** Transactions per second between two looks at the primary; null = not known. */
export function rateOf(
  status: ClusterStatus,
  before: { readonly status: ClusterStatus; readonly atMs: number } | null,
  atMs: number,
): number | null {
  const now = memberOf(status, status.primary);
  const then = before && memberOf(before.status, status.primary);
  if (!now || !then || !before || atMs <= before.atMs) return null;
  const moved = now.positions.committed - then.positions.committed;
  return moved < 0 ? null : (1000 * moved) / (atMs - before.atMs);
}

/** The picture in words, for those who cannot see it. */
export function pictureText(status: ClusterStatus): string {
  const others = status.members.filter(({ name }) => name !== status.primary);
  const each = others.map((member) => `${member.name}, ${roleText(member)}, ${member.state}`).join('; ');
  const lead = status.primary === null ? 'There is no primary' : `${status.primary} is the primary`;
  return `${lead} of ${counted(status.members.length, 'member')}. ${each}`;
}
