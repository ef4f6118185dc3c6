/**
 * Makes a session ready for the next request, which may be another token's. What COM_RESET_CONNECTION clears on MariaDB
 * 10.11 is shown by test/full/attack-sessions.test.ts: transaction, locks, temporary tables, variables, prepared
 * statements. What it does not clear is XA: a branch that is prepared outlives its session, with its locks. So a branch is
 * rolled back here, and a session that is not certainly clean is refused: its owner closes it.
 */
import { SkeinError } from '../model/error.js';
import { ServerError, STATUS } from '../mysql-client/replies.js';
import { ERRNO } from '../mysql-protocol/errno.js';
import type { Session } from './session.js';

export type Ended = 'nothing' | 'transaction' | 'branch';

/**
 * Rolls back what the session has open. A session whose branch was ended is not to be used again. @throws ServerError |
 * SkeinError
 */
export async function endTransaction(session: Session): Promise<Ended> {
  const { connection } = session;
  if ((connection.status & STATUS.inTransaction) === 0) return 'nothing';
  try {
    await connection.run('ROLLBACK');
    return 'transaction';
  } catch (error) {
    if (!(error instanceof ServerError) || error.errno !== ERRNO.wrongXaState) throw error;
  }
  await endBranch(session);
  return 'branch';
}

/**
 * The server does not tell which branch is the session's own, and refuses to end one of another session (seen on 10.11). So
 * each branch in the list is tried. A branch that was not prepared is not in the list, and ends with its session.
 */
async function endBranch({ connection, sql }: Session): Promise<void> {
  for (const name of await sql.branchNames(connection)) {
    try {
      await connection.run(`XA ROLLBACK ${name}`);
      return;
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
    }
  }
}

/** @throws when the session is not certainly clean: it must be closed */
export async function cleanSession(session: Session): Promise<void> {
  if ((await endTransaction(session)) === 'branch') throw notClean('it had an XA branch');
  await resetSession(session);
}

/**
 * Rolls back, and drops what a request may have left behind; the default database stays. What FOUND_ROWS() says outlives a
 * reset (seen on 10.11), so another statement follows. `asked`: the session was asked a question of one row just before.
 * @throws as cleanSession
 */
export async function resetSession(session: Session, { asked = false } = {}): Promise<void> {
  session.begun = false;
  session.kept.clear();
  const { connection } = session;
  const resetting = connection.reset();
  const [status] = await Promise.all([resetting, asked ? null : connection.query('SELECT 1')]);
  // The answer to an earlier command may have come meanwhile.
  session.begun = false;
  if ((status & STATUS.inTransaction) !== 0) throw notClean('it is still in a transaction');
}

function notClean(why: string): SkeinError {
  return new SkeinError('SESSION_NOT_CLEAN', `The session is not used again: ${why}.`);
}
