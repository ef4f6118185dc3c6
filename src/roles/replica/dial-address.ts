import { type Chain, newestEntry } from '../../model/chain.js';
import { type LinkAddress, memberNamed } from '../../model/members.js';

export interface DialFacts {
  /** Null = it is not known which member is the primary. */
  readonly primary: string | null;
  readonly chain: Chain;
  /** See the configuration. */
  readonly contact: LinkAddress | null;
  readonly routes: Readonly<Record<string, LinkAddress>>;
}

/**
 * Where the primary is dialled; null = nowhere. The newest list that this node knows says it. A node without a list, or one
 * that was away while the primary moved, tries its first contact, every second time while the list's address fails.
 */
export function dialAddress(
  { primary, chain, contact, routes }: DialFacts,
  failures: number,
): LinkAddress | null {
  const name = primary ?? newestEntry(chain)?.primary ?? null;
  const listed = memberNamed(newestEntry(chain)?.members ?? [], name)?.link ?? null;
  const known = (name === null ? undefined : routes[name]) ?? listed;
  if (known === null || contact === null) return known ?? contact;
  return failures % 2 === 0 ? known : contact;
}
