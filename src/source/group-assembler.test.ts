import { expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { MARIADB_EVENT } from '../flavour/mariadb/event-types.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import { ORIGIN } from '../model/position.js';
import type { RecordBatch } from '../model/records.js';
import { EVENT, EVENT_HEADER_SIZE, HEADER_AT, resealEvent } from '../mysql-protocol/events.js';
import { RECORD_KIND, walkRecords } from '../wire/record.js';
import { GroupAssembler } from './group-assembler.js';

function event(type: number, body: Buffer, serverId = 1_000_001): Buffer {
  const bytes = Buffer.alloc(EVENT_HEADER_SIZE + body.length + 4);
  bytes[HEADER_AT.type] = type;
  bytes.writeUInt32LE(serverId, HEADER_AT.serverId);
  bytes.writeUInt32LE(bytes.length, HEADER_AT.size);
  body.copy(bytes, EVENT_HEADER_SIZE);
  return resealEvent(bytes);
}

/** Version 4 with CRC32. The formats of two log files differ in their dates. */
function format(server = '10.11.19-MariaDB'): Buffer {
  const body = Buffer.alloc(2 + 50 + 4 + 1 + 171 + 1);
  body.writeUInt16LE(4, 0);
  body.write(server, 2);
  body[body.length - 1] = 1;
  return event(EVENT.formatDescription, body);
}

function gtid(sequence: number): Buffer {
  const body = Buffer.alloc(19);
  body.writeUInt32LE(sequence, 0);
  return event(MARIADB_EVENT.gtid, body);
}

const xid = () => event(EVENT.xid, Buffer.alloc(8));
const rows = (size: number) => event(MARIADB_EVENT.writeRowsV1, Buffer.alloc(size, 'r'));

function assembler(ordinal = 0) {
  const batches: RecordBatch[] = [];
  const made = new GroupAssembler(
    { ordinal, gtid: ordinal === 0 ? Buffer.alloc(0) : mariadb.gtidBinary(`0-1000001-${ordinal}`) },
    {
      flavour: mariadb,
      chain: () => [epochEntry(1, ORIGIN)],
      wallClockMs: () => 1,
      batch: (batch) => batches.push(batch),
      ackWanted: () => {},
      ended: () => {},
    },
  );
  const feed = (...events: Buffer[]) => {
    for (const each of events) made.event(each, false);
    made.flush();
  };
  return { batches, feed };
}

const kinds = (batch: RecordBatch | undefined) =>
  [...walkRecords(batch?.bytes ?? Buffer.alloc(0))].map(({ header }) => `${header.kind}@${header.ordinal}`);

it('a FORMAT is no record: every batch has it, for readers that start anywhere', () => {
  const { batches, feed } = assembler();
  feed(format());
  expect(batches).toEqual([]);
  feed(gtid(1), rows(10));
  expect(batches).toEqual([]);
  feed(xid());
  feed(gtid(2), xid());
  expect(batches.map(kinds)).toEqual([[`${RECORD_KIND.group}@1`], [`${RECORD_KIND.group}@2`]]);
  expect(batches[0]).toMatchObject({
    firstOrdinal: 1,
    lastOrdinal: 1,
    completeOrdinal: 1,
    startsGroup: true,
  });
  expect(batches[0]?.format).toBe(batches[1]?.format);
});

it('a later FORMAT is only for the groups after it, even within one chunk', () => {
  const { batches, feed } = assembler(4);
  feed(format(), gtid(5), xid(), format('10.11.20-MariaDB'), gtid(6), xid());
  expect(batches.map(kinds)).toEqual([[`${RECORD_KIND.group}@5`], [`${RECORD_KIND.group}@6`]]);
  expect(batches.map((batch) => batch.format.includes('10.11.20'))).toEqual([false, true]);
});

it('two log files whose formats differ only in their dates have the same FORMAT', () => {
  const { batches, feed } = assembler();
  const later = format();
  later.writeUInt32LE(12345, EVENT_HEADER_SIZE + 2 + 50);
  feed(format(), gtid(1), xid());
  feed(resealEvent(later), gtid(2), xid());
  expect(batches[1]?.format).toBe(batches[0]?.format);
});

it('a large group is passed on in pieces, and no byte is lost', () => {
  const { batches, feed } = assembler();
  feed(format());
  feed(gtid(1), rows(1_500_000));
  feed(xid());
  expect(batches.length).toBeGreaterThan(1);
  const pieces = batches.flatMap((batch) => [...walkRecords(batch.bytes)].map(({ header }) => header));
  const bytes = pieces.reduce((sum, header) => sum + header.size - header.payloadOffset, 0);
  expect(bytes).toBe(gtid(1).length + rows(1_500_000).length + xid().length);
  expect(pieces.map(({ flags }) => flags)).toEqual([1, ...pieces.slice(1, -1).map(() => 0), 2]);
  expect(batches.at(-1)).toMatchObject({ completeOrdinal: 1, lastOrdinal: 1 });
});
