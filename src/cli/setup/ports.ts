/** Listens on the addresses of the new node as a test, before anything is written. */
import { createServer, type Server } from 'node:net';
import { messageOf, SkeinError } from '../../model/error.js';
import type { NodePorts } from './options.js';

/** Ports that this process holds for a moment. */
export interface HeldPorts {
  release(): Promise<void>;
}

/**
 * Listens on all ports of the node, and closes each connection at once. This shows that the ports are free, and lets another
 * machine check that it can reach them.
 * @throws SkeinError PORT_TAKEN, ADDRESS_UNUSABLE
 */
export async function holdPorts(host: string, { http, link, mysql }: NodePorts): Promise<HeldPorts> {
  const servers: Server[] = [];
  const release = async () => {
    await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  };
  try {
    for (const [port, use] of [
      [http, '--http-port'],
      [link, '--link-port'],
      ...(mysql === null
        ? []
        : ([
            [mysql.readWrite, '--mysql-port'],
            [mysql.readOnly, '--mysql-port, the next one'],
          ] as const)),
    ] as const) {
      servers.push(await listen(host, port, use));
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

function listen(host: string, port: number, use: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      // A member that dials already, for elections, does not hang up by itself; `close` would wait for that.
      socket.destroy();
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new SkeinError('PORT_TAKEN', `Port ${port} on ${host} is taken by another program (see ${use}).`)
          : new SkeinError(
              'ADDRESS_UNUSABLE',
              `This machine cannot listen on ${host}:${port}: ${messageOf(error)}. See --listen and ${use}.`,
              { cause: error },
            ),
      );
    });
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}
