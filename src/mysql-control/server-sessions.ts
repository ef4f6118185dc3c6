/** Lists and ends sessions on the server. */
import { SkeinError } from '../model/error.js';
import { ServerError } from '../mysql-client/replies.js';
import { sleep } from '../std/timing.js';
import type { Query } from './control-sessions.js';

const ER_NO_SUCH_THREAD = 1094;
const ER_NO_SUCH_QUERY = 1957;
/** A killed session normally ends within milliseconds. A session that remains could write on an open server (rule C10). */
const SESSIONS_GONE_MS = 5_000;
const SESSIONS_POLL_MS = 10;

async function otherSessions(query: Query): Promise<number[]> {
  const rows = await query(
    `SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command NOT IN ('Binlog Dump', 'Daemon')
      AND user NOT IN ('system user', 'event_scheduler', 'skein_repl')`,
  );
  return rows.map(({ id }) => Number(id));
}

/**
 * Ends every session except the node's own, dumps (which write nothing) and the server's own, and waits until they are gone.
 * Dumps are also recognised by their account, because a new one is not a "Binlog Dump" yet. Seen once on MariaDB 10.11: a
 * semi-sync dump ended just as the server opened, its session never ended, and no later dump could begin.
 * @throws SkeinError SESSIONS_REMAIN
 */
export async function closeSessions(query: Query): Promise<void> {
  const old = await otherSessions(query);
  for (const id of old) await endSession(query, id);
  // Sessions that connected after the list was read have the new server id, and may stay.
  const remaining = await sessionsGone(query, old);
  if (remaining === 0) return;
  throw new SkeinError('SESSIONS_REMAIN', `${remaining} session(s) did not end after KILL.`);
}

/** Waits until these sessions are gone. Returns how many are left when the time is over. */
export async function sessionsGone(query: Query, ids: readonly number[]): Promise<number> {
  const deadline = performance.now() + SESSIONS_GONE_MS;
  for (;;) {
    const left = new Set(await otherSessions(query));
    const remaining = ids.filter((id) => left.has(id)).length;
    if (remaining === 0 || performance.now() > deadline) return remaining;
    await sleep(SESSIONS_POLL_MS);
  }
}

export async function endSession(query: Query, id: number): Promise<void> {
  await query(`KILL ${Math.trunc(id)}`).catch((error: unknown) => {
    // The session may have ended by itself in the meantime.
    if (!isServerError(error, [ER_NO_SUCH_THREAD])) throw error;
  });
}

/** Only for a statement that cannot be committing (rule C1). Does nothing when the statement has ended. */
export async function killQuery(query: Query, queryId: number): Promise<void> {
  await query(`KILL QUERY ID ${Math.trunc(queryId)}`).catch((error: unknown) => {
    if (!isServerError(error, [ER_NO_SUCH_THREAD, ER_NO_SUCH_QUERY])) throw error;
  });
}

function isServerError(error: unknown, errnos: readonly number[]): boolean {
  return error instanceof ServerError && errnos.includes(error.errno);
}

/**
 * Sessions that are committing: they wait for the acknowledgement, or queue for that wait. (Seen on 10.11: a session that is
 * killed in the queue does not wait either.)
 */
export async function committingSessions(query: Query): Promise<{ id: number; queryId: number }[]> {
  const rows = await query(
    `SELECT id, query_id FROM information_schema.processlist
      WHERE state = 'Commit' OR state LIKE 'Waiting for semi-sync ACK%'`,
  );
  return rows.map((row) => ({ id: Number(row.id), queryId: Number(row.query_id) }));
}

/** Threads on which nobody has logged in yet. Under TLS only the server knows them. */
export async function threadsBeforeLogin(query: Query): Promise<ReadonlySet<number>> {
  const rows = await query(
    "SELECT id FROM information_schema.processlist WHERE user = 'unauthenticated user'",
  );
  return new Set(rows.map((row) => Number(row.id)));
}
