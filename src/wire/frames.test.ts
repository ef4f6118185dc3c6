import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSkeinError } from '../model/error.js';
import { decodeElection, decodeVoter } from './election-messages.js';
import {
  decodeAck,
  decodeChallenge,
  decodeCommitted,
  decodeEcho,
  decodeHello,
  decodeProbe,
  decodeProof,
  decodeRecords,
  encodeAck,
  encodeChallenge,
  encodeCommitted,
  encodeEcho,
  encodeHello,
  encodeProbe,
  encodeProof,
  encodeRecordsHead,
  encodeSeedDataHead,
  FRAME_HEADER_SIZE,
  FRAMES,
  type FrameName,
  RECORDS_BYTES_MAX,
  SEED_DATA_BYTES_MAX,
} from './frames.js';
import {
  decodeAdopted,
  decodeAttach,
  decodeDefinitionsQuery,
  decodeDefinitionsReply,
  decodeHeartbeat,
  decodeList,
  decodeReady,
  decodeRefuse,
  decodeSeedEnd,
  decodeSeedOffer,
  decodeSeedOrder,
  decodeSeedRequest,
  decodeStatus,
  decodeWelcome,
  encodeRefuse,
} from './messages.js';
import { decodeVerifyAsk, decodeVerifyReply } from './verify-messages.js';

const fill = (byte: number) => Buffer.alloc(32, byte);
const proofs = { secret: fill(0x33), cluster: fill(0x44) };
const r = (hex: string, times: number) => hex.repeat(times);

/** Payload of what an encoder gave, by the length that it wrote. */
function payloadOf(frame: Buffer): Buffer {
  expect(frame.readUInt32LE(0)).toBe(frame.length - FRAME_HEADER_SIZE);
  return frame.subarray(FRAME_HEADER_SIZE);
}

describe('golden bytes', () => {
  test('hello', () => {
    const frame = encodeHello({ version: 1, nonce: fill(0x11) });
    expect(frame.toString('hex')).toBe(`26000000 01 534b45494e 01 ${r('11', 32)}`.replaceAll(' ', ''));
    expect(decodeHello(payloadOf(frame))).toEqual({ version: 1, nonce: fill(0x11) });
  });

  test('challenge', () => {
    const frame = encodeChallenge({ version: 1, nonce: fill(0x22), proofs });
    expect(frame.toString('hex')).toBe(
      `61000000 02 01 ${r('22', 32)} ${r('33', 32)} ${r('44', 32)}`.replaceAll(' ', ''),
    );
    expect(decodeChallenge(payloadOf(frame))).toEqual({ version: 1, nonce: fill(0x22), proofs });
  });

  test('probe and echo', () => {
    const probe = encodeProbe(7);
    expect(probe.toString('hex')).toBe('08000000 12 0700000000000000'.replaceAll(' ', ''));
    expect(decodeProbe(payloadOf(probe))).toBe(7);
    const echo = encodeEcho({ round: 7, epoch: 3 });
    expect(echo.toString('hex')).toBe('10000000 13 0700000000000000 0300000000000000'.replaceAll(' ', ''));
    expect(decodeEcho(payloadOf(echo))).toEqual({ round: 7, epoch: 3 });
  });

  test('proof', () => {
    const frame = encodeProof(proofs);
    expect(frame.toString('hex')).toBe(`40000000 03 ${r('33', 32)} ${r('44', 32)}`.replaceAll(' ', ''));
    expect(decodeProof(payloadOf(frame))).toEqual(proofs);
  });

  test('records: the head counts the records that follow it', () => {
    const head = encodeRecordsHead(2 ** 32 + 7, 3);
    expect(head.toString('hex')).toBe('0b000000 20 0700000001000000'.replaceAll(' ', ''));
    const payload = Buffer.concat([head.subarray(FRAME_HEADER_SIZE), Buffer.from('abc')]);
    expect(decodeRecords(payload)).toEqual({ committedOrdinal: 2 ** 32 + 7, bytes: Buffer.from('abc') });
    expect(decodeRecords(payload).bytes.buffer).toBe(payload.buffer);
  });

  test('committed', () => {
    const frame = encodeCommitted(Number.MAX_SAFE_INTEGER);
    expect(frame.toString('hex')).toBe('08000000 21 ffffffffffff1f00'.replaceAll(' ', ''));
    expect(decodeCommitted(payloadOf(frame))).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('ack', () => {
    const ack = { received: 3, durable: 2, applied: 1 };
    const frame = encodeAck(ack);
    expect(frame.toString('hex')).toBe(
      '18000000 22 0300000000000000 0200000000000000 0100000000000000'.replaceAll(' ', ''),
    );
    expect(decodeAck(payloadOf(frame))).toEqual(ack);
  });

  test('refuse, as an example of the JSON frames', () => {
    const frame = encodeRefuse({ code: 'NOT_PRIMARY', message: 'n2 is a replica' });
    expect(frame.toString('latin1')).toBe('\x32\0\0\0\x07{"code":"NOT_PRIMARY","message":"n2 is a replica"}');
    expect(decodeRefuse(payloadOf(frame))).toEqual({ code: 'NOT_PRIMARY', message: 'n2 is a replica' });
  });

  test('a piece of a snapshot', () => {
    expect(encodeSeedDataHead(3).toString('hex')).toBe('03000000 28'.replaceAll(' ', ''));
    expect(codeOf(() => encodeSeedDataHead(SEED_DATA_BYTES_MAX + 1))).toBe('FRAME_TOO_LARGE');
  });

  test('no type number is used twice', () => {
    const types = Object.values(FRAMES).map((frame) => frame.type);
    expect(new Set(types).size).toBe(types.length);
  });
});

const DECODERS: Record<FrameName, (payload: Buffer) => unknown> = {
  hello: decodeHello,
  challenge: decodeChallenge,
  proof: decodeProof,
  attach: decodeAttach,
  welcome: decodeWelcome,
  ready: decodeReady,
  refuse: decodeRefuse,
  heartbeat: decodeHeartbeat,
  status: decodeStatus,
  records: decodeRecords,
  committed: decodeCommitted,
  ack: decodeAck,
  probe: decodeProbe,
  echo: decodeEcho,
  definitionsQuery: decodeDefinitionsQuery,
  definitionsReply: decodeDefinitionsReply,
  list: decodeList,
  adopted: decodeAdopted,
  verifyAsk: decodeVerifyAsk,
  verifyReply: decodeVerifyReply,
  seedRequest: decodeSeedRequest,
  seedOffer: decodeSeedOffer,
  seedEnd: decodeSeedEnd,
  seedOrder: decodeSeedOrder,
  voter: decodeVoter,
  election: decodeElection,
  // Bytes as they are.
  seedData: (payload) => payload,
};

function codeOf(action: () => unknown): string {
  try {
    action();
    return 'none';
  } catch (error) {
    if (isSkeinError(error)) return error.code;
    throw error;
  }
}

describe('bad bytes', () => {
  const fixedSize = ['hello', 'challenge', 'proof', 'committed', 'ack'] as const;
  test.each(fixedSize)('%s: too short and too long are told apart', (name) => {
    const size = FRAMES[name].payloadMax;
    expect(codeOf(() => DECODERS[name](Buffer.alloc(size - 1)))).toBe('FRAME_TRUNCATED');
    expect(codeOf(() => DECODERS[name](Buffer.alloc(size + 1)))).toBe('FRAME_TOO_LARGE');
  });

  test('an ordinal beyond 2^53, an ack that is durable before it was received', () => {
    expect(codeOf(() => decodeCommitted(Buffer.alloc(8, 0xff)))).toBe('FRAME_INVALID');
    const ack = payloadOf(encodeAck({ received: 1, durable: 2, applied: 0 }));
    expect(codeOf(() => decodeAck(ack))).toBe('FRAME_INVALID');
  });

  test('a batch over the limit is not even begun', () => {
    expect(codeOf(() => encodeRecordsHead(0, RECORDS_BYTES_MAX))).toBe('none');
    expect(codeOf(() => encodeRecordsHead(0, RECORDS_BYTES_MAX + 1))).toBe('FRAME_TOO_LARGE');
  });

  test('JSON frames: not JSON, of a wrong shape, over the limit; the peer’s bytes are not repeated', () => {
    expect(codeOf(() => decodeHeartbeat(Buffer.from('{')))).toBe('FRAME_INVALID');
    expect(codeOf(() => decodeHeartbeat(Buffer.from('null')))).toBe('FRAME_INVALID');
    expect(codeOf(() => decodeHeartbeat(Buffer.alloc(64 * 1024 + 1, 0x20)))).toBe('FRAME_TOO_LARGE');
    const evil = Buffer.from('{"code":"evil\\nlog line","message":""}');
    expect(() => decodeRefuse(evil)).toThrow(/^((?!evil).)*$/);
  });

  test.each(Object.keys(DECODERS) as FrameName[])(
    '%s: random bytes give a value or a named error',
    (name) => {
      const named = ['none', 'FRAME_TRUNCATED', 'FRAME_TOO_LARGE', 'FRAME_INVALID'];
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
          expect(named).toContain(codeOf(() => DECODERS[name](Buffer.from(bytes))));
        }),
      );
    },
  );

  test.each([
    'attach',
    'welcome',
    'ready',
    'refuse',
    'heartbeat',
    'status',
    'definitionsQuery',
    'definitionsReply',
    'list',
    'adopted',
    'seedRequest',
    'seedOffer',
    'seedEnd',
    'seedOrder',
    'voter',
    'election',
  ] as const)('%s: any JSON gives a value or FRAME_INVALID', (name) => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), (json) => {
        expect(['none', 'FRAME_INVALID']).toContain(codeOf(() => DECODERS[name](Buffer.from(json))));
      }),
    );
  });
});
