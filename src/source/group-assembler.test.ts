import { expect, it } from 'vitest';
import type { RecordBatch } from '../model/records.js';
import { EVENT, EVENT_HEADER_SIZE, HEADER_AT, resealEvent } from '../mysql-protocol/events.js';
import { mariadb } from '../mysql-protocol/mariadb.js';
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

/** Version 4 with CRC32; the dates are what differs between two log files. */
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
  return event(EVENT.gtidMariadb, body);
}

const xid = () => event(EVENT.xid, Buffer.alloc(8));
const rows = (size: number) => event(EVENT.writeRowsV1, Buffer.alloc(size, 'r'));

function assembler(ordinal = 0) {
  const batches: RecordBatch[] = [];
  const made = new GroupAssembler(
    { ordinal, gtid: ordinal === 0 ? Buffer.alloc(0) : mariadb.gtidBinary(`0-1000001-${ordinal}`) },
    {
      flavour: mariadb,
      epochOf: () => 1,
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

it('a FORMAT alone is not passed on before its first group: a reader of group 1 would pass it over', () => {
  const { batches, feed } = assembler();
  feed(format());
  expect(batches).toEqual([]);
  feed(gtid(1), rows(10));
  expect(batches).toEqual([]);
  feed(xid());
  expect(kinds(batches[0])).toEqual([`${RECORD_KIND.format}@0`, `${RECORD_KIND.group}@1`]);
  expect(batches[0]).toMatchObject({
    firstOrdinal: 0,
    lastOrdinal: 1,
    completeOrdinal: 1,
    startsGroup: true,
  });
});

it('a FORMAT that comes later stands before the group that it is in force for', () => {
  const { batches, feed } = assembler(4);
  feed(format(), gtid(5), xid());
  feed(format('10.11.20-MariaDB'));
  feed(gtid(6), xid());
  expect(batches.map(kinds)).toEqual([
    [`${RECORD_KIND.format}@4`, `${RECORD_KIND.group}@5`],
    [`${RECORD_KIND.format}@5`, `${RECORD_KIND.group}@6`],
  ]);
});

it('a FORMAT goes out with the first piece of a large group, and no byte of the group is lost', () => {
  const { batches, feed } = assembler();
  feed(format());
  feed(gtid(1), rows(1_500_000));
  feed(xid());
  const first = kinds(batches[0]);
  expect(first[0]).toBe(`${RECORD_KIND.format}@0`);
  expect(first.length).toBeGreaterThan(1);
  const bytes = batches.flatMap((batch) =>
    [...walkRecords(batch.bytes)]
      .filter(({ header }) => header.kind === RECORD_KIND.group)
      .map(({ header }) => header.size - header.payloadOffset),
  );
  const sent = gtid(1).length + rows(1_500_000).length + xid().length;
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBe(sent);
  expect(batches.at(-1)).toMatchObject({ completeOrdinal: 1, lastOrdinal: 1 });
});
