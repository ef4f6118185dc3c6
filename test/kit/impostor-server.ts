import { createServer } from 'node:net';
import { encodeGreeting } from '../../src/mysql-protocol/login.js';
import { PacketSplitter, packet } from '../../src/mysql-protocol/packets.js';

/** CLIENT_PLUGIN_AUTH, protocol 4.1 and the like: what a client needs to see before it follows a change of method. */
const CAPABILITIES = 0x81_ff_f7_ff & ~0x800;

export interface Impostor {
  /** All bytes that clients have sent so far. */
  received(): Buffer;
  close(): Promise<void>;
}

/**
 * A program that listens in a database server's place and asks for the login method `plugin`, in its greeting and once more
 * behind the login, and then for the password in clear, as a server does whose cache does not know the account.
 */
export async function startImpostor(options: { socketPath: string; plugin: string }): Promise<Impostor> {
  const { socketPath, plugin } = options;
  const chunks: Buffer[] = [];
  const nonce = Buffer.alloc(20, 7);
  const asks = [
    Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${plugin}\0`), nonce, Buffer.from([0])]),
    Buffer.from([1, 4]),
    Buffer.from([1, 4]),
  ];
  const server = createServer((socket) => {
    const splitter = new PacketSplitter();
    const left = [...asks];
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      splitter.push(chunk);
      while (splitter.next()) {
        const ask = left.shift();
        if (ask) socket.write(packet(splitter.sequence + 1, ask));
      }
    });
    const greeting = { serverVersion: '10.11.0-MariaDB', connectionId: 1, nonce, plugin };
    socket.write(packet(0, encodeGreeting(greeting, CAPABILITIES >>> 0)));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    received: () => Buffer.concat(chunks),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
