/** Makes a replica's server of one that died while it was open as primary. */
import { parseMariadbGtid } from '../flavour/mariadb/gtid.js';
import type { ControlSessions } from './control-sessions.js';
import { resetLogAfter } from './replica-recovery.js';
import { becomeReplica } from './role-switch.js';
import { serverReading } from './server-status.js';
import { preparedBranches } from './xa-branches.js';

export interface FormerPrimary {
  /** A server id that was never used (see ManagedServer.newClosedId). */
  readonly serverId: number;
  /** The end of the server's log as its files have it, read after this start (source/log-end.ts). */
  readonly logEnd: { readonly gtid: string; readonly isTorn: boolean };
  /** The cluster's GTID for this ordinal; null beyond the end of this node's own log. */
  nameOf(ordinal: number): string | null;
}

export type FormerPrimaryOutcome =
  /** The server stands at this position, and may follow from there. */
  | { readonly kind: 'ready'; readonly position: string }
  /** The server has, or may have, what the cluster lacks. It needs another copy of the data. */
  | { readonly kind: 'seed'; readonly reason: string };

/**
 * Compares the log of a server that has just started, closed, with the cluster's, and sets its positions. Its own words about its
 * position do not count: its replication position is as old as its time as a primary, and after some recoveries its log position
 * names groups that are not in the log (seen on 10.11). So the caller reads the end of the log from the files.
 * @throws SkeinError COMMITS_WAITING, SESSIONS_REMAIN, CLOSE_FAILED
 */
export async function settleFormerPrimary(
  sessions: ControlSessions,
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
