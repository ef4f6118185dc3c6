/** The table of the members. Pure. */
import type { Member } from '../../../client/src/index.js';
import { type Tone, toneOf } from './status.js';
import { bytes, count, duration } from './text.js';

export interface MemberRow {
  readonly name: string;
  readonly isSelf: boolean;
  /** Its page; null for an address that is not HTTP: what a node says never becomes another kind of link. */
  readonly link: string | null;
  readonly role: string;
  readonly isPrimary: boolean;
  readonly state: Member['state'];
  readonly tone: Tone;
  readonly since: string;
  readonly lag: string;
  readonly received: string;
  readonly durable: string;
  readonly committed: string;
  readonly applied: string;
  readonly server: ServerCell;
  /** Why it is not well, and what it is busy with. */
  readonly notes: readonly string[];
}

export interface ServerCell {
  readonly text: string;
  readonly version: string;
  /** Null: it has none. */
  readonly up: boolean | null;
}

const NONE = '–';
const FLAVOURS: Readonly<Record<string, string>> = { mariadb: 'MariaDB', mysql: 'MySQL' };

export function rowOf(member: Member, self: string, nowMs: number): MemberRow {
  const { received, durable, committed, applied } = member.positions;
  return {
    name: member.name,
    isSelf: member.name === self,
    link: httpLink(member.http),
    role: roleText(member),
    isPrimary: member.role === 'primary',
    state: member.state,
    tone: toneOf(member.state),
    since: sinceText(member, nowMs),
    lag: lagText(member),
    received: count(received),
    durable: count(durable),
    committed: count(committed),
    applied: member.witness ? NONE : count(applied),
    server: serverOf(member),
    notes: notesOf(member),
  };
}

/** A member that does not count in the quorum yet is a learner. */
export const roleText = ({ role, voter }: Member): string =>
  role === 'replica' && !voter ? 'learner' : role;

export const sinceText = ({ since }: Member, nowMs: number): string =>
  since === '' ? '' : `for ${duration(nowMs - Date.parse(since))}`;

/** The primary cannot be behind itself, and a witness executes nothing. */
export function lagText({ role, lagMs, witness }: Member): string {
  if (role === 'primary' || witness) return NONE;
  return lagMs === null ? 'not known' : duration(lagMs);
}

export function serverOf({ server, state, witness }: Member): ServerCell {
  if (witness) return { text: 'none', version: '', up: null };
  const number = /^[\d.]+/.exec(server.version ?? '')?.[0];
  const flavour = FLAVOURS[server.flavour ?? ''] ?? 'server';
  return {
    text: [flavour, number].filter(Boolean).join(' '),
    version: server.version ?? '',
    // What a node that is gone said of its server is old.
    up: state === 'gone' ? null : server.up,
  };
}

export function httpLink(address: string | null | undefined): string | null {
  return /^https?:\/\//.test(address ?? '') ? (address ?? null) : null;
}

function notesOf(member: Member): string[] {
  const { reason, maintenance, seeding } = member;
  return [
    ...(reason ? [reason] : []),
    ...(maintenance ? ["It is in maintenance: it does not keep the primary's role."] : []),
    ...(seeding ? [seedingText(seeding)] : []),
  ];
}

function seedingText(seeding: NonNullable<Member['seeding']>): string {
  const { phase, donor, bytes: arrived, bytesTotal, bytesPerSecond, remainingMs, reason } = seeding;
  const from = donor === null ? '' : ` from ${donor}`;
  const of = bytesTotal === null ? '' : ` of about ${bytes(bytesTotal)}`;
  const rest = remainingMs === null ? '' : `, ${duration(remainingMs)} to go`;
  const moved = phase === 'transferring' ? `: ${bytes(arrived)}${of}, ${bytes(bytesPerSecond)}/s${rest}` : '';
  return `It is being filled${from}, ${phase}${moved}. ${reason}`;
}
