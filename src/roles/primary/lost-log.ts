import type { Position } from '../../model/position.js';
import type { AttachInfo } from '../../wire/messages.js';

export interface LostLogFacts {
  readonly node: string;
  readonly logEnd: Position;
  /** Ordinal up to which the log was known to be committed. */
  readonly held: number;
  /** The newest epoch that this node knows, which began after `began`; 0 = none. */
  readonly epoch: number;
  readonly began: number;
}

/** The operator's message about a log that is not the cluster's, or whose chain is missing; see `findingOf`. */
export function lostLog(facts: LostLogFacts): { code: 'CHAIN_LOST' | 'DATA_LOST'; message: string } {
  const { node, logEnd, held, epoch, began } = facts;
  if (epoch === 0 && logEnd.ordinal > 0) {
    return {
      code: 'CHAIN_LOST',
      message:
        `The server's log ends at ${logEnd.gtid}, but state/chain.json, which says where each epoch began, is missing. ` +
        'The primary stays closed, so that no number of an epoch is used twice. ' +
        `Give ${node} its data back: chain.json is the same on all nodes of the cluster.`,
    };
  }
  const known =
    held > began ? `number ${held} was committed in it` : `epoch ${epoch} began after number ${began}`;
  return {
    code: 'DATA_LOST',
    message:
      `The server's log ends at ${logEnd.gtid || 'its beginning'} (number ${logEnd.ordinal}), but ${known}: its data ` +
      'directory was lost or replaced by an older one. The primary stays closed, so that nothing acknowledged is ' +
      `overwritten. Give ${node} its data back.`,
  };
}

/** The operator's message about a replica that has more than the primary. */
export function replicaAhead(node: string, attach: AttachInfo, logEnd: Position): string {
  return (
    `${attach.node} holds transactions up to ${attach.spoolEnd.gtid} (number ${attach.spoolEnd.ordinal}), but the primary's server ` +
    `ends at number ${logEnd.ordinal}: its data directory was lost or replaced by an older one. The primary stays ` +
    `closed, so that nothing acknowledged is overwritten. Give ${node} its data back.`
  );
}
