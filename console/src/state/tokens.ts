/** Tokens as they are listed, and what is asked for a new one. Pure. */
import type { ClusterStatus, Token } from '../../../client/src/index.js';
import type { Role } from './actions.js';
import { httpLink } from './members.js';
import { memberOf, type Tone } from './status.js';
import { counted, duration } from './text.js';

export const ROLES: readonly { readonly role: Role; readonly text: string }[] = [
  { role: 'read', text: 'read: SELECT, on every node' },
  { role: 'write', text: 'write: also changes of data and tables' },
  { role: 'admin', text: 'admin: also tokens, members and this console’s actions' },
];

const DAY_S = 86_400;
/** Null = for ever. */
export const LIVES: readonly { readonly seconds: number | null; readonly text: string }[] = [
  { seconds: null, text: 'never' },
  { seconds: 3600, text: 'in an hour' },
  { seconds: DAY_S, text: 'in a day' },
  { seconds: 7 * DAY_S, text: 'in a week' },
  { seconds: 30 * DAY_S, text: 'in 30 days' },
  { seconds: 365 * DAY_S, text: 'in a year' },
];

export const GRACES: readonly { readonly seconds: number; readonly text: string }[] = [
  { seconds: 0, text: 'ends at once' },
  { seconds: 600, text: 'counts for ten minutes more' },
  { seconds: 3600, text: 'counts for an hour more' },
  { seconds: DAY_S, text: 'counts for a day more' },
];

export interface TokenInput {
  readonly name: string;
  readonly role: Role;
  /** Null = never. */
  readonly lifeSeconds: number | null;
  /** As typed; '' = no limit. */
  readonly limit: string;
}

export interface TokenOrder {
  readonly name: string;
  readonly role: Role;
  readonly expiresAt: string | null;
  readonly rateLimit: number | null;
}

const LIMIT_MAX = 1_000_000;

/** What is asked of the node, or what is wrong with it. */
export function orderOf(input: TokenInput, nowMs: number): TokenOrder | { readonly wrong: string } {
  const name = input.name.trim();
  if (name === '') return { wrong: 'Give it a name: it tells later what the token is for.' };
  const limit = input.limit.trim();
  if (limit !== '' && !(/^\d+$/.test(limit) && Number(limit) >= 1 && Number(limit) <= LIMIT_MAX))
    return { wrong: 'The limit is a whole number from 1 to 1,000,000, or empty.' };
  const { role, lifeSeconds } = input;
  return {
    name,
    role,
    expiresAt: lifeSeconds === null ? null : new Date(nowMs + lifeSeconds * 1000).toISOString(),
    rateLimit: limit === '' ? null : Number(limit),
  };
}

export interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly isOwn: boolean;
  readonly created: string;
  readonly expires: { readonly text: string; readonly tone: Tone; readonly at: string };
  readonly limit: string;
  readonly used: string;
}

const SOON_MS = 7 * DAY_S * 1000;

export function tokenRow(token: Token, own: string | null, nowMs: number): TokenRow {
  const { id, name, role, createdAt, rateLimit, lastUsedAt } = token;
  return {
    id,
    name,
    role,
    isOwn: id === own,
    created: ago(createdAt, nowMs),
    expires: expiryOf(token, nowMs),
    limit: rateLimit === null ? 'no limit' : `${counted(rateLimit, 'request')}/s`,
    used: lastUsedAt === null ? 'not known' : ago(lastUsedAt, nowMs),
  };
}

function expiryOf({ expiresAt }: Token, nowMs: number): TokenRow['expires'] {
  if (expiresAt === null) return { text: 'never', tone: 'idle', at: '' };
  const left = Date.parse(expiresAt) - nowMs;
  if (left <= 0) return { text: `expired ${duration(-left)} ago`, tone: 'bad', at: expiresAt };
  return { text: `in ${duration(left)}`, tone: left < SOON_MS ? 'warn' : 'idle', at: expiresAt };
}

/** A use within the last second is now: clocks differ by more. */
function ago(time: string, nowMs: number): string {
  const ms = nowMs - Date.parse(time);
  return ms < 1000 ? 'now' : `${duration(ms)} ago`;
}

/** Why tokens are only looked at here, and the page where they are made. Null: here. */
export function accessNotice(
  status: ClusterStatus,
  self: string,
): { readonly text: string; readonly link: string | null } | null {
  if (memberOf(status, self)?.role === 'primary') return null;
  const primary = memberOf(status, status.primary);
  if (primary === null)
    return { text: 'There is no primary now, so no token can be made, rotated or revoked.', link: null };
  return {
    text: `Tokens are made, rotated and revoked on the primary, ${primary.name}; each counts on every node.`,
    link: httpLink(primary.http),
  };
}
