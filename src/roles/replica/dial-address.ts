import { type Chain, newestEntry } from '../../model/chain.js';
import { type LinkAddress, memberNamed } from '../../model/members.js';

export interface DialFacts {
  /** Null = the primary is not known. */
  readonly primary: string | null;
  readonly chain: Chain;
  /** `contact` and `routes` are settings of the node, see the configuration. */
  readonly contact: LinkAddress | null;
  readonly routes: Readonly<Record<string, LinkAddress>>;
}

/**
 * The address at which the replica dials the primary; null = none is known. It comes from the newest list that this node knows.
 * A node without a list uses its first contact. A node whose address in the list fails tries the first contact every fourth time:
 * the primary may have moved, but usually it takes no members yet because its role begins, and a contact that hangs costs seconds.
 */
export function dialAddress(
  { primary, chain, contact, routes }: DialFacts,
  failures: number,
): LinkAddress | null {
  const name = primary ?? newestEntry(chain)?.primary ?? null;
  const listed = memberNamed(newestEntry(chain)?.members ?? [], name)?.link ?? null;
  const known = (name === null ? undefined : routes[name]) ?? listed;
  if (known === null || contact === null) return known ?? contact;
  return failures % 4 === 3 ? contact : known;
}
