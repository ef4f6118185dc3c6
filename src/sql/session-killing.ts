/** Ends a session of the node's own pools on the server. Never for what may be committing (rule C1). */

import type { ServerAccess } from '../api/node-view.js';
import { Connection } from '../mysql-client/connection.js';
import { ServerError } from '../mysql-client/replies.js';
import { ERRNO } from '../mysql-protocol/errno.js';
import { sleep } from '../std/timing.js';

/** A statement checks every few milliseconds whether it was killed. After this time the wait for its end is given up. */
const GONE_MS = 5_000;
const GONE_POLL_MS = 20;

/**
 * Kills the session with this id, as the account that it belongs to, and waits until the server has ended it: until then it
 * still takes a thread, memory and locks. @throws ServerError | SkeinError SERVER_CONNECTION
 */
export async function killSession(
  threadId: number,
  { account, access }: { account: 'skein_read' | 'skein_write' | 'skein_admin'; access: ServerAccess },
): Promise<void> {
  const killer = await Connection.connect({
    address: { socketPath: access.socketPath },
    user: account,
    password: access.passwordOf(account),
  });
  try {
    await killer.run(`KILL ${threadId}`);
    const deadlineMs = performance.now() + GONE_MS;
    while (performance.now() < deadlineMs && (await isThere(killer, threadId))) await sleep(GONE_POLL_MS);
  } catch (error) {
    // The session has ended by itself meanwhile.
    if (!(error instanceof ServerError) || error.errno !== ERRNO.noSuchThread) throw error;
  } finally {
    killer.destroy();
  }
}

async function isThere(killer: Connection, threadId: number): Promise<boolean> {
  const found = await killer.query(`SELECT 1 FROM information_schema.processlist WHERE id = ${threadId}`);
  return found.length > 0;
}
