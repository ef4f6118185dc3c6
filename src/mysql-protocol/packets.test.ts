import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lenencSize, PacketReader, writeLenenc } from './packet-reader.js';
import { PACKET_PAYLOAD_MAX, PacketSplitter, packet } from './packets.js';

/** Each chunk is written over once `next` gave null: what the splitter keeps has to be its own. */
function split(chunks: readonly Buffer[], splitter = new PacketSplitter({ payloadMaxBytes: 2 ** 30 })) {
  const packets: Buffer[] = [];
  for (const chunk of chunks) {
    const reused = Buffer.from(chunk);
    splitter.push(reused);
    for (let payload = splitter.next(); payload; payload = splitter.next())
      packets.push(Buffer.from(payload));
    reused.fill(0xee);
  }
  return packets;
}

function cut(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((place) => Math.min(place, stream.length)), stream.length];
  places.sort((a, b) => a - b);
  return places.slice(1).map((place, i) => stream.subarray(places[i], place));
}

describe('PacketSplitter', () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  const cuts = fc.array(fc.nat(200), { maxLength: 12 });

  it('gives the same packets however the stream is cut', () => {
    fc.assert(
      fc.property(payloads, cuts, (all, places) => {
        const stream = Buffer.concat(all.map((payload, i) => packet(i, payload)));
        const splitter = new PacketSplitter();
        expect(split(cut(stream, places), splitter)).toEqual(all.map((payload) => Buffer.from(payload)));
        if (all.length > 0) expect(splitter.sequence).toBe(all.length - 1);
        expect(splitter.takeRest().length).toBe(0);
      }),
    );
  });

  it('gives the rest of the stream to who reads on without it, wherever it stopped', () => {
    fc.assert(
      fc.property(payloads, cuts, fc.nat(8), fc.uint8Array({ maxLength: 3 }), (all, places, taken, tail) => {
        const stream = Buffer.concat([...all.map((payload) => packet(0, payload)), tail]);
        const splitter = new PacketSplitter();
        let left = Math.min(taken, all.length);
        const seen: Buffer[] = [];
        let rest: Buffer | null = left === 0 ? Buffer.alloc(0) : null;
        for (const chunk of cut(stream, places)) {
          if (rest !== null) {
            rest = Buffer.concat([rest, chunk]);
            continue;
          }
          splitter.push(chunk);
          while (left > 0) {
            const payload = splitter.next();
            if (payload === null) break;
            seen.push(packet(0, payload));
            if (--left === 0) rest = splitter.takeRest();
          }
        }
        expect(Buffer.concat([...seen, rest ?? Buffer.alloc(0)]).equals(stream)).toBe(true);
      }),
    );
  });

  it.each([PACKET_PAYLOAD_MAX - 1, PACKET_PAYLOAD_MAX, PACKET_PAYLOAD_MAX + 1, 2 * PACKET_PAYLOAD_MAX])(
    'puts a payload of %i bytes together',
    (length) => {
      const payload = Buffer.alloc(length, 7);
      const bytes = packet(0, payload);
      const [whole, next] = split([
        bytes.subarray(0, 3),
        bytes.subarray(3, 1000),
        bytes.subarray(1000),
        packet(0, Buffer.from('x')),
      ]);
      expect(whole?.equals(payload)).toBe(true);
      expect(next?.toString()).toBe('x');
    },
  );

  it('refuses what is longer than it may be by its header alone, in one packet and in several', () => {
    const tooLarge = expect.objectContaining({ code: 'PACKET_TOO_LARGE' });
    expect(() => split([Buffer.from([0xff, 0xff, 0x7f, 0])], new PacketSplitter())).toThrow(tooLarge);
    // The header comes in pieces.
    expect(() => split([Buffer.from([0xff]), Buffer.from([0xff, 0x7f, 0])], new PacketSplitter())).toThrow(
      tooLarge,
    );
    const full = packet(0, Buffer.alloc(PACKET_PAYLOAD_MAX, 1)).subarray(0, PACKET_PAYLOAD_MAX + 4);
    const limited = new PacketSplitter({ payloadMaxBytes: PACKET_PAYLOAD_MAX + 1 });
    expect(() => split([full, Buffer.from([2, 0, 0, 1])], limited)).toThrow(tooLarge);
  });
});

describe('PacketReader', () => {
  it('reads back every length', () => {
    const bytes = Buffer.alloc(12, 0xee);
    const check = (value: number) => {
      expect(writeLenenc(bytes, 1, value)).toBe(1 + lenencSize(value));
      expect(new PacketReader(bytes, 1).lenenc()).toBe(value);
    };
    fc.assert(fc.property(fc.nat(2 ** 31 - 1), check));
    for (const value of [0, 0xfa, 0xfb, 0xff, 0x100, 0xffff, 0x10000, 0xffffff, 0x1000000, 2 ** 40])
      check(value);
  });

  it('never reads beyond its packet', () => {
    const short = Buffer.from([5, 1, 2]);
    expect(() => new PacketReader(short).lenencText()).toThrow(RangeError);
    expect(() => new PacketReader(short, 1).slice(3)).toThrow(RangeError);
    expect(() => new PacketReader(Buffer.from([0xfb])).lenenc()).toThrow(RangeError);
  });
});
