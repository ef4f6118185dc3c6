import type { Flavour } from '../flavour/flavour.js';
import { positionAt } from '../flavour/history.js';
import { type Chain, epochOf } from '../model/chain.js';
import type { Position } from '../model/position.js';
import type { SpoolBase } from '../spool/spool-options.js';

const NONE = Buffer.alloc(0);

/**
 * The place after which a spool without groups goes on; see `Spool.restartAfter`. The position may have been read before this node
 * got the chain that names its epoch, and with an older epoch the primary's chain would cut the log at its beginning.
 */
export function spoolBase(
  { epoch, ordinal, gtid }: Position,
  { chain, flavour }: { chain: Chain; flavour: Flavour },
): SpoolBase {
  const before = ordinal - 1;
  return {
    epoch: Math.max(epoch, epochOf(chain, ordinal)),
    ordinal,
    gtid: gtid === '' ? NONE : flavour.gtidBinary(gtid),
    previousGtid: before < 1 ? NONE : flavour.gtidBinary(positionAt(chain, before, flavour).gtid),
  };
}
