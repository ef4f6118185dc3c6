import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeRecord, RECORD_KIND, WHOLE } from '../wire/record.js';
import { DumpStream } from './dump-stream.js';

const server = createServer((socket) => socket.resume());
let socket: Socket;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
});

afterAll(() => {
  socket.destroy();
  server.close();
});

const gtid = (ordinal: number) => Buffer.from([ordinal]);

function group(ordinal: number): Buffer {
  const fields = { kind: RECORD_KIND.group, flags: WHOLE, epoch: 1, ordinal, atMs: 0 };
  return encodeRecord(
    { ...fields, gtid: gtid(ordinal), previousGtid: gtid(ordinal - 1) },
    Buffer.alloc(40, 40),
  );
}

/** A stream after transaction 4 of what the spool gives, which then has no more. */
function streamOf(...groups: readonly Buffer[]): DumpStream {
  const left = [...groups];
  const stream: DumpStream = new DumpStream(
    { serverId: 1, after: gtid(4), heartbeatMs: 1_000 },
    {
      reader: { next: async () => left.shift() ?? null, close: () => {} },
      format: Buffer.alloc(40, 40),
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
});

it.each([
  ['a gap', 'SPOOL_GAP', [group(5), group(7)]],
  ['a gap within a piece', 'SPOOL_GAP', [Buffer.concat([group(5), group(7)])]],
  ['a transaction again', 'SPOOL_GAP', [group(5), group(5)]],
  ['another history', 'SERVER_DIVERGED', [group(6)]],
])('ends at %s', async (_name, code, groups) => {
  await expect(streamOf(...groups).run()).rejects.toMatchObject({ code });
});
