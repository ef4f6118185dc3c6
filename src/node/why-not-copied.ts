import type { RoleHost } from '../roles/role-host.js';

/**
 * Why the server of a node in this role must not be copied; null = it may be.
 *
 * A voter that is too far behind may have to be filled before the beginning of an epoch can be on a majority (rule E12), and the
 * elected primary opens only after that. Until its server is taken, that is a replica's, and has only what is committed.
 *
 * An open primary that lacks its majority may lack just the node that is to be filled: one of two. A snapshot waits until no commit
 * waits, so it has only what a majority had; and its receiver waits until what it has is committed (rule H8).
 */
export function whyNotCopied(
  host: Pick<RoleHost, 'role' | 'scope' | 'isOpen' | 'seedTarget'>,
): string | null {
  const openness = host.isOpen();
  if (openness.open || openness.isSuspended) return null;
  const isApplying = host.role === 'primary' && host.seedTarget() !== null;
  return isApplying && host.scope.fitness.serves === 'yes' ? null : openness.reason;
}
