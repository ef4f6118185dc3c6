import { expect, it } from 'vitest';
import { EVENT, EVENT_HEADER_SIZE, HEADER_AT, resealEvent } from '../../mysql-protocol/events.js';
import { toleratingRename, withoutOldEngineName } from './ddl-for-replicas.js';

const IF_EXISTS = 0x1000_0000;
const EXPLICIT_DEFAULTS = 0x0100_0000;
const FLAGS_AT = EVENT_HEADER_SIZE + 13 + 1;

/** With the status variables of a real event: flags, sql_mode. */
function query(text: string, flags = EXPLICIT_DEFAULTS, mode = 0): Buffer {
  const status = Buffer.alloc(5 + 9);
  status.writeUInt32LE(flags, 1);
  status[5] = 1;
  status.writeUInt32LE(mode, 6);
  const head = Buffer.alloc(13);
  head.writeUInt16LE(status.length, 11);
  const body = Buffer.concat([head, status, Buffer.from(`\0${text}`)]);
  const event = Buffer.alloc(EVENT_HEADER_SIZE + body.length + 4);
  event[HEADER_AT.type] = EVENT.query;
  event.writeUInt32LE(event.length, HEADER_AT.size);
  body.copy(event, EVENT_HEADER_SIZE);
  return resealEvent(event);
}

it.each([
  'RENAME TABLE a TO b',
  '/* app */ rename /* x */ tables a to b, c to d',
  'SET STATEMENT lock_wait_timeout=3 FOR RENAME TABLE a TO b',
])('%s passes over what a replica does not have', (text) => {
  const group = query(text);
  const before = Buffer.from(group);
  const tolerant = toleratingRename(group, text);
  expect(tolerant).toEqual(query(text, EXPLICIT_DEFAULTS | IF_EXISTS));
  // The bytes in the spool stay as they are.
  expect(group).toEqual(before);
  expect(tolerant.readUInt32LE(FLAGS_AT)).toBe(EXPLICIT_DEFAULTS | IF_EXISTS);
});

it.each(['ALTER TABLE a RENAME TO b', 'DROP TABLE renamed', 'CREATE TABLE t (a INT)'])(
  '%s is executed as it is',
  (text) => {
    const group = query(text);
    expect(toleratingRename(group, text)).toBe(group);
  },
);

it('leaves an event alone that does not begin with the flags', () => {
  const text = 'RENAME TABLE a TO b';
  const group = query(text);
  group[FLAGS_AT - 1] = 1;
  resealEvent(group);
  expect(toleratingRename(group, text)).toEqual(group);
});

const MYSQL40 = 0x2_0000;
const create = (engine: string) => `CREATE TABLE \`f\` (\n  \`a\` int(1) NOT NULL\n)${engine}`;

it.each([0x1_0000, MYSQL40])('what the server logs under sql_mode %i is made readable', (mode) => {
  const group = query(create(' TYPE=InnoDB'), 0, mode);
  const before = Buffer.from(group);
  expect(withoutOldEngineName(group)).toEqual(query(create('            '), 0, mode));
  expect(group).toEqual(before);
});

it('what is no such statement stays as it is', () => {
  for (const group of [
    query(create(' TYPE=InnoDB'), 0, 0),
    query(create(' ENGINE=InnoDB'), 0, MYSQL40),
    query("INSERT INTO t VALUES ('\n) TYPE=InnoDB')", 0, MYSQL40),
  ])
    expect(withoutOldEngineName(group)).toBe(group);
});

it('the piece of a group whose last event goes on in the next one is read up to it', () => {
  const piece = Buffer.concat([
    query(create(' TYPE=InnoDB'), 0, MYSQL40),
    query('x'.repeat(100)).subarray(0, 60),
  ]);
  const readable = withoutOldEngineName(piece);
  expect(readable.includes('TYPE=')).toBe(false);
  expect(readable.subarray(-60)).toEqual(piece.subarray(-60));
});
