import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frame, lenencBytes, MAX_FRAME_PAYLOAD, PacketReader, PacketSplitter } from './packet.js';

function split(chunks: readonly Buffer[]): Buffer[] {
  const splitter = new PacketSplitter();
  const packets: Buffer[] = [];
  for (const chunk of chunks) splitter.push(chunk, (payload) => packets.push(Buffer.from(payload)));
  return packets;
}

describe('PacketSplitter', () => {
  it('gives the same packets however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.nat(200), { maxLength: 12 }),
        (payloads, cuts) => {
          const stream = Buffer.concat(payloads.map((payload, i) => frame(Buffer.from(payload), i)));
          const places = [
            0,
            ...cuts.map((cut) => Math.min(cut, stream.length)).sort((a, b) => a - b),
            stream.length,
          ];
          const chunks = places.slice(1).map((place, i) => stream.subarray(places[i], place));
          expect(split(chunks)).toEqual(payloads.map((payload) => Buffer.from(payload)));
        },
      ),
    );
  });

  it.each([MAX_FRAME_PAYLOAD - 1, MAX_FRAME_PAYLOAD, MAX_FRAME_PAYLOAD + 1, 2 * MAX_FRAME_PAYLOAD])(
    'puts a packet of %i bytes together',
    (length) => {
      const payload = Buffer.alloc(length, 7);
      const bytes = frame(payload);
      const [whole, next] = split([
        bytes.subarray(0, 3),
        bytes.subarray(3, 1000),
        bytes.subarray(1000),
        frame(Buffer.from('x')),
      ]);
      expect(whole?.equals(payload)).toBe(true);
      expect(next?.toString()).toBe('x');
    },
  );
});

describe('PacketReader', () => {
  it('reads back every length', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), (value) => {
        expect(new PacketReader(lenencBytes(value)).lenenc()).toBe(value);
      }),
    );
    expect(new PacketReader(lenencBytes(2 ** 40)).lenenc()).toBe(2 ** 40);
  });

  it('never reads beyond its packet', () => {
    const short = Buffer.from([5, 1, 2]);
    expect(() => new PacketReader(short).lenencText()).toThrow(RangeError);
    expect(() => new PacketReader(short, 1).slice(3)).toThrow(RangeError);
    expect(() => new PacketReader(Buffer.from([0xfb])).lenenc()).toThrow(RangeError);
  });
});
