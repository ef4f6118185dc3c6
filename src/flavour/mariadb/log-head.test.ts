import { expect, it } from 'vitest';
import { EVENT, EVENT_HEADER_SIZE, HEADER_AT } from '../../mysql-protocol/events.js';
import { MARIADB_EVENT } from './event-types.js';
import { encodeMariadbGtid, parseMariadbGtid } from './gtid.js';
import { beginOfHead } from './log-head.js';

const MAGIC = Buffer.from([0xfe, 0x62, 0x69, 0x6e]);

function event(type: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(EVENT_HEADER_SIZE + body.length + 4);
  bytes[HEADER_AT.type] = type;
  bytes.writeUInt32LE(bytes.length, HEADER_AT.size);
  bytes.set(body, EVENT_HEADER_SIZE);
  return bytes;
}

function head(...gtids: string[]): Buffer {
  const count = Buffer.alloc(4);
  // A flag beside the number.
  count.writeUInt32LE(gtids.length + 2 ** 29);
  const list = Buffer.concat([count, ...gtids.map((gtid) => encodeMariadbGtid(parseMariadbGtid(gtid)))]);
  return Buffer.concat([
    MAGIC,
    event(EVENT.formatDescription, Buffer.alloc(80)),
    event(MARIADB_EVENT.gtidList, list),
  ]);
}

it('tells after which transaction a file begins', () => {
  expect(beginOfHead(head())).toBe('');
  expect(beginOfHead(head('0-1000001-7', '0-1000003-12', '0-1000002-9'))).toBe('0-1000003-12');
});

it('does not tell what a half written or an encrypted head does not say', () => {
  const whole = head('0-1000001-7');
  for (let length = 0; length < whole.length; length++)
    expect(beginOfHead(whole.subarray(0, length))).toBeNull();
  const encrypted = Buffer.concat([
    MAGIC,
    event(EVENT.formatDescription, Buffer.alloc(80)),
    event(MARIADB_EVENT.startEncryption, Buffer.alloc(17)),
  ]);
  expect(beginOfHead(encrypted)).toBeNull();
});
