import { createConnection, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { until } from '../../test/kit/until.js';
import { SkeinError } from '../model/error.js';
import { encodeRecordsHead } from '../wire/frames.js';
import { Channel } from './channel.js';
import { ReadBuffer } from './read-buffer.js';

const holder = { frame: () => {}, closed: () => {} };

async function pair(
  reads: ReadBuffer,
): Promise<{ writer: Socket; reader: Socket; close: () => Promise<void> }> {
  let writer: Socket | null = null;
  const server = createServer((socket) => {
    writer = socket;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const reader = createConnection({ host: '127.0.0.1', port, onread: reads.onread });
  await until('connected', () => writer !== null && !reader.connecting);
  const close = async () => {
    reader.destroy();
    writer?.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { writer: writer as unknown as Socket, reader, close };
}

test('frames of all sizes arrive as they were written, while the reader stops now and then', async () => {
  const reads = new ReadBuffer();
  const { writer, reader, close } = await pair(reads);
  const got: Buffer[] = [];
  const received = new Channel(
    reader,
    ['records'],
    { ...holder, frame: (_name, payload) => got.push(payload) },
    { reads },
  );
  const sending = new Channel(writer, [], holder);
  const sent: Buffer[] = [];
  let blocked = 0;
  for (let turn = 0; turn < 400; turn++) {
    if (turn % 200 === 0) received.pause();
    if (turn % 200 === 150) received.resume();
    for (let frame = 0; frame <= turn % 3; frame++) {
      const size = [10, 700, 5_000, 16 * 1024, 16 * 1024 + 1, 300_000][(turn * 7 + frame) % 6] as number;
      const bytes = Buffer.alloc(size, sent.length & 0xff);
      bytes.writeUInt32LE(sent.length, 0);
      sent.push(bytes);
      sending.write(encodeRecordsHead(sent.length, size), bytes);
    }
    if (sending.blocked) blocked++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  received.resume();
  await until('all', () => got.length === sent.length);
  // Eight bytes of the commit position stand before the records.
  for (const [at, payload] of got.entries())
    expect(payload.subarray(8).equals(sent[at] as Buffer), `frame ${at}`).toBe(true);
  expect(blocked).toBeGreaterThan(0);
  expect(sending.buffered).toBe(0);
  await close();
});

test('what was written in the turn that closes the channel still leaves', async () => {
  const reads = new ReadBuffer();
  const { writer, reader, close } = await pair(reads);
  const got: string[] = [];
  new Channel(reader, ['records', 'refuse'], { ...holder, frame: (name) => got.push(name) }, { reads });
  const sending = new Channel(writer, [], holder);
  const bytes = Buffer.alloc(100);
  sending.write(encodeRecordsHead(1, bytes.length), bytes);
  sending.close(new SkeinError('LINK_ENDED', 'bye'), { tell: true });
  await until('both', () => got.length === 2);
  expect(got).toEqual(['records', 'refuse']);
  await close();
});
