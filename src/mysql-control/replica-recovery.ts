/** Recovers a replica's server after a crash, so that engine, log and position agree; ddl-recovery.ts decides how. */
import { parseMariadbGtid } from '../mysql-protocol/mariadb-gtid.js';
import type { Query } from './control-sessions.js';
import { settleRecovery } from './ddl-recovery.js';
import { type DdlDoubt, TRACE_QUERIES, tracesOf } from './ddl-traces.js';
import { lastGtid, resetLog, writtenByRecovery } from './own-log.js';
import { replicaThreads, serverReading } from './server-status.js';

export interface RecoveryOptions {
  /** The DDL of the last note, which was written before the server got the statement. */
  readonly noted: { ordinal: number; doubt: DdlDoubt; traces: string } | null;
  nameOf(ordinal: number): string | null;
  isDdl(ordinal: number): Promise<boolean | null>;
}

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
    noted: noted && { ...noted, happened: noted.traces !== (await ddlTraces(query)) },
    nameOf,
  });
  const { position } = settlement;
  // The order matters: an interruption between the two is recognised at the next start.
  if (position !== null) await query(`SET GLOBAL gtid_slave_pos = '${position}'`);
  if (settlement.resetLog) await resetLog(query, position ?? slavePos);
  if (position === null && !settlement.resetLog) return null;
  return (
    `The server died in the middle of DDL or XA: its log stood at ${binlogPos || 'nothing'}, its position at ` +
    `${slavePos || 'nothing'}. ${position === null ? 'What comes next is executed again.' : `${position} counts as executed.`}`
  );
}

/** Traces that tell after a crash whether DDL was executed; see ddl-traces.ts. */
export async function ddlTraces(query: Query): Promise<string> {
  const answers: unknown[] = [];
  for (const sql of TRACE_QUERIES) answers.push(await query(sql));
  return tracesOf(answers);
}
