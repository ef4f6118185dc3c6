import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import { TABLE_MAPS } from '../../../test/kit/table-maps.js';
import {
  CHECKSUM_SIZE,
  EVENT,
  EVENT_HEADER_SIZE,
  HEADER_AT,
  resealEvent,
} from '../../mysql-protocol/events.js';
import { MARIADB_EVENT } from './event-types.js';
import { decodeMariadbGtidEvent } from './gtid.js';
import { mariadb } from './mariadb.js';

const STANDALONE = 0x01;
const TRANSACTIONAL = 0x04;
const DDL = 0x20;
const COMPLETED_XA = 0x80;

const alter = 'ALTER TABLE t ADD COLUMN c INT';

it('one statement is DDL, and goes to a replica marked as such', () => {
  const group = Buffer.concat([gtid(STANDALONE | DDL), query(alter)]);
  expect(mariadb.forReplica(group, true)).toEqual({ ddl: alter, group });
});

it('what a recovery wrote is not marked: it gets the mark, and a checksum that fits', () => {
  const group = Buffer.concat([gtid(STANDALONE), query(alter)]);
  const before = Buffer.from(group);
  const ddl = mariadb.forReplica(group, true);
  expect(ddl?.ddl).toBe(alter);
  expect(decodeMariadbGtidEvent(ddl?.group as Buffer).flags).toBe(STANDALONE | DDL);
  const first = ddl?.group.subarray(0, gtid(0).length) as Buffer;
  expect(first.readUInt32LE(first.length - CHECKSUM_SIZE)).toBe(
    crc32(first.subarray(0, first.length - CHECKSUM_SIZE)),
  );
  expect(ddl?.group.subarray(first.length)).toEqual(query(alter));
  // The record's own bytes lie in the spool, and are not touched.
  expect(group).toEqual(before);
});

it('a transaction is none, nor is a later piece of a group', () => {
  expect(mariadb.forReplica(Buffer.concat([gtid(TRANSACTIONAL), query('BEGIN')]), true)).toBeNull();
  expect(mariadb.forReplica(query(alter), true)).toBeNull();
});

it('a group of XA is none either, and gets the mark, so that no worker begins it too early', () => {
  const alone = mariadb.forReplica(
    Buffer.concat([gtid(STANDALONE | COMPLETED_XA), query("XA COMMIT 'a'")]),
    true,
  );
  expect(alone?.ddl).toBeNull();
  expect(decodeMariadbGtidEvent(alone?.group as Buffer).flags).toBe(STANDALONE | COMPLETED_XA | DDL);
});

it('a group that changes a table without a key, or whose later pieces may do so, gets the mark too', () => {
  const flags = TRANSACTIONAL | 0x08;
  const change = (table: Buffer) =>
    Buffer.concat([gtid(flags), table, event(MARIADB_EVENT.writeRowsV1, Buffer.alloc(20))]);
  expect(mariadb.forReplica(change(TABLE_MAPS.keyed), true)).toBeNull();
  for (const changed of [
    mariadb.forReplica(change(TABLE_MAPS.keyless), true),
    mariadb.forReplica(Buffer.concat([change(TABLE_MAPS.keyed), TABLE_MAPS.keyless]), true),
    mariadb.forReplica(change(TABLE_MAPS.keyed), false),
  ]) {
    expect(changed?.ddl).toBeNull();
    expect(decodeMariadbGtidEvent(changed?.group as Buffer).flags).toBe(flags | DDL);
  }
});

it('a statement that is compressed is not read', () => {
  const group = Buffer.concat([
    gtid(STANDALONE | DDL),
    event(MARIADB_EVENT.queryCompressed, Buffer.alloc(30)),
  ]);
  expect(mariadb.forReplica(group, true)?.ddl).toBe('');
});

it.each<[string, boolean, Buffer]>([
  ['DDL', true, Buffer.concat([gtid(STANDALONE | DDL), query(alter)])],
  ['what a recovery wrote', true, Buffer.concat([gtid(STANDALONE), query(alter)])],
  [
    'CREATE TABLE ... SELECT',
    true,
    Buffer.concat([gtid(TRANSACTIONAL | DDL), query('CREATE TABLE t (a INT)')]),
  ],
  ['what does not begin as a group', true, query(alter)],
  ['a transaction', false, Buffer.concat([gtid(TRANSACTIONAL), query('BEGIN')])],
  ['an end of XA', false, Buffer.concat([gtid(STANDALONE | COMPLETED_XA), query("XA COMMIT 'a'")])],
])('whether it may change definitions: %s', (_, may, group) => {
  expect(mariadb.mayChangeDefinitions(group)).toBe(may);
});

function gtid(flags: number): Buffer {
  const body = Buffer.alloc(19);
  body.writeUInt32LE(20, 0);
  body[12] = flags;
  return event(MARIADB_EVENT.gtid, body);
}

function query(text: string): Buffer {
  const head = Buffer.alloc(13);
  head[8] = 1;
  return event(EVENT.query, Buffer.concat([head, Buffer.from(`d\0${text}`)]));
}

function event(type: number, body: Buffer): Buffer {
  const size = EVENT_HEADER_SIZE + body.length + CHECKSUM_SIZE;
  const bytes = Buffer.concat([Buffer.alloc(EVENT_HEADER_SIZE), body, Buffer.alloc(CHECKSUM_SIZE)]);
  bytes[HEADER_AT.type] = type;
  bytes.writeUInt32LE(size, HEADER_AT.size);
  return resealEvent(bytes);
}
