import { expect, it } from 'vitest';
import { MARIADB_EVENT } from '../flavour/mariadb/event-types.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import { CHECKSUM_SIZE, EVENT, EVENT_HEADER_SIZE, HEADER_AT, resealEvent } from '../mysql-protocol/events.js';
import { XaLogReader } from './xa-log.js';

const STANDALONE = 0x01;
const TRANSACTIONAL = 0x04;
const PREPARED_XA = 0x40;
const COMPLETED_XA = 0x80;

it('keeps the last operation on each branch, and whether there was an ordinary transaction', () => {
  const reader = new XaLogReader(mariadb, 4, 10);
  read(reader, gtid(5, PREPARED_XA, 'a'), event(EVENT.xaPrepare, Buffer.alloc(20)));
  read(reader, gtid(6, PREPARED_XA, 'b'), event(EVENT.xaPrepare, Buffer.alloc(20)));
  read(reader, gtid(7, STANDALONE | COMPLETED_XA, 'a'), query("XA COMMIT X'61',X'',1"));
  read(reader, gtid(8, STANDALONE), query('ALTER TABLE t FORCE'));
  expect(reader.ordinary).toBe(false);
  expect(reader.lastOther).toBe(8);
  expect([...reader.lastAt.values()]).toEqual([7, 6]);
  expect(reader.ordinal).toBe(8);
  expect([...reader.branches]).toEqual([
    ["X'61',X'',1", 'commit'],
    ["X'62',X'',1", 'prepare'],
  ]);
  read(reader, gtid(9, STANDALONE | COMPLETED_XA, 'b'), query("XA ROLLBACK X'62',X'',1"));
  read(reader, gtid(10, TRANSACTIONAL), event(EVENT.xid, Buffer.alloc(8)));
  expect(reader.branches.get("X'62',X'',1")).toBe('rollback');
  expect(reader.ordinary).toBe(true);
  expect(reader.lastOther).toBe(10);
  expect(reader.lastAt.get("X'62',X'',1")).toBe(9);
  expect(reader.ordinal).toBe(10);
  // After `until`.
  read(reader, gtid(11, PREPARED_XA, 'c'), event(EVENT.xaPrepare, Buffer.alloc(20)));
  expect([reader.ordinal, reader.branches.size]).toEqual([10, 2]);
});

it('does not count a group whose end it has not read', () => {
  const reader = new XaLogReader(mariadb, 4, 10);
  read(reader, gtid(5, TRANSACTIONAL));
  expect(reader.ordinal).toBe(4);
});

it('continues after an event that is too large for memory', () => {
  const reader = new XaLogReader(mariadb, 4, 10);
  read(reader, gtid(5, TRANSACTIONAL));
  reader.largeEvent(event(MARIADB_EVENT.writeRowsV1, Buffer.alloc(50)).subarray(0, 40));
  reader.largeEventPart();
  reader.largeEventEnd();
  read(reader, event(EVENT.xid, Buffer.alloc(8)));
  expect(reader.ordinal).toBe(5);
});

function read(reader: XaLogReader, ...events: Buffer[]): void {
  for (const each of events) reader.event(each);
}

/** A branch with format 1, its name as gtrid, and no bqual. */
function gtid(sequence: number, flags: number, branch?: string): Buffer {
  const body = Buffer.alloc(13);
  body.writeUInt32LE(sequence, 0);
  body[12] = flags;
  const name = Buffer.from(branch ?? '');
  return event(
    MARIADB_EVENT.gtid,
    branch
      ? Buffer.concat([body, Buffer.from([1, 0, 0, 0, name.length, 0]), name])
      : Buffer.concat([body, Buffer.alloc(6)]),
  );
}

function query(text: string): Buffer {
  const head = Buffer.alloc(13);
  return event(EVENT.query, Buffer.concat([head, Buffer.from(`\0${text}`)]));
}

function event(type: number, body: Buffer): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(EVENT_HEADER_SIZE), body, Buffer.alloc(CHECKSUM_SIZE)]);
  bytes[HEADER_AT.type] = type;
  bytes.writeUInt32LE(bytes.length, HEADER_AT.size);
  return resealEvent(bytes);
}
