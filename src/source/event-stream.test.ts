import { describe, expect, it } from 'vitest';
import { EVENT_HEADER_SIZE, HEADER_AT } from '../mysql-protocol/events.js';
import { encodeErr } from '../mysql-protocol/packets.js';
import { type EventSink, EventStream } from './event-stream.js';

/** Records the events that it gets. The pieces of a large event are joined. */
class Collector implements EventSink {
  events: { bytes: Buffer; wantsAck: boolean; large: boolean }[] = [];
  errors: number[] = [];
  #parts: Buffer[] = [];
  #wantsAck = false;

  event(event: Buffer, wantsAck: boolean): void {
    this.events.push({ bytes: Buffer.from(event), wantsAck, large: false });
  }
  largeEvent(_head: Buffer, wantsAck: boolean): void {
    this.#parts = [];
    this.#wantsAck = wantsAck;
  }
  largeEventPart(bytes: Buffer): void {
    this.#parts.push(Buffer.from(bytes));
  }
  largeEventEnd(): void {
    this.events.push({ bytes: Buffer.concat(this.#parts), wantsAck: this.#wantsAck, large: true });
  }
  ended(error: { errno: number }): void {
    this.errors.push(error.errno);
  }
}

function event(size: number, fill: number): Buffer {
  const bytes = Buffer.alloc(size, fill);
  bytes.writeUInt32LE(size, HEADER_AT.size);
  return bytes;
}

/** The packets that a server sends: status byte, semi-sync bytes if requested, split at 16 MiB - 1. */
function packets(bytes: Buffer, options: { semiSync: boolean; wantsAck?: boolean }): Buffer {
  const prefix = options.semiSync ? [0, 0xef, options.wantsAck ? 1 : 0] : [0];
  const payload = Buffer.concat([Buffer.from(prefix), bytes]);
  const out: Buffer[] = [];
  for (let at = 0; ; at += 0xffffff) {
    const piece = payload.subarray(at, at + 0xffffff);
    const head = Buffer.alloc(4);
    head.writeUIntLE(piece.length, 0, 3);
    out.push(head, piece);
    if (piece.length < 0xffffff) return Buffer.concat(out);
  }
}

function collect(stream: Buffer, semiSync: boolean, chunkSize: (i: number) => number): Collector {
  const sink = new Collector();
  const reader = new EventStream({ semiSync }, sink);
  for (let at = 0, i = 0; at < stream.length; i++) {
    const size = chunkSize(i);
    reader.push(stream.subarray(at, at + size));
    at += size;
  }
  return sink;
}

describe.each([true, false])('semi-sync %s', (semiSync) => {
  it('finds every event for any split into chunks', () => {
    const sizes = [EVENT_HEADER_SIZE, 31, 200, 65_000, 65_536, 65_537, 300_000, 40];
    const events = sizes.map((size, i) => event(size, i + 1));
    const stream = Buffer.concat(
      events.map((bytes, i) => packets(bytes, { semiSync, wantsAck: i % 2 === 0 })),
    );
    for (const chunk of [1, 2, 3, 5, 7, 64, 1000, 65_536, stream.length]) {
      const sink = collect(stream, semiSync, (i) => (chunk < 10 && i > 3000 ? 4096 : chunk));
      expect(sink.events.map(({ bytes }) => bytes.length)).toEqual(sizes);
      expect(sink.events.every(({ bytes }, i) => bytes.equals(events[i] as Buffer))).toBe(true);
      if (semiSync)
        expect(sink.events.map(({ wantsAck }) => wantsAck)).toEqual(sizes.map((_, i) => i % 2 === 0));
    }
  });

  it.each([
    0xffffff - 4,
    0xffffff - 3,
    0xffffff - 2,
    0xffffff - 1,
    0xffffff,
    2 * 0xffffff - 3,
    2 * 0xffffff - 1,
  ])('passes an event of %i bytes, around the limit of a packet', (size) => {
    const large = event(size, 7);
    const stream = Buffer.concat([
      packets(large, { semiSync, wantsAck: true }),
      packets(event(40, 8), { semiSync }),
    ]);
    const sink = collect(stream, semiSync, () => 100_003);
    expect(sink.events.map(({ bytes }) => bytes.length)).toEqual([size, 40]);
    expect(sink.events[0]?.bytes.equals(large)).toBe(true);
    expect(sink.events[0]?.large).toBe(true);
  });
});

it("passes on the server's error", () => {
  const payload = encodeErr({ errno: 1236, sqlState: 'HY000', message: 'purged' });
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  const sink = collect(Buffer.concat([head, payload]), true, () => 3);
  expect(sink.errors).toEqual([1236]);
});
