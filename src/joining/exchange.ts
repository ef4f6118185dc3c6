/**
 * The join exchange: a machine that holds a join token and a member of the cluster prove it to each other, and the member's
 * answer can be read by that machine alone. It needs no safe connection below it. Pure.
 *
 *   joiner                                                        member
 *     | -- {protocol, step, token id, key J, details, proof} ------> |
 *     | <- {key M, sealed} ------------------------------------------ |
 *
 *   proof  = HMAC-SHA256(token's secret, request without the proof)
 *   sealed = AES-256-GCM(HKDF-SHA256(X25519(J, M), salt = token's secret, info = hash of request and M), answer)
 *
 *  - The token never travels. `proof` shows that its sender has it, and that nobody changed the request on its way.
 *  - Only one that has the token can make `sealed`: the joiner knows that the answer is from the cluster.
 *  - J and M are made for one exchange and one answer. A recorded exchange cannot be read, also not by one that gets the token
 *    later; a request that is sent again is answered for J, whose other half only the joiner has.
 *  - Each answer has a key of its own, because M is new: so a nonce is never used twice with one key.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';
import { SkeinError } from '../model/error.js';
import type { JoinToken } from './join-token.js';

/** Changes when the messages do, or what is in `details` and answers. */
export const JOIN_PROTOCOL = 2;

/** `check` changes nothing on either side; `join` uses the token up and makes the sender a member. */
export type JoinStep = 'check' | 'join';

/** As it travels. Keys and proof are base64url of 32 bytes. */
export interface JoinRequest {
  readonly protocol: number;
  readonly step: JoinStep;
  /** Id of the token. */
  readonly token: string;
  readonly key: string;
  /** JSON. Not secret, but proven. */
  readonly details: string;
  readonly proof: string;
}

export interface SealedAnswer {
  readonly key: string;
  /** base64url. */
  readonly sealed: string;
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';
/** What stands before the 32 bytes of a public key in DER (RFC 8410). */
const X25519_SPKI = Buffer.from('302a300506032b656e032100', 'hex');

/** One joiner: its key stays the same over all steps, so that the member knows it again. */
export class Joiner {
  readonly #token: JoinToken;
  readonly #pair = newPair();

  constructor(token: JoinToken) {
    this.#token = token;
  }

  request(step: JoinStep, details: object): JoinRequest {
    const unproven = {
      protocol: JOIN_PROTOCOL,
      step,
      token: this.#token.id,
      key: this.#pair.key,
      details: JSON.stringify(details),
    };
    return { ...unproven, proof: proofOf(unproven, this.#token.secret).toString('base64url') };
  }

  /** @throws SkeinError JOIN_ANSWER_INVALID when it was not made by one that has the token, for this request */
  open(request: JoinRequest, answer: SealedAnswer): unknown {
    try {
      const sealed = Buffer.from(answer.sealed, 'base64url');
      const shared = sharedSecret(this.#pair.privateKey, answer.key);
      const { key, nonce } = answerKey(shared, request, answer.key, this.#token.secret);
      const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      const text = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
      return JSON.parse(text.toString());
    } catch (error) {
      throw new SkeinError(
        'JOIN_ANSWER_INVALID',
        'The answer was not made by a member of the cluster that issued this token. Nothing of it was used.',
        { cause: error },
      );
    }
  }
}

/** Whether the request was made, as it is, by one that has the token. In constant time. */
export function isProven(request: JoinRequest, tokenSecret: Uint8Array): boolean {
  const proof = Buffer.from(request.proof, 'base64url');
  const expected = proofOf(request, tokenSecret);
  return proof.length === expected.length && timingSafeEqual(proof, expected);
}

/** Only for a proven request. @throws SkeinError JOIN_KEY_INVALID */
export function sealAnswer(request: JoinRequest, tokenSecret: Uint8Array, answer: object): SealedAnswer {
  const pair = newPair();
  let shared: Buffer;
  try {
    shared = sharedSecret(pair.privateKey, request.key);
  } catch (error) {
    throw new SkeinError('JOIN_KEY_INVALID', 'The key of the join request is not usable.', { cause: error });
  }
  const { key, nonce } = answerKey(shared, request, pair.key, tokenSecret);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  const text = Buffer.concat([cipher.update(JSON.stringify(answer)), cipher.final()]);
  return { key: pair.key, sealed: Buffer.concat([text, cipher.getAuthTag()]).toString('base64url') };
}

function newPair(): { privateKey: KeyObject; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES);
  return { privateKey, key: raw.toString('base64url') };
}

/** OpenSSL refuses a peer's key that would make the shared secret all zeros. */
function sharedSecret(privateKey: KeyObject, peer: string): Buffer {
  const der = Buffer.concat([X25519_SPKI, Buffer.from(peer, 'base64url')]);
  return diffieHellman({ privateKey, publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }) });
}

type Unproven = Omit<JoinRequest, 'proof'>;

/** The fields one after the other, each with its length before it, so that no two requests have the same text. */
function transcript({ protocol, step, token, key, details }: Unproven): Buffer {
  const parts = [String(protocol), step, token, key, details].map((part) => Buffer.from(part));
  return Buffer.concat(parts.flatMap((part) => [lengthOf(part), part]));
}

function lengthOf(part: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return length;
}

function proofOf(request: Unproven, tokenSecret: Uint8Array): Buffer {
  return createHmac('sha256', tokenSecret).update('skein join proof\0').update(transcript(request)).digest();
}

function answerKey(shared: Buffer, request: Unproven, memberKey: string, tokenSecret: Uint8Array) {
  const said = createHash('sha256').update(transcript(request)).update(memberKey).digest();
  const info = Buffer.concat([Buffer.from('skein join answer\0'), said]);
  const bytes = Buffer.from(hkdfSync('sha256', shared, tokenSecret, info, KEY_BYTES + NONCE_BYTES));
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) };
}
