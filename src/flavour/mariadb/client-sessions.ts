/** What the node says in sessions of clients, and in its own ones beside them. */
import type { ClientSession, LastWritten } from '../server-sql.js';

/** With NOWAIT the server refuses at once what another transaction has locked (ServerErrors.isLockWait). */
export const SHARED_LOCK_NO_WAIT = 'LOCK IN SHARE MODE NOWAIT';

/** Sent when it is called, so that it can leave together with what is before it. */
export async function lastWritten(session: ClientSession): Promise<LastWritten> {
  const [gtid, database] = await session.ask('SELECT @@last_gtid, DATABASE()');
  return { gtid: gtid ?? '', database: database ?? null };
}

export async function branchNames(session: ClientSession): Promise<string[]> {
  const branches = await session.query("XA RECOVER FORMAT='SQL'");
  return branches.map(([, , , name]) => String(name));
}
