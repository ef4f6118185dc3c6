/** Lists the transactions that a replica's server executes, and clients that may block them. */
import type { Query, ReaderRow, WorkerRow } from '../server-sql.js';

const WORKERS = `
  SELECT p.ID AS id, p.STATE AS state, p.INFO AS statement, t.trx_state AS trx
    FROM information_schema.PROCESSLIST p
    LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID
   WHERE p.USER = 'system user' AND p.COMMAND IN ('Slave_worker', 'Slave_SQL')`;

export async function applierWorkers(query: Query): Promise<WorkerRow[]> {
  return (await query(WORKERS)).map((row) => ({
    id: Number(row.id),
    state: String(row.state ?? ''),
    statement: String(row.statement ?? ''),
    waitsForLock: row.trx === 'LOCK WAIT',
  }));
}

/**
 * Clients with an open transaction or a running statement of at least this age. On a replica they only read, so ending them
 * loses nothing. Every worker may wait for a lock of one of them, and the server does not tell whose lock it is (metadata
 * locks have no list without a plug-in).
 */
export async function longReaders(query: Query, seconds: number): Promise<ReaderRow[]> {
  const rows = await query(`
    SELECT p.ID AS id, p.USER AS user,
           GREATEST(IF(p.COMMAND = 'Sleep', 0, p.TIME), COALESCE(TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), 0)) AS seconds
      FROM information_schema.PROCESSLIST p
      LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID
     WHERE p.USER NOT IN ('system user', 'event_scheduler', 'skein', 'skein_repl') AND p.ID <> CONNECTION_ID()
    HAVING seconds >= ${Math.floor(seconds)}`);
  return rows.map((row) => ({ id: Number(row.id), user: String(row.user), seconds: Number(row.seconds) }));
}

/**
 * Restarts the applier with this number of parallel workers; 0 = one transaction after the other. STOP SLAVE waits for the
 * running transactions, forever when they wait for each other.
 */
export async function restartApplier(query: Query, workers: number, stopDeadlineMs: number): Promise<void> {
  await query('STOP SLAVE SQL_THREAD', stopDeadlineMs);
  await query(`SET GLOBAL slave_parallel_threads = ${workers}`);
  await query('START SLAVE SQL_THREAD');
}
