/** Lists and ends branches of XA transactions in the engine (see roles/xa-recovery.ts). */

import type { ServerSessions } from '../server-sql.js';
import { sessionsGone } from './server-sessions.js';
import { refuseWaitingCommits } from './server-status.js';
import { xaBranch } from './xa.js';

/** Exists only while the end of a lost XA branch is being logged. */
const STAND_IN = 'mysql.skein_xa_stand_in';

export async function preparedBranches(sessions: ServerSessions): Promise<string[]> {
  // The name of a branch consists of bytes, not text.
  const rows = await sessions.queryBytes('XA RECOVER');
  return rows.map((row) => {
    const data = Buffer.from(String(row.data), 'latin1');
    const size = Number(row.gtrid_length);
    return xaBranch(Number(row.formatID), data.subarray(0, size), data.subarray(size));
  });
}

/** True when no branch is prepared and no XA statement is running. */
export async function isFreeOfXa(sessions: ServerSessions): Promise<boolean> {
  const running = await sessions.query(
    "SELECT id FROM information_schema.processlist WHERE info LIKE '%XA%' AND id <> CONNECTION_ID()",
  );
  return running.length === 0 && (await preparedBranches(sessions)).length === 0;
}

export async function finishBranch(
  { query }: ServerSessions,
  branch: string,
  how: 'commit' | 'rollback',
): Promise<void> {
  await query(`XA ${how === 'commit' ? 'COMMIT' : 'ROLLBACK'} ${branch}`);
}

/** The branch has to change a row, because the server forgets a branch without changes (seen on 10.11). */
export async function prepareStandIn(sessions: ServerSessions, branch: string): Promise<void> {
  await sessions.query(`CREATE TABLE IF NOT EXISTS ${STAND_IN} (id INT) ENGINE=InnoDB`);
  await inEndedSession(sessions, { logged: false }, [
    `XA START ${branch}`,
    `INSERT INTO ${STAND_IN} VALUES (1)`,
    `XA END ${branch}`,
    `XA PREPARE ${branch}`,
  ]);
}

/** Uses a session of its own, because the session that prepared the branch cannot switch logging on again. */
export async function logRollback(sessions: ServerSessions, branch: string, serverId: number): Promise<void> {
  // Commits of an adopted server could wait for acknowledgements that no dump gives yet. Opening switches semi-sync on again.
  await refuseWaitingCommits(sessions.query);
  await sessions.query('SET GLOBAL rpl_semi_sync_master_enabled = 0');
  await inEndedSession(sessions, { logged: true }, [
    `SET SESSION server_id = ${Math.trunc(serverId)}`,
    `XA ROLLBACK ${branch}`,
  ]);
  await sessions.query(`DROP TABLE IF EXISTS ${STAND_IN}`);
}

/** Uses a session of its own. The server has ended it when this resolves, because a branch belongs to its session until then. */
async function inEndedSession(
  sessions: ServerSessions,
  { logged }: { logged: boolean },
  statements: readonly string[],
): Promise<void> {
  let id: number | null = null;
  try {
    await sessions.alone({ logged }, async (query, { threadId }) => {
      id = threadId;
      for (const sql of statements) await query(sql);
    });
  } finally {
    if (id !== null) await sessionsGone(sessions.query, [id]);
  }
}
