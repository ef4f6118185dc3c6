import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Bytes that lie in the receive queue of a socket of another process: what has arrived and was not read yet. Null when there
 * is no such connection. `ss` (iproute2) asks the kernel about one socket, where /proc/net/tcp lists all of them.
 * @throws Error when there is no `ss`
 */
export async function receiveQueueOf(localPort: number, peerPort: number): Promise<number | null> {
  const filter = `sport = :${localPort} and dport = :${peerPort}`;
  try {
    const { stdout } = await run('ss', ['-tnH', 'state', 'established', filter]);
    return parseReceiveQueue(stdout, localPort, peerPort);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error('There is no program "ss"; install iproute2.', { cause: error });
  }
}

/** Exported for its test. */
export function parseReceiveQueue(text: string, localPort: number, peerPort: number): number | null {
  for (const line of text.split('\n')) {
    const [, queued, local, peer] = /^\D*(\d+)\s+\d+\s+\S*:(\d+)\s+\S*:(\d+)/.exec(line) ?? [];
    if (Number(local) === localPort && Number(peer) === peerPort) return Number(queued);
  }
  return null;
}
