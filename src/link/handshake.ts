import { createHmac, timingSafeEqual } from 'node:crypto';
import { SkeinError } from '../model/error.js';
import {
  decodeChallenge,
  decodeHello,
  decodeProof,
  encodeChallenge,
  encodeHello,
  encodeProof,
  type FrameName,
  LINK_VERSION,
  NONCE_SIZE,
  type Proofs,
  unexpectedFrame,
} from '../wire/frames.js';

/**
 * Mutual proof of the cluster's secret. Pure: a frame in, the next state and perhaps a frame out.
 *
 *   dialer                                   listener
 *     | -- hello {version, nonce} -------------> |   `hello-sent`      `awaiting-hello`
 *     | <- challenge {version, nonce, proofs} -- |                     `challenged`
 *     | -- proof {proofs} ---------------------> |   `proven`          `proven`
 *
 * A proof is HMAC-SHA256(link key, role tag, version, dialer's nonce, listener's nonce [, cluster]).
 *  - The secret is never sent; the link key is derived from it, so a recorded handshake is of no use outside of the link.
 *  - Both nonces are in both proofs: a recorded conversation proves nothing to a fresh nonce (replay).
 *  - The role tags differ: a listener's proof cannot be sent back to it as a dialer's proof (reflection).
 *  - The dialer sends nothing about itself before the listener has proven the secret, and the listener sends only its
 *    challenge to a dialer that has not. So neither learns even a name from the other without the secret.
 * A man in the middle can still relay everything and read what follows. TLS prevents that.
 */
export interface Identity {
  /** Name and id of the cluster. */
  readonly cluster: string;
  readonly key: Buffer;
}

/** A guess at the secret can be tried offline against a recorded challenge: it must be out of reach of guessing. */
const SECRET_BYTES_MIN = 16;

/** @throws SkeinError WEAK_SECRET */
export function linkIdentity(cluster: string, secret: string | Uint8Array): Identity {
  if (Buffer.byteLength(secret) < SECRET_BYTES_MIN) {
    throw new SkeinError(
      'WEAK_SECRET',
      `The cluster's secret has fewer than ${SECRET_BYTES_MIN} bytes. Create one with: openssl rand -base64 32`,
    );
  }
  return { cluster, key: createHmac('sha256', secret).update('skein link key').digest() };
}

const TAGS = { dialer: 'skein link dialer', listener: 'skein link listener' } as const;

export function proofsOf(
  role: keyof typeof TAGS,
  identity: Identity,
  dialerNonce: Uint8Array,
  listenerNonce: Uint8Array,
): Proofs {
  const proof = (tag: string, tail: string) =>
    createHmac('sha256', identity.key)
      .update(`${tag}\0`)
      .update(Uint8Array.of(LINK_VERSION))
      .update(dialerNonce)
      .update(listenerNonce)
      .update(tail)
      .digest();
  return {
    secret: proof(`${TAGS[role]} secret`, ''),
    cluster: proof(`${TAGS[role]} cluster`, identity.cluster),
  };
}

/** What is wrong with the peer's proofs, or null. Both are always compared, in constant time. */
function proofFault(expected: Proofs, got: Proofs): ProofFault | null {
  const secret = timingSafeEqual(expected.secret, got.secret);
  const cluster = timingSafeEqual(expected.cluster, got.cluster);
  if (!secret) return 'WRONG_SECRET';
  return cluster ? null : 'WRONG_CLUSTER';
}

type ProofFault = 'WRONG_SECRET' | 'WRONG_CLUSTER';

const MESSAGES: Record<ProofFault, string> = {
  WRONG_SECRET: 'The peer does not know this cluster’s secret (compare cluster.secret on both nodes).',
  WRONG_CLUSTER:
    'The peer knows the secret but belongs to another cluster: its name or its cluster id differs.',
};

export type HandshakeState =
  | { readonly kind: 'hello-sent'; readonly nonce: Buffer }
  | { readonly kind: 'awaiting-hello'; readonly nonce: Buffer }
  | { readonly kind: 'challenged'; readonly nonce: Buffer; readonly dialerNonce: Buffer }
  | { readonly kind: 'proven' }
  /** `tell`: the peer may be told the reason (it has proven the secret, or the reason says nothing). */
  | { readonly kind: 'refused'; readonly error: SkeinError; readonly tell: boolean };

export interface Step {
  readonly state: HandshakeState;
  readonly send: Buffer | null;
}

/** `nonce`: 32 bytes, random and never used before. */
export function dialerStart(nonce: Buffer): Step {
  checkNonce(nonce);
  return { state: { kind: 'hello-sent', nonce }, send: encodeHello({ version: LINK_VERSION, nonce }) };
}

export function listenerStart(nonce: Buffer): Step {
  checkNonce(nonce);
  return { state: { kind: 'awaiting-hello', nonce }, send: null };
}

/** Which frames may come in this state (besides `refuse`). */
export function acceptedIn(state: HandshakeState): readonly FrameName[] {
  if (state.kind === 'hello-sent') return ['challenge'];
  if (state.kind === 'awaiting-hello') return ['hello'];
  if (state.kind === 'challenged') return ['proof'];
  return [];
}

/** @throws SkeinError FRAME_TRUNCATED, FRAME_TOO_LARGE, FRAME_INVALID, FRAME_UNEXPECTED */
export function handshakeStep(
  identity: Identity,
  state: HandshakeState,
  name: FrameName,
  payload: Buffer,
): Step {
  if (!acceptedIn(state).includes(name)) throw unexpectedFrame(name);
  if (state.kind === 'hello-sent') return onChallenge(identity, state.nonce, payload);
  if (state.kind === 'awaiting-hello') return onHello(identity, state.nonce, payload);
  if (state.kind === 'challenged') return onProof(identity, state, payload);
  throw unexpectedFrame(name);
}

function onHello(identity: Identity, nonce: Buffer, payload: Buffer): Step {
  const hello = decodeHello(payload);
  // A copy, because a slice would keep the socket's whole chunk in memory as long as the state.
  const dialerNonce = Buffer.from(hello.nonce);
  const send = encodeChallenge({
    version: LINK_VERSION,
    nonce,
    proofs: proofsOf('listener', identity, dialerNonce, nonce),
  });
  // Another version is answered too: the dialer learns from the version in the challenge why it was refused.
  if (hello.version !== LINK_VERSION) return { state: versionRefused(hello.version), send };
  return { state: { kind: 'challenged', nonce, dialerNonce }, send };
}

function onChallenge(identity: Identity, nonce: Buffer, payload: Buffer): Step {
  const challenge = decodeChallenge(payload);
  if (challenge.version !== LINK_VERSION) return { state: versionRefused(challenge.version), send: null };
  const fault = proofFault(proofsOf('listener', identity, nonce, challenge.nonce), challenge.proofs);
  const proof = encodeProof(proofsOf('dialer', identity, nonce, challenge.nonce));
  if (fault === 'WRONG_SECRET') return { state: refused(fault), send: null };
  // The proof goes out also to another cluster with our secret, so that both sides can name the reason.
  if (fault !== null) return { state: refused(fault), send: proof };
  return { state: { kind: 'proven' }, send: proof };
}

function onProof(
  identity: Identity,
  state: { readonly nonce: Buffer; readonly dialerNonce: Buffer },
  payload: Buffer,
): Step {
  const fault = proofFault(
    proofsOf('dialer', identity, state.dialerNonce, state.nonce),
    decodeProof(payload),
  );
  return { state: fault === null ? { kind: 'proven' } : refused(fault), send: null };
}

function refused(code: ProofFault): HandshakeState {
  return { kind: 'refused', error: new SkeinError(code, MESSAGES[code]), tell: code === 'WRONG_CLUSTER' };
}

function versionRefused(peerVersion: number): HandshakeState {
  const text = `The peer speaks version ${peerVersion} of the link protocol, this node version ${LINK_VERSION}. Install the same version of Skein on both.`;
  const error = new SkeinError('UNKNOWN_VERSION', text, { data: { peerVersion, ownVersion: LINK_VERSION } });
  return { kind: 'refused', error, tell: false };
}

function checkNonce(nonce: Buffer): void {
  if (nonce.length !== NONCE_SIZE) throw new RangeError(`a nonce has ${NONCE_SIZE} bytes`);
}
