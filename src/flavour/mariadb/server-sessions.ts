/** Lists and ends sessions on the server. */
import { SkeinError } from '../../model/error.js';
import { type ClientStatement, STATEMENT_SHOWN_MAX, STATEMENTS_MAX } from '../../model/running-statement.js';
import { ServerError } from '../../mysql-client/replies.js';
import { sleep } from '../../std/timing.js';
import type { Query } from '../server-sql.js';

const ER_NO_SUCH_THREAD = 1094;
const ER_NO_SUCH_QUERY = 1957;
/** A killed session normally ends within milliseconds. A session that remains could write on an open server (rule C10). */
const SESSIONS_GONE_MS = 5_000;
const SESSIONS_POLL_MS = 10;

/** A login on the socket that takes longer is not the node's own. */
const LOGIN_MS = 1_000;

interface OtherSession {
  readonly id: number;
  /** It may still become the node's dump. Dumps come through the socket. */
  readonly mayBeDump: boolean;
}

async function otherSessions(query: Query): Promise<OtherSession[]> {
  const rows = await query(
    `SELECT id, user = 'unauthenticated user' AND host = 'localhost' AS logs_in
      FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command NOT IN ('Binlog Dump', 'Daemon')
      AND user NOT IN ('system user', 'event_scheduler', 'skein_repl')`,
  );
  return rows.map(({ id, logs_in }) => ({ id: Number(id), mayBeDump: Number(logs_in) === 1 }));
}

/**
 * Ends every session except the node's own, dumps (which write nothing) and the server's own, and waits until they are gone.
 * Dumps are also recognised by their account, because a new one is not a "Binlog Dump" yet. A dump that is killed as it begins can
 * make the server unable to send its log ever again (docs/mariadb-findings.md, "A dump that is killed as it begins").
 * @throws SkeinError SESSIONS_REMAIN
 */
export async function closeSessions(query: Query): Promise<void> {
  const old = await otherSessions(query);
  for (const { id, mayBeDump } of old) if (!mayBeDump) await endSession(query, id);
  await endAfterLogin(query, new Set(old.filter(({ mayBeDump }) => mayBeDump).map(({ id }) => id)));
  // Sessions that connected after the list was read have the new server id, and may stay.
  const ids = old.map(({ id }) => id);
  const remaining = await sessionsGone(query, ids);
  if (remaining === 0) return;
  throw new SkeinError('SESSIONS_REMAIN', `${remaining} session(s) did not end after KILL.`);
}

/** Only after its login a session shows its account. Those that turn out to be dumps stay. */
async function endAfterLogin(query: Query, ids: Set<number>): Promise<void> {
  const deadline = performance.now() + LOGIN_MS;
  while (ids.size > 0) {
    const isOver = performance.now() > deadline;
    const others = new Map((await otherSessions(query)).map((session) => [session.id, session]));
    for (const id of ids) {
      const session = others.get(id);
      if (session?.mayBeDump && !isOver) continue;
      if (session) await endSession(query, id);
      ids.delete(id);
    }
    if (ids.size > 0) await sleep(SESSIONS_POLL_MS);
  }
}

/** Waits until these sessions are gone. Returns how many are left when the time is over. */
export async function sessionsGone(query: Query, ids: readonly number[]): Promise<number> {
  const deadline = performance.now() + SESSIONS_GONE_MS;
  for (;;) {
    const left = new Set((await otherSessions(query)).map(({ id }) => id));
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
  const rows = await query(`SELECT id, query_id FROM information_schema.processlist WHERE ${IS_COMMITTING}`);
  return rows.map((row) => ({ id: Number(row.id), queryId: Number(row.query_id) }));
}

const IS_COMMITTING = "(state = 'Commit' OR state LIKE 'Waiting for semi-sync ACK%')";

export async function clientStatements(query: Query): Promise<ClientStatement[]> {
  const rows = await query(
    `SELECT query_id, id, user, host, db, time_ms, COALESCE(state, '') AS state, ${IS_COMMITTING} AS committing,
        LEFT(info, ${STATEMENT_SHOWN_MAX}) AS statement
      FROM information_schema.processlist
      WHERE command IN ('Query', 'Execute') AND info IS NOT NULL AND user NOT IN ('skein', 'skein_repl', 'system user')
      ORDER BY time_ms DESC, query_id LIMIT ${STATEMENTS_MAX}`,
  );
  return rows.map((row) => ({
    id: Number(row.query_id),
    session: Number(row.id),
    // The host of a TCP client includes its port.
    account: `${row.user}@${String(row.host).split(':')[0]}`,
    database: row.db === null || row.db === undefined ? null : String(row.db),
    ms: Math.round(Number(row.time_ms)),
    state: String(row.state),
    isCommitting: Number(row.committing) === 1,
    statement: String(row.statement),
  }));
}

/** Threads on which nobody has logged in yet. Under TLS only the server knows them. */
export async function threadsBeforeLogin(query: Query): Promise<ReadonlySet<number>> {
  const rows = await query(
    "SELECT id FROM information_schema.processlist WHERE user = 'unauthenticated user'",
  );
  return new Set(rows.map((row) => Number(row.id)));
}
