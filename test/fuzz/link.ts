import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { dialerStart, handshakeStep, linkIdentity } from '../../src/link/handshake.js';
import { sleep } from '../../src/std/timing.js';
import { encodeAck, encodeEcho, encodeHello, LINK_VERSION, NONCE_SIZE } from '../../src/wire/frames.js';
import {
  encodeAdopted,
  encodeAttach,
  encodeDefinitionsReply,
  encodeHeartbeat,
  encodeReady,
} from '../../src/wire/messages.js';
import { FrameSplitter } from '../../src/wire/splitter.js';
import { attachInfo, heartbeatBody } from '../kit/link.js';
import { mutate } from './mutate.js';
import { throwAt } from './sockets.js';
import type { FuzzTarget } from './target.js';

/** A name that is no voter's: what it says must not count, and must not hurt. */
const NAME = 'n9';

const HELLO = encodeHello({ version: LINK_VERSION, nonce: Buffer.alloc(NONCE_SIZE, 3) });
const ATTACH = encodeAttach(
  attachInfo(NAME, { spoolEnd: { epoch: 0, ordinal: 0, gtid: '' }, previousGtid: '' }),
);
const FRAMES: readonly Buffer[] = [
  HELLO,
  ATTACH,
  encodeReady({
    spoolEnd: { epoch: 0, ordinal: 0, gtid: '' },
    previousGtid: '',
    damaged: false,
    adopted: null,
  }),
  encodeAdopted({ epoch: 1, number: 3 }),
  encodeAck({ received: 5, durable: 5, applied: 5 }),
  encodeEcho({ round: 1, epoch: 1 }),
  encodeHeartbeat({ ...heartbeatBody(NAME, 'replica'), sentAtMs: 0 } as Parameters<
    typeof encodeHeartbeat
  >[0]),
  encodeDefinitionsReply({ id: 1, definitions: { x: 'y' }, failed: null }),
];

export function linkTargets(options: { port: number; cluster: string; secret: Buffer }): FuzzTarget[] {
  return [
    {
      name: 'link before the proof',
      parallel: 8,
      run: async (random) => {
        const pieces = Array.from({ length: random.int(1, 3) }, () => mutate(random, FRAMES));
        await throwAt(options.port, random.chance(0.3) ? [HELLO, ...pieces] : pieces);
      },
    },
    {
      name: 'link of a peer that knows the secret',
      parallel: 2,
      run: async (random) => {
        const frames = Array.from({ length: random.int(1, 6) }, () => mutate(random, FRAMES));
        await afterProof(options, random.chance(0.5) ? [ATTACH, ...frames] : frames);
      },
    },
  ];
}

/** Proves the secret as a dialer does, then says the frames. */
async function afterProof(
  { port, cluster, secret }: { port: number; cluster: string; secret: Buffer },
  frames: readonly Buffer[],
): Promise<void> {
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
    const splitter = new FrameSplitter(['challenge'], (name, payload) => {
      const step = handshakeStep(identity, state, name, payload);
      state = step.state;
      if (step.send) socket.write(step.send);
      resolve();
    });
    // Only the challenge is ours to read.
    socket.on('data', (chunk: Buffer) => {
      if (state.kind === 'hello-sent') splitter.push(chunk);
    });
  });
  if (start.send) socket.write(start.send);
  await Promise.race([proven, closed]);
  for (const frame of frames) if (!socket.destroyed) socket.write(frame);
  // Most frames are answered by a hang-up; the others by nothing that could be waited for.
  await Promise.race([sleep(80), closed]);
  socket.destroy();
}
