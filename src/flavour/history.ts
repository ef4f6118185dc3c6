import { type Chain, epochOf } from '../model/chain.js';
import type { Position } from '../model/position.js';
import type { Flavour } from './flavour.js';

/** The chain tells the epoch of a place in the cluster's history, and the flavour the GTID that the transaction there has. */
type Names = Pick<Flavour, 'gtidAt' | 'countOf'>;

/** The position of the group with this ordinal in the cluster's history. */
export function positionAt(chain: Chain, ordinal: number, flavour: Pick<Names, 'gtidAt'>): Position {
  const epoch = epochOf(chain, ordinal);
  return { epoch, ordinal, gtid: ordinal === 0 ? '' : flavour.gtidAt(chain, ordinal) };
}

/** The position of a server that reports this; '' = nothing was ever written. */
export function positionOf(chain: Chain, gtid: string, flavour: Pick<Names, 'countOf'>): Position {
  const ordinal = flavour.countOf(gtid);
  return { epoch: epochOf(chain, ordinal), ordinal, gtid };
}

/** Whether a transaction of the cluster's history has this GTID. */
export function isInHistory(chain: Chain, gtid: string, flavour: Names): boolean {
  return positionAt(chain, positionOf(chain, gtid, flavour).ordinal, flavour).gtid === gtid;
}
