import { connect, type Socket } from 'node:net';

/** A plain connection, and what came through it. */
export interface RawClient {
  socket: Socket;
  text(): string;
  closed: Promise<unknown>;
}

export function rawClient(port: number): RawClient {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  // Bytes of ours that nobody reads any more make it a reset.
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  return { socket, text: () => received, closed };
}
