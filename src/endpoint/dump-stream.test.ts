import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { mariadbSource } from '../flavour/mariadb/source-side.js';
import { HEADER_AT } from '../mysql-protocol/events.js';
import { PACKET_HEADER_SIZE } from '../mysql-protocol/packets.js';
import { encodeRecord, RECORD_KIND, WHOLE } from '../wire/record.js';
import { DumpStream } from './dump-stream.js';

let received = Buffer.alloc(0);
const server = createServer((peer) => {
  peer.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
});
let socket: Socket;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

beforeEach(async () => {
  received = Buffer.alloc(0);
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
});

afterEach(() => {
  socket.destroy();
});

afterAll(() => {
  server.close();
});

const gtid = (ordinal: number) => Buffer.from([ordinal]);

function group(ordinal: number): Buffer {
  const fields = { kind: RECORD_KIND.group, flags: WHOLE, epoch: 1, ordinal, atMs: 0 };
  return encodeRecord({ ...fields, gtid: gtid(ordinal), previousGtid: gtid(ordinal - 1) }, event(ordinal));
}

/** An event of 40 bytes that only the test can tell from others. */
function event(fill: number): Buffer {
  const bytes = Buffer.alloc(40, fill);
  bytes.writeUInt32LE(bytes.length, HEADER_AT.size);
  return bytes;
}

/** The events in the packets that the peer has got, each behind its status byte. */
function events(): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + PACKET_HEADER_SIZE <= received.length; ) {
    const end = at + PACKET_HEADER_SIZE + received.readUIntLE(at, 3);
    found.push(received.subarray(at + PACKET_HEADER_SIZE + 1, end));
    at = end;
  }
  return found;
}

/** A stream after transaction 4 of what the spool gives, which then has no more. */
function streamOf(...groups: readonly Buffer[]): DumpStream {
  const left = [...groups];
  const stream: DumpStream = new DumpStream(
    { serverId: 1, after: '0-1-4', previousGtid: gtid(4), heartbeatMs: 1_000 },
    {
      source: mariadbSource,
      reader: { next: async () => left.shift() ?? null, close: () => {} },
      format: event(200),
      releasable: () => 100,
      changed: async () => stream.stop(),
      admit: (_header, payload) => ({ payload, held: null }),
    },
    socket,
  );
  return stream;
}

it('passes on what follows without a gap', async () => {
  await streamOf(group(5), Buffer.concat([group(6), group(7)])).run();
  socket.end();
  await once(socket, 'close');
  // The head: a made-up ROTATE, the format, the list of GTIDs. Then the groups, to the byte.
  const [rotate, format, list, ...groups] = events();
  expect(rotate?.toString('latin1')).toContain('skein.000001');
  expect(format).toEqual(event(200));
  expect(list?.length).toBeGreaterThan(0);
  expect(groups).toEqual([event(5), event(6), event(7)]);
});

it.each([
  ['a gap', 'SPOOL_GAP', [group(5), group(7)]],
  ['a gap within a piece', 'SPOOL_GAP', [Buffer.concat([group(5), group(7)])]],
  ['a transaction again', 'SPOOL_GAP', [group(5), group(5)]],
  ['another history', 'SERVER_DIVERGED', [group(6)]],
])('ends at %s', async (_name, code, groups) => {
  await expect(streamOf(...groups).run()).rejects.toMatchObject({ code });
});
