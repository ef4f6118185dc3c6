import { SkeinError } from '../model/error.js';
import { readU53, writeU53 } from './record.js';

/**
 * The frames between two nodes. No sockets here: bytes in, values out.
 *
 *   0  u32 length    of the payload alone, little endian like all numbers here
 *   4  u8  type      see FRAMES
 *   5  payload
 *
 * Frames of the data path are binary and never copied; control frames are JSON (messages.ts), because they are
 * few, and because an operator with a packet dump should be able to read why two nodes do not connect.
 */
export const FRAME_HEADER_SIZE = 5;

/**
 * Both ends must have the same version, or the handshake fails. Raised by one with every change that an older node would
 * misread.
 */
export const LINK_VERSION = 7;

/** Bytes of records in one RECORDS frame: the receiver keeps a whole frame in memory. */
export const RECORDS_BYTES_MAX = 16 * 1024 * 1024;
const RECORDS_HEAD_SIZE = 8;
const CONTROL_MAX = 64 * 1024;
const DOCUMENT_MAX = 1024 * 1024;
/** A chain of some twenty thousand epochs and changes of members. */
const CHAIN_MAX = 4 * 1024 * 1024;
/** Digests of some hundred thousand objects. */
const DEFINITIONS_MAX = 16 * 1024 * 1024;
/** Rows of one repair (REPAIR_BYTES_MAX), as JSON; names of a thousand tables. */
const VERIFY_MAX = 4 * 1024 * 1024;

/** Bytes of a snapshot in one frame: several times the size of a pipe's buffer, and little memory for each transfer. */
export const SEED_DATA_BYTES_MAX = 1024 * 1024;

export const NONCE_SIZE = 32;
const PROOF_SIZE = 32;
const MAGIC = Buffer.from('SKEIN', 'latin1');

/** The one list of frame types, each with its own limit. A number that was used once is never used for another. */
export const FRAMES = {
  /** dialer -> listener: magic, version, nonce. Does not identify the dialer. */
  hello: { type: 1, payloadMax: MAGIC.length + 1 + NONCE_SIZE },
  /** listener -> dialer: version, nonce, proofs. */
  challenge: { type: 2, payloadMax: 1 + NONCE_SIZE + 2 * PROOF_SIZE },
  /** dialer -> listener: proofs. */
  proof: { type: 3, payloadMax: 2 * PROOF_SIZE },
  /** dialer -> listener: its name and the end of its spool. */
  attach: { type: 4, payloadMax: CONTROL_MAX },
  /** listener -> dialer: epoch, chain, committed. */
  welcome: { type: 5, payloadMax: CHAIN_MAX },
  /** dialer -> listener: where its spool ends after it was cut to the chain; records may flow. */
  ready: { type: 6, payloadMax: CONTROL_MAX },
  /** both ways: a named reason, the last frame before the sender hangs up. */
  refuse: { type: 7, payloadMax: 4096 },
  /** dialer -> listener, instead of attach: asks for a snapshot of the listener's server. */
  seedRequest: { type: 8, payloadMax: CONTROL_MAX },
  /** donor -> receiver: the snapshot begins. */
  seedOffer: { type: 9, payloadMax: CONTROL_MAX },
  /** both ways. */
  heartbeat: { type: 16, payloadMax: CONTROL_MAX },
  /** primary -> replica: the status document of the cluster. */
  status: { type: 17, payloadMax: DOCUMENT_MAX },
  /**
   * primary -> replica: u53 number of a round; answered at once with an echo. On a connection for elections, the dialer sends it
   * and the listener sends it back.
   */
  probe: { type: 18, payloadMax: 8 },
  /** replica -> primary: u53 number of the round, u53 newest epoch that the replica knows. */
  echo: { type: 19, payloadMax: 16 },
  /**
   * primary -> replica: asks for the definitions of objects, once the replica has applied a transaction. replica -> primary: for
   * those that the primary has now.
   */
  definitionsQuery: { type: 20, payloadMax: CONTROL_MAX },
  /** both ways: the answer to that. */
  definitionsReply: { type: 21, payloadMax: DEFINITIONS_MAX },
  /** primary -> replica: a new list of members, as an entry of the chain. */
  list: { type: 22, payloadMax: CONTROL_MAX },
  /** replica -> primary: its log has reached this entry of the chain, which is on its disk. */
  adopted: { type: 23, payloadMax: CONTROL_MAX },
  /** primary -> replica: asks for the sums or rows of a range of a table at a position. See verify-messages.ts. */
  verifyAsk: { type: 50, payloadMax: VERIFY_MAX },
  /** replica -> primary: its answer to that. */
  verifyReply: { type: 51, payloadMax: DOCUMENT_MAX },
  /** primary -> replica: orders it to fill its server from another node, or to cancel that. */
  seedOrder: { type: 24, payloadMax: CONTROL_MAX },
  /** dialer -> listener, instead of attach: this connection carries messages about elections. */
  voter: { type: 25, payloadMax: 1024 },
  /** both ways: see model/election-messages.ts. */
  election: { type: 26, payloadMax: 4096 },
  /** primary -> replica: u53 committed ordinal, then whole records (record.ts). */
  records: { type: 32, payloadMax: RECORDS_HEAD_SIZE + RECORDS_BYTES_MAX },
  /** primary -> replica: u53 committed ordinal. */
  committed: { type: 33, payloadMax: 8 },
  /** replica -> primary: u53 received, durable, applied. */
  ack: { type: 34, payloadMax: 24 },
  /** donor -> receiver: bytes of the snapshot; none = the donor is still there. */
  seedData: { type: 40, payloadMax: SEED_DATA_BYTES_MAX },
  /** donor -> receiver: the snapshot is complete. */
  seedEnd: { type: 41, payloadMax: CONTROL_MAX },
} as const;

export type FrameName = keyof typeof FRAMES;

const NAMES = new Map<number, FrameName>(
  (Object.keys(FRAMES) as FrameName[]).map((name) => [FRAMES[name].type, name]),
);

/** The largest payload of any frame: a larger length is nonsense whatever the type says. */
export const PAYLOAD_MAX = Math.max(...Object.values(FRAMES).map((frame) => frame.payloadMax));

export function frameName(type: number): FrameName | null {
  return NAMES.get(type) ?? null;
}

/** The bytes end before the frame does. */
export function truncated(what: string, data: Record<string, unknown> = {}): SkeinError {
  return new SkeinError('FRAME_TRUNCATED', `The bytes end in the middle of ${what}.`, { data });
}

export function unknownType(type: number): SkeinError {
  return new SkeinError(
    'FRAME_UNKNOWN',
    `Frame type ${type} is not known to version ${LINK_VERSION} of the link.`,
    { data: { type } },
  );
}

export function tooLarge(what: string, size: number, sizeMax: number): SkeinError {
  return new SkeinError('FRAME_TOO_LARGE', `${what} has ${size} bytes; ${sizeMax} are the limit.`, {
    data: { size, sizeMax },
  });
}

/** The frame is complete and of a known type, but its content is impossible. */
export function invalidFrame(what: string, cause?: unknown): SkeinError {
  return new SkeinError('FRAME_INVALID', what, { cause });
}

/** The frame's type is known, but not allowed at this point of the conversation or in this direction. */
export function unexpectedFrame(name: FrameName): SkeinError {
  return new SkeinError('FRAME_UNEXPECTED', `A ${name} frame is not expected here.`, { data: { name } });
}

/**
 * A frame with room for `payloadSize` bytes behind the header, header written.
 * @throws SkeinError FRAME_TOO_LARGE
 */
export function allocateFrame(name: FrameName, payloadSize: number): Buffer {
  const { type, payloadMax } = FRAMES[name];
  if (payloadSize > payloadMax) throw tooLarge(`A ${name} frame`, payloadSize, payloadMax);
  const frame = Buffer.allocUnsafe(FRAME_HEADER_SIZE + payloadSize);
  frame.writeUInt32LE(payloadSize, 0);
  frame[4] = type;
  return frame;
}

function fixed(name: FrameName, payload: Buffer, size: number): Buffer {
  if (payload.length < size) throw truncated(`a ${name} frame`, { size: payload.length });
  if (payload.length > size) throw tooLarge(`A ${name} frame`, payload.length, size);
  return payload;
}

function ordinalAt(name: FrameName, payload: Buffer, offset: number): number {
  const value = readU53(payload, offset);
  if (!Number.isSafeInteger(value)) throw invalidFrame(`A ${name} frame holds an impossible ordinal.`);
  return value;
}

// ---- handshake -------------------------------------------------------------------------------------------------

export interface Hello {
  version: number;
  nonce: Buffer;
}

export function encodeHello(hello: Hello): Buffer {
  const frame = allocateFrame('hello', FRAMES.hello.payloadMax);
  MAGIC.copy(frame, FRAME_HEADER_SIZE);
  frame[FRAME_HEADER_SIZE + MAGIC.length] = hello.version;
  hello.nonce.copy(frame, FRAME_HEADER_SIZE + MAGIC.length + 1);
  return frame;
}

/** Magic and version come first in every version to come, so that a mismatch can always be named. */
export function decodeHello(payload: Buffer): Hello {
  fixed('hello', payload, FRAMES.hello.payloadMax);
  if (!payload.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw invalidFrame('A hello frame does not begin as one of Skein.');
  }
  return { version: payload[MAGIC.length] ?? 0, nonce: payload.subarray(MAGIC.length + 1) };
}

/** `secret` proves the secret alone, `cluster` the secret and the cluster's name: two clusters can be told apart. */
export interface Proofs {
  secret: Buffer;
  cluster: Buffer;
}

export interface Challenge {
  version: number;
  nonce: Buffer;
  proofs: Proofs;
}

export function encodeChallenge(challenge: Challenge): Buffer {
  const frame = allocateFrame('challenge', FRAMES.challenge.payloadMax);
  let at = FRAME_HEADER_SIZE;
  frame[at++] = challenge.version;
  at += challenge.nonce.copy(frame, at);
  at += challenge.proofs.secret.copy(frame, at);
  challenge.proofs.cluster.copy(frame, at);
  return frame;
}

export function decodeChallenge(payload: Buffer): Challenge {
  fixed('challenge', payload, FRAMES.challenge.payloadMax);
  return {
    version: payload[0] ?? 0,
    nonce: payload.subarray(1, 1 + NONCE_SIZE),
    proofs: proofsAt(payload, 1 + NONCE_SIZE),
  };
}

export function encodeProof(proofs: Proofs): Buffer {
  const frame = allocateFrame('proof', FRAMES.proof.payloadMax);
  proofs.secret.copy(frame, FRAME_HEADER_SIZE);
  proofs.cluster.copy(frame, FRAME_HEADER_SIZE + PROOF_SIZE);
  return frame;
}

export function decodeProof(payload: Buffer): Proofs {
  return proofsAt(fixed('proof', payload, FRAMES.proof.payloadMax), 0);
}

function proofsAt(payload: Buffer, offset: number): Proofs {
  return {
    secret: payload.subarray(offset, offset + PROOF_SIZE),
    cluster: payload.subarray(offset + PROOF_SIZE, offset + 2 * PROOF_SIZE),
  };
}

// ---- whether a replica follows ---------------------------------------------------------------------------------

export function encodeProbe(round: number): Buffer {
  const frame = allocateFrame('probe', 8);
  writeU53(frame, round, FRAME_HEADER_SIZE);
  return frame;
}

export function decodeProbe(payload: Buffer): number {
  return ordinalAt('probe', fixed('probe', payload, 8), 0);
}

/** `epoch`: a replica that knows a newer one than the primary's does not follow it any more (rules H1, H3). */
export interface Echo {
  round: number;
  epoch: number;
}

export function encodeEcho(echo: Echo): Buffer {
  const frame = allocateFrame('echo', 16);
  writeU53(frame, echo.round, FRAME_HEADER_SIZE);
  writeU53(frame, echo.epoch, FRAME_HEADER_SIZE + 8);
  return frame;
}

export function decodeEcho(payload: Buffer): Echo {
  fixed('echo', payload, 16);
  return { round: ordinalAt('echo', payload, 0), epoch: ordinalAt('echo', payload, 8) };
}

// ---- the data path ---------------------------------------------------------------------------------------------

/**
 * The head before `recordBytes` bytes of records on the wire. The records follow in a write of their own, so that one batch
 * is shared by all replicas.
 * @throws SkeinError FRAME_TOO_LARGE
 */
export function encodeRecordsHead(committedOrdinal: number, recordBytes: number): Buffer {
  const size = RECORDS_HEAD_SIZE + recordBytes;
  if (size > FRAMES.records.payloadMax) throw tooLarge('A batch of records', recordBytes, RECORDS_BYTES_MAX);
  const head = Buffer.allocUnsafe(FRAME_HEADER_SIZE + RECORDS_HEAD_SIZE);
  head.writeUInt32LE(size, 0);
  head[4] = FRAMES.records.type;
  writeU53(head, committedOrdinal, FRAME_HEADER_SIZE);
  return head;
}

/** Slices, copies nothing. */
export function decodeRecords(payload: Buffer): { committedOrdinal: number; bytes: Buffer } {
  if (payload.length < RECORDS_HEAD_SIZE) throw truncated('a records frame', { size: payload.length });
  return { committedOrdinal: ordinalAt('records', payload, 0), bytes: payload.subarray(RECORDS_HEAD_SIZE) };
}

export function encodeCommitted(ordinal: number): Buffer {
  const frame = allocateFrame('committed', 8);
  writeU53(frame, ordinal, FRAME_HEADER_SIZE);
  return frame;
}

export function decodeCommitted(payload: Buffer): number {
  return ordinalAt('committed', fixed('committed', payload, 8), 0);
}

/** Ordinals: in memory of the replica's node, fsynced in its spool, executed by its server. */
export interface Ack {
  received: number;
  durable: number;
  applied: number;
}

export function encodeAck(ack: Ack): Buffer {
  const frame = allocateFrame('ack', 24);
  writeU53(frame, ack.received, FRAME_HEADER_SIZE);
  writeU53(frame, ack.durable, FRAME_HEADER_SIZE + 8);
  writeU53(frame, ack.applied, FRAME_HEADER_SIZE + 16);
  return frame;
}

/** Refuses an impossible acknowledgement, which would count in a quorum: durable before it was received. */
export function decodeAck(payload: Buffer): Ack {
  fixed('ack', payload, 24);
  const ack = {
    received: ordinalAt('ack', payload, 0),
    durable: ordinalAt('ack', payload, 8),
    applied: ordinalAt('ack', payload, 16),
  };
  if (ack.durable > ack.received) {
    throw invalidFrame(`An ack says durable ${ack.durable} but received only ${ack.received}.`);
  }
  return ack;
}

// ---- a snapshot ------------------------------------------------------------------------------------------------

/** The head before `size` bytes of a snapshot, which follow in a write of their own. @throws SkeinError FRAME_TOO_LARGE */
export function encodeSeedDataHead(size: number): Buffer {
  if (size > SEED_DATA_BYTES_MAX) throw tooLarge('A piece of a snapshot', size, SEED_DATA_BYTES_MAX);
  const head = Buffer.allocUnsafe(FRAME_HEADER_SIZE);
  head.writeUInt32LE(size, 0);
  head[4] = FRAMES.seedData.type;
  return head;
}
