import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { dialerStart, handshakeStep, linkIdentity } from '../../src/link/handshake.js';
import { type FrameName, NONCE_SIZE } from '../../src/wire/frames.js';
import { FrameSplitter } from '../../src/wire/splitter.js';

export interface ProvenDial {
  readonly socket: Socket;
  readonly closed: Promise<void>;
}

/** Proves the secret to a link port, as a dialer does, and then says nothing. `heard` gets what the listener says after that. */
export async function provenDial(
  { port, cluster, secret }: { port: number; cluster: string; secret: string | Uint8Array },
  heard?: (name: FrameName, payload: Buffer) => void,
): Promise<ProvenDial> {
  const identity = linkIdentity(cluster, secret);
  const socket = connect(port, '127.0.0.1');
  const closed = new Promise<void>((resolve) => {
    socket.on('error', () => {});
    socket.once('close', () => resolve());
  });
  await Promise.race([once(socket, 'connect'), closed]);
  const start = dialerStart(randomBytes(NONCE_SIZE));
  let state = start.state;
  const proven = new Promise<void>((resolve) => {
    const splitter: FrameSplitter = new FrameSplitter(['challenge'], (name, payload) => {
      if (state.kind !== 'hello-sent') {
        heard?.(name, payload);
        return;
      }
      const step = handshakeStep(identity, state, name, payload);
      state = step.state;
      splitter.accept(['election', 'probe', 'refuse']);
      if (step.send) socket.write(step.send);
      resolve();
    });
    socket.on('data', (chunk: Buffer) => {
      if (state.kind === 'hello-sent' || heard) splitter.push(chunk);
    });
  });
  if (start.send) socket.write(start.send);
  await Promise.race([proven, closed]);
  return { socket, closed };
}
