/** Which nodes a page may ask, and which one it asks next. Pure. */
import type { ClusterStatus } from '../../../client/src/index.js';
import { httpLink } from './members.js';

/** Origins of the members' HTTP, by name. */
export type Addresses = ReadonlyMap<string, string>;

/** A member that has just begun again may have no address in the status: what was known of it stays. */
export function learned(before: Addresses, { members }: ClusterStatus): Addresses {
  const now = members.flatMap(({ name, http }) => {
    const link = httpLink(http) ?? before.get(name);
    return link === undefined ? [] : [[name, new URL(link).origin] as const];
  });
  return new Map(now);
}

/**
 * Nodes answer the pages of members only, by the address that the list of members has. A page that was opened under another name
 * (a proxy, `localhost`) can ask its own node alone.
 */
export const reachesAll = (addresses: Addresses, own: string): boolean =>
  [...addresses.values()].includes(own);

export interface Turn {
  /** The node that served the page. */
  readonly own: string;
  /** Who answered last. */
  readonly last: string;
  /** It is time to ask the page's own node again. */
  readonly ownIsDue: boolean;
}

/** Whom to ask, the best first: the page's own node, when it is its turn; who answered last; the others. */
export function inTurn(addresses: Addresses, { own, last, ownIsDue }: Turn): readonly string[] {
  if (!reachesAll(addresses, own)) return [own];
  const first = ownIsDue ? [own, last] : [last, own];
  return [...new Set([...first, ...addresses.values()])];
}

/** Names of the members that this page may give orders to, through themselves. */
export function withinReach(
  status: ClusterStatus,
  addresses: Addresses,
  { own, self }: { own: string; self: string | null },
): ReadonlySet<string> {
  const there = status.members.filter(({ state }) => state !== 'gone').map(({ name }) => name);
  return new Set(
    there.filter((name) => name === self || (reachesAll(addresses, own) && addresses.has(name))),
  );
}
