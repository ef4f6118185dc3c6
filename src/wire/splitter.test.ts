import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSkeinError } from '../model/error.js';
import { encodeAck, encodeCommitted, encodeRecordsHead, FRAMES, type FrameName } from './frames.js';
import { FrameSplitter } from './splitter.js';

const ALL = Object.keys(FRAMES) as FrameName[];

function collect(accepted: readonly FrameName[] = ALL) {
  const frames: { name: FrameName; payload: Buffer }[] = [];
  const splitter = new FrameSplitter(accepted, (name, payload) => frames.push({ name, payload }));
  return { frames, splitter };
}

const records = (text: string): Buffer =>
  Buffer.concat([encodeRecordsHead(1, text.length), Buffer.from(text)]);

function codeOf(action: () => void): string {
  try {
    action();
    return 'none';
  } catch (error) {
    if (isSkeinError(error)) return error.code;
    throw error;
  }
}

test('frames within one chunk are copies: the chunk may be read into again', () => {
  const chunk = Buffer.concat([
    encodeCommitted(5),
    records('abc'),
    encodeAck({ received: 1, durable: 1, applied: 1 }),
  ]);
  const { frames, splitter } = collect();
  splitter.push(chunk);
  expect(frames.map((frame) => frame.name)).toEqual(['committed', 'records', 'ack']);
  const before = frames.map(({ payload }) => payload.toString('hex'));
  chunk.fill(0xee);
  splitter.push(Buffer.from(records('def')));
  expect(frames.slice(0, 3).map(({ payload }) => payload.toString('hex'))).toEqual(before);
  expect(before[1]).toContain(Buffer.from('abc').toString('hex'));
  splitter.end();
});

test('any frames, cut into any chunks, come out the same, and are the receiver’s to keep', () => {
  const frame = fc.oneof(
    fc.string({ maxLength: 300 }).map((text) => records(text)),
    fc.nat().map((ordinal) => encodeCommitted(ordinal)),
  );
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), sizes, (sent, cuts) => {
      const bytes = Buffer.concat(sent);
      const { frames, splitter } = collect();
      let at = 0;
      for (let i = 0; at < bytes.length; i++) {
        const size = cuts[i % cuts.length] as number;
        splitter.push(Buffer.from(bytes.subarray(at, at + size)));
        at += size;
      }
      splitter.end();
      expect(frames.map(({ payload }) => payload.toString('hex'))).toEqual(
        sent.map((one) => one.subarray(5).toString('hex')),
      );
    }),
  );
});

describe('three different errors', () => {
  test('a stream that ends within a header or a payload: FRAME_TRUNCATED', () => {
    for (const keep of [1, 4, 5, 12]) {
      const { splitter } = collect();
      splitter.push(encodeCommitted(1).subarray(0, keep));
      expect(codeOf(() => splitter.end())).toBe('FRAME_TRUNCATED');
    }
  });

  test('a type that nobody knows: FRAME_UNKNOWN', () => {
    expect(codeOf(() => collect().splitter.push(Buffer.from('0100000063ff', 'hex')))).toBe('FRAME_UNKNOWN');
  });

  test('4 GB, as soon as the length is there: FRAME_TOO_LARGE', () => {
    expect(codeOf(() => collect().splitter.push(Buffer.from('ffffffff', 'hex')))).toBe('FRAME_TOO_LARGE');
    expect(codeOf(() => collect().splitter.push(Buffer.from('ffffffff20', 'hex')))).toBe('FRAME_TOO_LARGE');
    const { splitter } = collect();
    splitter.push(Buffer.from('ffffff', 'hex'));
    expect(codeOf(() => splitter.push(Buffer.from('ff', 'hex')))).toBe('FRAME_TOO_LARGE');
  });

  test('over the limit of its own type, before anything is allocated for it', () => {
    const header = Buffer.from('0000000021', 'hex');
    header.writeUInt32LE(FRAMES.committed.payloadMax + 1, 0);
    expect(codeOf(() => collect().splitter.push(header))).toBe('FRAME_TOO_LARGE');
  });
});

test('what was not announced is refused at its header: an unauthenticated peer cannot make us allocate 16 MiB', () => {
  const { splitter } = collect(['hello']);
  expect(codeOf(() => splitter.push(encodeRecordsHead(0, 16_000_000)))).toBe('FRAME_UNEXPECTED');
});

test('accept and stop count from the next frame on, also in the middle of a chunk', () => {
  const seen: FrameName[] = [];
  const splitter: FrameSplitter = new FrameSplitter(['committed'], (name) => {
    seen.push(name);
    splitter.accept(['ack']);
    if (name === 'ack') splitter.stop();
  });
  const ack = encodeAck({ received: 1, durable: 1, applied: 1 });
  splitter.push(Buffer.concat([encodeCommitted(1), ack, ack]));
  expect(seen).toEqual(['committed', 'ack']);
  splitter.end();
});

test('random bytes in random chunks: frames or a named error, never anything else', () => {
  const named = ['none', 'FRAME_TRUNCATED', 'FRAME_UNKNOWN', 'FRAME_TOO_LARGE'];
  // Small lengths are made likely: else hardly any example came past the first header.
  const chunk = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .tuple(fc.nat(40), fc.constantFrom(...ALL))
      .map(([size, name]) => Buffer.from([size, 0, 0, 0, FRAMES[name].type])),
  );
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 10 }), (chunks) => {
      const { splitter } = collect();
      const code = codeOf(() => {
        for (const bytes of chunks) splitter.push(Buffer.from(bytes));
        splitter.end();
      });
      expect(named).toContain(code);
    }),
    { numRuns: 500 },
  );
});
