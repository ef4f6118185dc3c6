import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface ProgramOutput {
  /** Reads what the program writes; it ends when the program and all its children have closed their end. */
  readonly reads: Socket;
  /** Standard output for `spawn`; to be destroyed in this process right after. */
  readonly writes: Socket;
}

export interface OutputReads {
  /** Asked before each read, for memory to read into. */
  buffer(): Buffer;
  /** Bytes at the beginning of the buffer that was given last. */
  take(bytes: Buffer): void;
}

const HOST = '127.0.0.1';

/**
 * A TCP connection on loopback for the output of a program. A pipe that Node.js makes holds some 200 KB, and each read of it
 * allocates 64 KiB: at hundreds of megabytes a second both processes mostly wait for each other, and for the garbage collector.
 * This one holds megabytes, and is read into buffers that are used again.
 */
export async function programOutput({ buffer, take }: OutputReads): Promise<ProgramOutput> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, HOST);
  try {
    await once(server, 'listening');
    const port = (server.address() as AddressInfo).port;
    const onread = {
      buffer,
      callback: (size: number, bytes: Uint8Array) => {
        take((bytes as Buffer).subarray(0, size));
        return true;
      },
    };
    const reads = connect({ host: HOST, port, onread });
    // It closes at once when the program is killed; the program's exit says why.
    reads.on('error', () => {});
    const accepted = new Promise<Socket>((resolve, reject) => {
      reads.once('close', () => reject(new Error('The connection for the output of a program broke.')));
      // Another process of this machine may connect first.
      server.on('connection', (socket: Socket) => {
        if (socket.remotePort === reads.localPort && socket.remoteAddress === HOST) resolve(socket);
        else socket.destroy();
      });
    });
    return { reads, writes: await accepted };
  } finally {
    server.close();
  }
}
