import { sleep } from '../../src/std/timing.js';
import { encodeElection, encodeVoter } from '../../src/wire/election-messages.js';
import {
  encodeAck,
  encodeEcho,
  encodeHello,
  encodeProbe,
  LINK_VERSION,
  NONCE_SIZE,
} from '../../src/wire/frames.js';
import {
  encodeAdopted,
  encodeAttach,
  encodeDefinitionsReply,
  encodeHeartbeat,
  encodeReady,
} from '../../src/wire/messages.js';
import { attachInfo, heartbeatBody } from '../kit/link.js';
import { provenDial } from '../kit/proven-dial.js';
import { mutate } from './mutate.js';
import { throwAt } from './sockets.js';
import type { FuzzTarget } from './target.js';

/** A name that is no voter's: what it says must not count, and must not hurt. */
const NAME = 'n9';

const HELLO = encodeHello({ version: LINK_VERSION, nonce: Buffer.alloc(NONCE_SIZE, 3) });
const ATTACH = encodeAttach(
  attachInfo(NAME, { spoolEnd: { epoch: 0, ordinal: 0, gtid: '' }, previousGtid: '' }),
);
/** To the node that the targets dial. */
const VOTER = encodeVoter({ node: NAME, to: 'n1', incarnation: 'fuzz' });
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
  VOTER,
  encodeElection({ kind: 'preVote', epoch: 2, position: { epoch: 1, number: 0, ordinal: 5 } }),
  encodeElection({ kind: 'heartbeat', epoch: 1, campaign: 'fuzz', number: 1, isAnswered: true }),
  encodeProbe(1),
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
        const first = random.chance(0.5) ? [random.chance(0.5) ? ATTACH : VOTER] : [];
        await afterProof(options, [...first, ...frames]);
      },
    },
  ];
}

/** Proves the secret as a dialer does, then says the frames. */
async function afterProof(
  options: { port: number; cluster: string; secret: Buffer },
  frames: readonly Buffer[],
): Promise<void> {
  const { socket, closed } = await provenDial(options);
  for (const frame of frames) if (!socket.destroyed) socket.write(frame);
  // Most frames are answered by a hang-up; the others by nothing that could be waited for.
  await Promise.race([sleep(80), closed]);
  socket.destroy();
}
