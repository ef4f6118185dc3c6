import { type Chain, currentEpoch, epochOf } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';

/**
 * A position is compared on the chain, never by its number alone (rule M3): one that lies beyond the beginning of
 * the epoch after its own was lost at a change of primaries, and waiting for it would end with other data.
 * An epoch that the chain does not have yet may still be heard of, unless the node has this place of the history already
 * (`known`).
 * @throws SkeinError TRANSACTION_LOST
 */
export function refuseLost(chain: Chain, position: Position, known: boolean): void {
  if (position.ordinal === 0 || (!known && position.epoch > currentEpoch(chain))) return;
  if (epochOf(chain, position.ordinal) === position.epoch) return;
  throw new SkeinError(
    'TRANSACTION_LOST',
    `The transaction ${position.gtid} of epoch ${position.epoch} is not in the cluster's history. It was never acknowledged, and was lost when the primary changed.`,
  );
}
