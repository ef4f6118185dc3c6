import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { sleep } from '../../src/std/timing.js';

/** How long the other side may answer before we hang up: most inputs are never answered. */
const LISTEN_MS = 60;

/** Sends the pieces one after the other, listens for a moment, and hangs up. What came back. */
export async function throwAt(
  port: number,
  pieces: readonly Buffer[],
  localAddress = '127.0.0.1',
): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  const over = ended(socket);
  try {
    await Promise.race([once(socket, 'connect'), over]);
    for (const piece of pieces) {
      if (socket.destroyed) break;
      socket.write(piece);
      // So that the pieces arrive one by one, as a rule.
      await Promise.race([sleep(2), over]);
    }
    await Promise.race([sleep(LISTEN_MS), over]);
  } finally {
    socket.destroy();
  }
  return Buffer.concat(received);
}

/** Resolves when the connection is over, however it ended. */
function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => {});
    socket.once('close', () => resolve());
  });
}
