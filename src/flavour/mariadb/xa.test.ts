import { expect, it } from 'vitest';
import { EVENT_HEADER_SIZE, HEADER_AT } from '../../mysql-protocol/events.js';
import { MARIADB_EVENT } from './event-types.js';
import { decodeXaMark } from './xa.js';

/** Bodies with their checksums, as a server 10.11 wrote them. */
it.each([
  ['XA PREPARE', '0100000000000000000000004c070000000101616201ffe6ab4365', 'prepare', "X'61',X'62',7"],
  [
    'XA PREPARE, bytes',
    '0200000000000000000000004c01000000030000ff4101ffcb728bb7',
    'prepare',
    "X'00ff41',X'',1",
  ],
  ['XA ROLLBACK', '0300000000000000000000008d01000000030000ff4125fe1c46', 'complete', "X'00ff41',X'',1"],
  ['XA COMMIT', '0400000000000000000000008d070000000101616209ec1328', 'complete', "X'61',X'62',7"],
  [
    'XA COMMIT in a group commit',
    '0400000000000000000000008f0102030405060708070000000101616209ec1328',
    'complete',
    "X'61',X'62',7",
  ],
])('what a group does to an XA branch: %s', (_, body, does, branch) => {
  expect(decodeXaMark(gtidEvent(body))).toEqual({ does, branch });
});

it('XA COMMIT ... ONE PHASE is an ordinary transaction', () => {
  expect(decodeXaMark(gtidEvent('0400000000000000000000000c000000000000bc8185cf'))).toBeNull();
});

function gtidEvent(body: string): Buffer {
  const header = Buffer.alloc(EVENT_HEADER_SIZE);
  header[HEADER_AT.type] = MARIADB_EVENT.gtid;
  return Buffer.concat([header, Buffer.from(body, 'hex')]);
}
