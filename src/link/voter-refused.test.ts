import { afterEach, describe, expect, test } from 'vitest';
import { mutate } from '../../test/fuzz/mutate.js';
import { rawConnect, rawListen, SECRET, startReplica } from '../../test/kit/link.js';
import { provenDial } from '../../test/kit/proven-dial.js';
import { seededRandom } from '../../test/kit/random.js';
import { until } from '../../test/kit/until.js';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { beat, numbersOf, place, type TestVoterListener, voterEnds } from '../../test/kit/voters.js';
import { encodeElection, encodeVoter, type Voter } from '../wire/election-messages.js';
import {
  decodeProbe,
  encodeAck,
  encodeChallenge,
  encodeHello,
  encodeProbe,
  LINK_VERSION,
} from '../wire/frames.js';
import { decodeRefuse } from '../wire/messages.js';

const { listener, links, provenListener, stops, stop } = voterEnds();
afterEach(stop);

const SOON = { intervalMs: 1 };
const OLDER = LINK_VERSION - 1;
const SLOW = { redialFirstMs: 60_000, redialMaxMs: 60_000 };
const VOTER: Voter = { node: 'n1', to: 'n2', incarnation: 'disk' };
const bytes = (length: number) => Buffer.alloc(length, 7);

/** A peer that knows the secret, says who it is, and notes with which codes it is refused. */
async function voterAt(port: number, voter: Partial<Voter> = {}) {
  const refused: string[] = [];
  let probes = 0;
  const dial = await provenDial({ port, cluster: 'demo', secret: SECRET }, (name, payload) => {
    if (name === 'probe') probes++;
    else if (name === 'refuse') refused.push(decodeRefuse(payload).code);
  });
  stops.push(async () => void dial.socket.destroy());
  dial.socket.write(encodeVoter({ ...VOTER, ...voter }));
  dial.socket.write(encodeProbe(1));
  return { ...dial, refused, answers: () => probes };
}

async function refusalOf(b: TestVoterListener, voter: Partial<Voter>): Promise<string[]> {
  const { closed, refused } = await voterAt(b.port, voter);
  await closed;
  return refused;
}

describe('a handshake that fails', () => {
  test.each([
    ['another secret', { secret: 'a secret of another cluster, long enough' }, 'WRONG_SECRET'],
    ['another cluster', { cluster: 'another' }, 'WRONG_CLUSTER'],
  ])('%s: named on both sides, and the link is not up', async (_what, over, code) => {
    const b = await listener('n2');
    const a = links('n1', () => [place('n2', b.port)], { ...over, ...SLOW });
    await until('refused', () => a.codes.length > 0 && b.refused.length > 0, SOON);
    expect([a.codes[0], b.refused[0]?.code, a.links.up('n2')]).toEqual([code, code, false]);
    expect([a.losses, b.election]).toEqual([[], []]);
  });

  test('a listener of an older version: the log names both versions', async () => {
    const proofs = { secret: bytes(32), cluster: bytes(32) };
    const old = await rawListen((socket) => {
      socket.once('data', () => socket.write(encodeChallenge({ version: OLDER, nonce: bytes(32), proofs })));
    });
    stops.push(old.stop);
    const a = links('n1', () => [place('n2', old.port)], SLOW);
    await until('refused', () => a.codes.length > 0, SOON);
    expect([a.codes, a.reasons]).toEqual([
      ['UNKNOWN_VERSION'],
      [
        `The peer speaks version ${OLDER} of the link protocol, this node version ${LINK_VERSION}. Install the same version of Skein on both.`,
      ],
    ]);
  });

  test('a dialer of an older version is refused before it can say anything', async () => {
    const b = await listener('n2');
    const old = rawConnect(b.port);
    old.socket.write(encodeHello({ version: OLDER, nonce: bytes(32) }));
    await old.closed;
    expect(b.refused.map(({ code }) => code)).toEqual(['UNKNOWN_VERSION']);
    expect(b.refused[0]?.message).toContain(`speaks version ${OLDER}`);
  });
});

describe('a peer that knows the secret is refused', () => {
  test('when it dialled another node; it says why, and what it was told', async () => {
    const b = await listener('n3');
    const a = links('n1', () => [place('n2', b.port)], SLOW);
    await until('refused', () => a.codes.length > 0 && b.refused.length > 0, SOON);
    expect([a.codes, a.reasons]).toEqual([['WRONG_NODE'], ['n2 says: This is n3, and n1 dialled n2.']]);
    expect([b.refused[0]?.code, a.losses, a.links.up('n2')]).toEqual(['WRONG_NODE', [], false]);
  });

  test('when it means another node, or has the name of this one', async () => {
    const b = await listener('n2');
    expect(await refusalOf(b, { to: 'n3' })).toEqual(['WRONG_NODE']);
    expect(await refusalOf(b, { node: 'n2' })).toEqual(['DUPLICATE_NODE']);
    expect(b.election).toEqual([]);
  });

  test('when another disk is connected under its name, or too many are', async () => {
    const b = await listener('n2', { sessionsMax: 1 });
    const first = await voterAt(b.port);
    await until('accepted', () => first.answers() === 1, SOON);
    expect(await refusalOf(b, { incarnation: 'another disk' })).toEqual(['DUPLICATE_NODE']);
    expect(await refusalOf(b, { node: 'n3' })).toEqual(['TOO_MANY_SESSIONS']);
    first.socket.write(encodeElection(beat(1)));
    await until('the first is still heard', () => b.election.length === 1, SOON);
  });

  test('when it says nothing any more; one that connects again takes the place of its old connection', async () => {
    const clock = new VirtualClock();
    const b = await listener('n2', {}, { clock });
    const first = await voterAt(b.port);
    await until('accepted', () => first.answers() === 1, SOON);
    const second = await voterAt(b.port);
    await first.closed;
    await until('accepted', () => second.answers() === 1, SOON);
    expect(first.refused).toEqual(['LINK_REPLACED']);
    clock.pass(9_999);
    expect(second.refused).toEqual([]);
    clock.pass(1_000);
    await second.closed;
    expect(second.refused).toEqual(['LINK_SILENT']);
  });
});

describe('hostile bytes', () => {
  const wrong: [string, Buffer, string][] = [
    ['a frame of another session', encodeAck({ received: 1, durable: 1, applied: 1 }), 'FRAME_UNEXPECTED'],
    ['a second name', encodeVoter({ ...VOTER, node: 'n3' }), 'FRAME_UNEXPECTED'],
    ['a frame that is too large', Buffer.from([0, 0x20, 0, 0, 26]), 'FRAME_TOO_LARGE'],
    ['an unknown frame', Buffer.from([0, 0, 0, 0, 255]), 'FRAME_UNKNOWN'],
    ['no JSON', Buffer.from([1, 0, 0, 0, 26, 0x7b]), 'FRAME_INVALID'],
    ['an impossible message', encodeElection({ kind: 'timeoutNow', epoch: -5 }), 'FRAME_INVALID'],
  ];
  test.each(wrong)('%s ends the connection, with its reason', async (_what, frame, code) => {
    const b = await listener('n2');
    const peer = await voterAt(b.port);
    peer.socket.write(frame);
    peer.socket.write(encodeElection(beat(1)));
    await peer.closed;
    expect([peer.refused, b.election]).toEqual([[code], []]);
  });

  test('from the node that was dialled: its link ends, and it is dialled again', async () => {
    const dialled = new Set<object>();
    const evil = await provenListener((name, payload, socket) => {
      if (name !== 'probe') return;
      dialled.add(socket);
      socket.write(encodeProbe(decodeProbe(payload)));
      socket.write(encodeElection({ kind: 'timeoutNow', epoch: -5 }));
      socket.write(encodeElection(beat(1)));
    });
    const a = links('n1', () => [place('n2', evil.port)], {}, { clock: new VirtualClock() });
    await until('hung up', () => a.codes.includes('FRAME_INVALID'), SOON);
    await until('dialled again', () => dialled.size > 1, SOON);
    expect(a.answers).toEqual([]);
  });

  test('a peer that does not read what this node says to it: dropped, and the memory does not fill', async () => {
    const b = await listener('n2', { sendBufferBytes: 1024 });
    const peer = await voterAt(b.port);
    await until('accepted', () => peer.answers() === 1, SOON);
    peer.socket.pause();
    let sent = 0;
    await until(
      'the next one is dropped',
      () => {
        for (let i = 0; i < 2_000; i++) if (!b.listener.sendElection('n1', beat(sent++))) return true;
        return sent > 1_000_000;
      },
      SOON,
    );
    expect(sent).toBeLessThan(1_000_000);
  });

  test('an exception in the election ends one connection; the next is served', async () => {
    const seen: string[] = [];
    const b = await listener(
      'n2',
      {},
      {
        election: {
          message: (from) => {
            seen.push(from);
            if (from === 'n1') throw new Error('a fault of the test');
          },
        },
      },
    );
    const peer = await voterAt(b.port);
    peer.socket.write(encodeElection(beat(1)));
    await peer.closed;
    expect(peer.refused).toEqual(['LINK_INTERNAL']);
    const other = await voterAt(b.port, { node: 'n3' });
    other.socket.write(encodeElection(beat(1)));
    await until('heard', () => seen.includes('n3'), SOON);
  });

  test('mutated frames never hurt other links: records and elections of others go on', async () => {
    const b = await listener('n2', { node: 'n2' });
    const replica = startReplica(b.port, { node: 'n4' });
    stops.push(() => replica.dialer.stop());
    const honest = links('n3', () => [place('n2', b.port)]);
    await until('up', () => honest.links.up('n2') && replica.dialer.up, SOON);
    const random = seededRandom(1);
    const frames = [encodeVoter(VOTER), encodeElection(beat(1)), encodeProbe(2)];
    for (let round = 0; round < 60; round++) {
      const { socket, closed } = await voterAt(b.port, { node: 'n1' });
      for (let i = 0; i < 4; i++) socket.write(mutate(random, frames));
      socket.end();
      await closed;
    }
    honest.links.send('n2', beat(1234));
    const ofHonest = () => numbersOf(b.election.filter(({ from }) => from === 'n3'));
    await until('heard', () => ofHonest().length === 1, SOON);
    expect([ofHonest(), honest.losses, replica.states, b.closed]).toEqual([[1234], [], ['up'], []]);
    expect(new Set(b.election.map(({ from }) => from))).toEqual(new Set(['n1', 'n3']));
  });
});
