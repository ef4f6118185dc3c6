import type { Position } from '../../model/position.js';
import type { AttachInfo } from '../../wire/messages.js';

export interface LostLogFacts {
  readonly node: string;
  readonly logEnd: Position;
  /** Ordinal up to which the log was seen: it was committed, or the spool has it. */
  readonly known: number;
  /** The newest epoch that this node knows; 0 = none. */
  readonly epoch: number;
  /** Ordinal after which that epoch began. */
  readonly began: number;
}

/** The message for the operator about a log that is not the cluster's, or whose chain is missing; see `findingOf`. */
export function lostLog(facts: LostLogFacts): { code: 'CHAIN_LOST' | 'DATA_LOST'; message: string } {
  const { node, logEnd, known, epoch, began } = facts;
  if (epoch === 0 && logEnd.ordinal > 0) {
    return {
      code: 'CHAIN_LOST',
      message:
        `The server's log ends at ${logEnd.gtid}, but state/chain.json, which says where each epoch began, is missing. ` +
        'The primary stays closed, because an epoch number could be used twice. ' +
        `Restore the state directory of ${node}: chain.json is the same on all nodes of the cluster.`,
    };
  }
  const was =
    known > began
      ? `this node has seen the log up to number ${known}`
      : `epoch ${epoch} began after number ${began}`;
  return {
    code: 'DATA_LOST',
    message:
      `The server's log ends at ${logEnd.gtid || 'its beginning'} (number ${logEnd.ordinal}), but ${was}. So its data ` +
      'directory was lost or replaced by an older one. The primary stays closed, because acknowledged transactions could be ' +
      `overwritten. Restore the data directory of ${node}.`,
  };
}

/** The message for the operator about a replica that has more transactions than the primary. */
export function replicaAhead(node: string, attach: AttachInfo, logEnd: Position): string {
  return (
    `${attach.node} has transactions up to ${attach.spoolEnd.gtid} (number ${attach.spoolEnd.ordinal}), but the log of the primary's ` +
    `server ends at number ${logEnd.ordinal}. So the data directory was lost or replaced by an older one. The primary stays ` +
    `closed, because acknowledged transactions could be overwritten. Restore the data directory of ${node}.`
  );
}
