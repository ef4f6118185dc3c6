import type { Positions } from '../../model/status.js';

/** A replica with a larger lag is not ready: traffic without a read level should go to another node. */
const READY_LAG_MAX_MS = 10_000;

/** Why a replica is too late to be ready; null = it is not. */
export function lateReason(
  lagMs: number | null,
  { applied, committed }: Pick<Positions, 'applied' | 'committed'>,
): string | null {
  // After a start, the age of the transactions in the spool is not known.
  if (lagMs === null) return applied < committed ? 'The server is applying the rest of the spool.' : null;
  return lagMs > READY_LAG_MAX_MS ? `This replica is more than ${READY_LAG_MAX_MS / 1000} s behind.` : null;
}
