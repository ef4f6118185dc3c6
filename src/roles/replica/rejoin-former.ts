import { messageOf } from '../../model/error.js';
import type { LocalServerUp } from '../local-server.js';
import type { NodeParts } from '../role-node.js';

/**
 * Makes a replica of a server that was open as the primary of an older epoch, on a node that follows another primary now.
 * A server that crashed meanwhile may have done DDL that is in no log, so it is filled from another node (rule E4). One that
 * was closed in order keeps its data: the endpoint compares its position with the log (rule H10). Resolves with true when
 * the server is a replica's.
 */
export async function rejoinFormer(
  up: LocalServerUp,
  { config, control, events, kill, newServerId, openMark, seeding }: NodeParts,
): Promise<boolean> {
  const { epoch } = openMark;
  // A server that is still open has not ended since. Of one that was adopted closed, nothing is known.
  const hasEnded = up.adopted ? (await control().status()).readOnly : up.crashed;
  if (hasEnded) {
    const reason = `The server of this node ended while it was open as the primary of epoch ${epoch}, and another node has taken over.`;
    const refused = seeding.need({
      cause: 'former-primary',
      reason,
      closes: true,
      // Another start of the server is another trouble: a snapshot on which no server started may be followed by a good one.
      trouble: `former primary of epoch ${epoch}, process ${up.pid}`,
    });
    if (refused !== null)
      events.add('replication.error', config.name, `${reason} ${refused}`, { code: 'SEED_REPEATED' });
    return false;
  }
  try {
    await control().closeForWrites();
    const { gtidBinlogPos } = await control().status();
    await control().becomeReplica({ serverId: await newServerId(), position: gtidBinlogPos });
    await openMark.clear();
    return true;
  } catch (error) {
    const reason = `the server was open as the primary of epoch ${epoch}, and cannot be closed in order (${messageOf(error)})`;
    events.add('fence', config.name, `The node kills the server and starts it again: ${reason}.`);
    await kill(reason);
    return false;
  }
}
