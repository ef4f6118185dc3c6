import type { Position } from '../../model/position.js';

/**
 * The message for the operator about data that is not the cluster's, code DATA_LOST.
 * @param logEnd  where the log of the server ends
 * @param known  ordinal up to which the log was seen: it was committed, or the spool has it
 */
export function lostLog({
  node,
  logEnd,
  known,
}: {
  readonly node: string;
  readonly logEnd: Position;
  readonly known: number;
}): string {
  return (
    `The server's log ends at ${logEnd.gtid || 'its beginning'} (number ${logEnd.ordinal}), but this node has seen the log up to ` +
    `number ${known}. So its data directory was lost or replaced by an older one. The server stays closed, because acknowledged ` +
    `transactions could be overwritten. It is filled from another node, if there is one. Otherwise restore the data directory of ${node}.`
  );
}
