import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  encodeChallenge,
  encodeHello,
  encodeProof,
  FRAME_HEADER_SIZE,
  type FrameName,
  LINK_VERSION,
} from '../wire/frames.js';
import {
  dialerStart,
  type HandshakeState,
  handshakeStep,
  type Identity,
  linkIdentity,
  listenerStart,
  proofsOf,
  type Step,
} from './handshake.js';

const SECRET = 'the secret of the test cluster';
const ours = linkIdentity('demo', SECRET);
const stranger = linkIdentity('demo', 'some other secret, also long');
const otherName = linkIdentity('other', SECRET);

const nonceD = Buffer.alloc(32, 1);
const nonceL = Buffer.alloc(32, 2);
const body = (frame: Buffer | null): Buffer => (frame as Buffer).subarray(FRAME_HEADER_SIZE);

interface Talk {
  dialer: HandshakeState;
  listener: HandshakeState;
  sent: { hello: Buffer; challenge: Buffer; proof: Buffer | null };
}

function talk(dialerId: Identity, listenerId: Identity, nonces = [nonceD, nonceL] as const): Talk {
  const hello = dialerStart(nonces[0]);
  const challenge = handshakeStep(listenerId, listenerStart(nonces[1]).state, 'hello', body(hello.send));
  const proof = handshakeStep(dialerId, hello.state, 'challenge', body(challenge.send));
  const end: Step =
    proof.send === null
      ? { state: challenge.state, send: null }
      : handshakeStep(listenerId, challenge.state, 'proof', body(proof.send));
  expect(end.send).toBeNull();
  return {
    dialer: proof.state,
    listener: end.state,
    sent: { hello: hello.send as Buffer, challenge: challenge.send as Buffer, proof: proof.send },
  };
}

const outcome = (state: HandshakeState) => (state.kind === 'refused' ? state.error.code : state.kind);

test('both prove the secret', () => {
  const { dialer, listener } = talk(ours, ours);
  expect([outcome(dialer), outcome(listener)]).toEqual(['proven', 'proven']);
});

test('golden proofs: two versions of this code must go on understanding each other', () => {
  const proofs = proofsOf('dialer', linkIdentity('demo', '0123456789abcdef'), nonceD, nonceL);
  expect(proofs.secret.toString('hex')).toMatchInlineSnapshot(
    `"69c7b2940e7efd69993fb929b4ac223c4632aaa3df38515b4aa54e51ac83a02e"`,
  );
  expect(proofs.cluster.toString('hex')).toMatchInlineSnapshot(
    `"976fb7d710dc03815d1d008115149dc329adfc5e842d67a255906ebc62ab480e"`,
  );
});

test('a listener without the secret gets a nonce and nothing more', () => {
  const { dialer, sent } = talk(ours, stranger);
  expect(outcome(dialer)).toBe('WRONG_SECRET');
  expect(dialer).toMatchObject({ tell: false });
  expect(sent.proof).toBeNull();
});

test('a dialer without the secret is refused and told nothing', () => {
  const hello = dialerStart(nonceD);
  const challenge = handshakeStep(ours, listenerStart(nonceL).state, 'hello', body(hello.send));
  const forged = encodeProof(proofsOf('dialer', stranger, nonceD, nonceL));
  const end = handshakeStep(ours, challenge.state, 'proof', body(forged));
  expect(outcome(end.state)).toBe('WRONG_SECRET');
  expect(end.state).toMatchObject({ tell: false });
});

test('another cluster with the same secret: both sides can name the reason', () => {
  const { dialer, listener } = talk(ours, otherName);
  expect([outcome(dialer), outcome(listener)]).toEqual(['WRONG_CLUSTER', 'WRONG_CLUSTER']);
});

test('neither the secret, nor the name of the cluster, nor the link key is ever sent', () => {
  const { sent } = talk(ours, ours);
  const all = Buffer.concat([sent.hello, sent.challenge, sent.proof as Buffer]);
  for (const part of [SECRET, 'demo', ours.key]) expect(all.includes(part)).toBe(false);
});

describe('replay and reflection', () => {
  const recorded = talk(ours, ours).sent;

  test('a recorded dialer proves nothing to a listener’s fresh nonce', () => {
    const challenge = handshakeStep(
      ours,
      listenerStart(randomBytes(32)).state,
      'hello',
      body(recorded.hello),
    );
    expect(outcome(handshakeStep(ours, challenge.state, 'proof', body(recorded.proof)).state)).toBe(
      'WRONG_SECRET',
    );
  });

  test('a recorded listener proves nothing to a dialer’s fresh nonce', () => {
    const end = handshakeStep(
      ours,
      dialerStart(randomBytes(32)).state,
      'challenge',
      body(recorded.challenge),
    );
    expect(outcome(end.state)).toBe('WRONG_SECRET');
    expect(end.send).toBeNull();
  });

  test('what a listener said is no proof of a dialer', () => {
    // Mallory opens two connections to the same listener and hands it its own words back.
    const challenge = handshakeStep(
      ours,
      listenerStart(nonceL).state,
      'hello',
      body(encodeHello({ version: LINK_VERSION, nonce: nonceD })),
    );
    const reflected = (challenge.send as Buffer).subarray(-64);
    expect(outcome(handshakeStep(ours, challenge.state, 'proof', reflected).state)).toBe('WRONG_SECRET');
    // And with the nonces swapped, as a second connection could make it say.
    const swapped = encodeProof(proofsOf('listener', ours, nonceL, nonceD));
    expect(outcome(handshakeStep(ours, challenge.state, 'proof', body(swapped)).state)).toBe('WRONG_SECRET');
  });
});

test('another version is named on both sides, and nothing is proven to it', () => {
  const hello = encodeHello({ version: 9, nonce: nonceD });
  const listener = handshakeStep(ours, listenerStart(nonceL).state, 'hello', body(hello));
  expect(outcome(listener.state)).toBe('UNKNOWN_VERSION');
  const challenge = encodeChallenge({
    version: 9,
    nonce: nonceL,
    proofs: proofsOf('listener', ours, nonceD, nonceL),
  });
  const dialer = handshakeStep(ours, dialerStart(nonceD).state, 'challenge', body(challenge));
  expect(outcome(dialer.state)).toBe('UNKNOWN_VERSION');
  expect(dialer.send).toBeNull();
});

test('each state takes one kind of frame only', () => {
  const states: HandshakeState[] = [
    dialerStart(nonceD).state,
    listenerStart(nonceL).state,
    { kind: 'challenged', nonce: nonceL, dialerNonce: nonceD },
    { kind: 'proven' },
  ];
  const right: (FrameName | null)[] = ['challenge', 'hello', 'proof', null];
  for (const [i, state] of states.entries()) {
    for (const name of ['hello', 'challenge', 'proof', 'attach', 'records'] as const) {
      if (name === right[i]) continue;
      expect(() => handshakeStep(ours, state, name, Buffer.alloc(97))).toThrow(
        expect.objectContaining({ code: 'FRAME_UNEXPECTED' }),
      );
    }
  }
});

test('a secret that could be guessed is not accepted', () => {
  expect(() => linkIdentity('demo', 'short')).toThrow(expect.objectContaining({ code: 'WEAK_SECRET' }));
});
