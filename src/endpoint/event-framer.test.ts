import { describe, expect, it } from 'vitest';
import { HEADER_AT } from '../mysql-protocol/events.js';
import { EventFramer } from './event-framer.js';

function event(size: number, fill: number): Buffer {
  const bytes = Buffer.alloc(size, fill);
  bytes.writeUInt32LE(size, HEADER_AT.size);
  return bytes;
}

/** Takes packets apart as a replica does: sequence numbers checked, full packets joined. */
function unpack(bytes: Buffer, firstSequence: number): Buffer[] {
  const events: Buffer[] = [];
  let open: Buffer[] = [];
  let sequence = firstSequence;
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUIntLE(at, 3);
    expect(bytes[at + 3]).toBe(sequence);
    sequence = (sequence + 1) & 0xff;
    open.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
    if (length === 0xffffff) continue;
    const payload = Buffer.concat(open);
    open = [];
    expect(payload[0]).toBe(0);
    events.push(payload.subarray(1));
  }
  expect(open).toEqual([]);
  return events;
}

describe('framing', () => {
  it('gives back every event, whatever the pieces', () => {
    const events = [19, 20, 40, 16_383, 16_384, 70_000, 19, 500_000].map((size, i) => event(size, i + 1));
    const all = Buffer.concat(events);
    for (const piece of [1, 5, 18, 19, 20, 1000, 262_144, all.length]) {
      const framer = new EventFramer(1);
      const out: Buffer[] = [];
      for (let at = 0; at < all.length; at += piece) {
        framer.push(all.subarray(at, at + piece));
        // Taken now and then, so that buffers already handed out must stay as they are.
        if (at % 3 === 0) out.push(...framer.take());
      }
      out.push(...framer.take());
      const got = unpack(Buffer.concat(out), 1);
      expect(got.map(({ length }) => length)).toEqual(events.map(({ length }) => length));
      expect(got.every((bytes, i) => bytes.equals(events[i] as Buffer))).toBe(true);
      expect(framer.eventBytes).toBe(all.length);
    }
  });

  it('uses its room again once what was taken is said to have gone', () => {
    const framer = new EventFramer(1);
    const out: Buffer[] = [];
    const rooms = new Set<ArrayBufferLike>();
    const events = Array.from({ length: 3_000 }, (_, i) => event(20 + (i % 900), i & 0xff));
    for (const [i, one] of events.entries()) {
      framer.push(one.subarray(0, 10));
      if (i % 5 === 0) take();
      framer.push(one.subarray(10));
      if (i % 3 === 0) take();
    }
    take();
    const got = unpack(Buffer.concat(out), 1);
    expect(got.length).toBe(events.length);
    expect(got.every((bytes, i) => bytes.equals(events[i] as Buffer))).toBe(true);
    expect(rooms.size).toBe(1);

    function take() {
      for (const part of framer.take()) {
        rooms.add(part.buffer);
        out.push(Buffer.from(part));
      }
      framer.reuse();
    }
  });

  it.each([0xffffff - 2, 0xffffff - 1, 0xffffff, 2 * 0xffffff - 2, 2 * 0xffffff - 1, 2 * 0xffffff])(
    'splits an event of %i bytes as the protocol wants it',
    (size) => {
      const framer = new EventFramer(250);
      framer.push(event(size, 3));
      framer.push(event(30, 4));
      const got = unpack(Buffer.concat(framer.take()), 250);
      expect(got.map(({ length }) => length)).toEqual([size, 30]);
    },
  );
});
