/** The server's status: positions, semi-sync, replication threads. */
import { SkeinError } from '../../model/error.js';
import type { Query, ReplicaThreads, ServerReading } from '../server-sql.js';

const READING = `SELECT @@global.gtid_binlog_pos AS gtidBinlogPos, @@global.gtid_slave_pos AS gtidSlavePos,
  @@global.read_only AS readOnly, @@global.server_id AS serverId, @@global.sync_binlog AS syncBinlog,
  @@global.innodb_flush_log_at_trx_commit AS flushAtTrxCommit, @@global.binlog_commit_wait_count AS gatheredCommits,
  @@global.binlog_commit_wait_usec AS gatheringUs`;
const SEMI_SYNC_PREFIX = 'Rpl_semi_sync_master_';

/** Longest wait of a replica's commit for others. The uneven value distinguishes Skein's setting from an operator's. */
const BATCHING_US = 4_999;

export async function serverReading(query: Query): Promise<ServerReading> {
  const [reading] = await query(READING);
  const rows = await query(`SHOW GLOBAL STATUS LIKE '${SEMI_SYNC_PREFIX}%'`);
  const semi = new Map(
    rows.map((row) => [String(row.Variable_name).slice(SEMI_SYNC_PREFIX.length), String(row.Value)]),
  );
  const number = (name: string) => Number(semi.get(name) ?? 0);
  return {
    gtidBinlogPos: String(reading?.gtidBinlogPos),
    gtidSlavePos: String(reading?.gtidSlavePos),
    readOnly: Number(reading?.readOnly) !== 0,
    serverId: Number(reading?.serverId),
    syncBinlog: Number(reading?.syncBinlog),
    flushAtTrxCommit: Number(reading?.flushAtTrxCommit),
    batchesCommits: batchesCommits(Number(reading?.gatheredCommits), Number(reading?.gatheringUs)),
    semiSync: {
      enabled: semi.get('status') === 'ON',
      clients: number('clients'),
      waitSessions: number('wait_sessions'),
      noTx: number('no_tx'),
    },
  };
}

/** Null when an operator has set it. */
function batchesCommits(count: number, waitUs: number): boolean | null {
  if (count === 0) return false;
  return waitUs === BATCHING_US ? true : null;
}

export async function batchCommits(query: Query, on: boolean): Promise<void> {
  await query(`SET GLOBAL binlog_commit_wait_usec = ${BATCHING_US}`);
  // No more commits can wait than there are workers.
  await query(`SET GLOBAL binlog_commit_wait_count = ${on ? '@@global.slave_parallel_threads' : '0'}`);
}

/**
 * From now on commits wait for the acknowledgement of the node's dump. Only on a closed server. This cannot be set at the
 * server's start, because DDL that its recovery finishes would wait forever for a dump that cannot begin yet (seen on 10.11).
 * @throws SkeinError OPEN_FAILED
 */
export async function waitForAcknowledgements(query: Query): Promise<void> {
  await query('SET GLOBAL rpl_semi_sync_master_enabled = 1');
  const { semiSync } = await serverReading(query);
  if (semiSync.enabled) return;
  throw new SkeinError('OPEN_FAILED', 'Semi-synchronous replication could not be switched on.');
}

/** @throws SkeinError COMMITS_WAITING */
export async function refuseWaitingCommits(query: Query): Promise<void> {
  const { semiSync } = await serverReading(query);
  if (semiSync.waitSessions === 0) return;
  throw new SkeinError('COMMITS_WAITING', `${semiSync.waitSessions} commit(s) wait for their quorum.`);
}

/** Null when the server does not replicate. */
export async function replicaThreads(query: Query): Promise<ReplicaThreads | null> {
  const [row] = await query('SHOW SLAVE STATUS');
  if (!row) return null;
  return {
    // 'Connecting' and 'Preparing' count as running too, because the endpoint may be about to start.
    ioRunning: row.Slave_IO_Running !== 'No',
    sqlRunning: row.Slave_SQL_Running !== 'No',
    lastIoErrno: Number(row.Last_IO_Errno),
    lastIoError: String(row.Last_IO_Error),
    lastSqlErrno: Number(row.Last_SQL_Errno),
    lastSqlError: String(row.Last_SQL_Error),
  };
}
