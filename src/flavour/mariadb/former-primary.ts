/** Makes a replica's server of one that died while it was open as primary. */

import type { FormerPrimary, FormerPrimaryOutcome, ServerSessions } from '../server-sql.js';
import { parseMariadbGtid } from './gtid.js';
import { resetLogAfter } from './replica-recovery.js';
import { becomeReplica } from './role-switch.js';
import { serverReading } from './server-status.js';
import { preparedBranches } from './xa-branches.js';

/**
 * Compares the log of a server that has just started, closed, with the cluster's, and sets its positions. Its own words about its
 * position do not count: its replication position is as old as its time as a primary, and after some recoveries its log position
 * names groups that are not in the log (seen on 10.11). So the caller reads the end of the log from the files.
 * @throws SkeinError COMMITS_WAITING, SESSIONS_REMAIN, CLOSE_FAILED
 */
export async function settleFormerPrimary(
  sessions: ServerSessions,
  { serverId, logEnd, nameOf }: FormerPrimary,
): Promise<FormerPrimaryOutcome> {
  const { query } = sessions;
  const position = logEnd.gtid;
  if (position !== '' && nameOf(parseMariadbGtid(position).sequence) !== position) {
    return {
      kind: 'seed',
      reason: `The log of the server ends at ${position}, which is not in the log of this node. The cluster never acknowledged it, and it could not be taken out of the data.`,
    };
  }
  const { gtidBinlogPos } = await serverReading(query);
  // A torn file stops every dump that begins in it. A position beyond the log makes the server refuse what comes next.
  if (logEnd.isTorn || gtidBinlogPos !== position) {
    if ((await preparedBranches(sessions)).length > 0) {
      return {
        kind: 'seed',
        reason: `The log of the server has to begin again after ${position || 'nothing'}, but only that log tells what its prepared XA transactions are.`,
      };
    }
    await resetLogAfter(query, position);
  }
  // It was on for the recovery. The endpoint's stream is read without it.
  await query('SET GLOBAL rpl_semi_sync_slave_enabled = 0');
  await becomeReplica(sessions, { serverId, position });
  return { kind: 'ready', position };
}
