/** Recovers a replica's server after a crash, so that engine, log and position agree; ddl-recovery.ts decides how. */

import type { Query, RecoveryOptions } from '../server-sql.js';
import { settleRecovery } from './ddl-recovery.js';
import { PARTITION_IDS, traceOf } from './ddl-traces.js';
import { parseMariadbGtid } from './gtid.js';
import { lastGtid, resetLog, writtenByRecovery } from './own-log.js';
import { replicaThreads, serverReading } from './server-status.js';

/**
 * Recovers a replica's server after a crash in the middle of DDL, before it replicates again. Returns a message about what
 * was done; null when nothing was necessary.
 */
export async function recoverReplica(
  query: Query,
  { noted, nameOf, isDdl }: RecoveryOptions,
): Promise<string | null> {
  // The server already replicates, because only its node restarted. So its position is right.
  if ((await replicaThreads(query)) !== null) return null;
  const { gtidBinlogPos: binlogPos, gtidSlavePos: slavePos } = await serverReading(query);
  const written = await writtenByRecovery(query, binlogPos);
  const logged = written.logBefore === '' ? 0 : parseMariadbGtid(lastGtid(written.logBefore)).sequence;
  const settlement = settleRecovery({
    binlogPos,
    slavePos,
    ...written,
    nextIsDdl: written.recovered.length === 0 ? null : await isDdl(logged + 1),
    noted: noted && {
      ordinal: noted.ordinal,
      outcome: noted.partitions === null ? 'lost' : await outcomeOf(query, noted.partitions),
    },
    nameOf,
  });
  const { position } = settlement;
  if (settlement.resetLog) await resetLogAfter(query, position ?? slavePos);
  else if (position !== null) await query(`SET GLOBAL gtid_slave_pos = '${position}'`);
  if (position === null && !settlement.resetLog) return null;
  return (
    `The server died in the middle of DDL or XA: its log stood at ${binlogPos || 'nothing'}, its position at ` +
    `${slavePos || 'nothing'}. ${position === null ? 'What comes next is executed again.' : `${position} counts as executed.`}`
  );
}

/** Sets the replication position, and resets the log so that it begins after it. Only on a server that does not replicate. */
export async function resetLogAfter(query: Query, gtid: string): Promise<void> {
  // The order matters: an interruption between the two is recognised at the next start.
  await query(`SET GLOBAL gtid_slave_pos = '${gtid}'`);
  await resetLog(query, gtid);
}

async function outcomeOf(query: Query, before: string): Promise<'executed' | 'unknown'> {
  return (await partitionIds(query)) === before ? 'unknown' : 'executed';
}

/** A text that differs before and after DDL on partitions; see ddl-traces.ts. */
export async function partitionIds(query: Query): Promise<string> {
  return traceOf(await query(PARTITION_IDS));
}
