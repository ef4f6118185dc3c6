import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { ORIGIN } from '../../model/position.js';
import { buildEvent, EVENT, HEADER_AT } from '../../mysql-protocol/events.js';
import { MYSQL_EVENT } from './event-types.js';
import { mysqlLog } from './log.js';

/**
 * A whole file of a binary log, as MySQL 9.7.4 wrote it, the second one of node n1: CREATE TABLE ... SELECT, XA, partial JSON, a
 * savepoint, ordinary DDL, a compressed transaction.
 */
const FILE = readFileSync(new URL('binlog-9.7.4.golden', import.meta.url));
const CHAIN = [epochEntry(1, ORIGIN)];
const MAGIC_SIZE = 4;

const EVENTS: Buffer[] = [];
for (let at = MAGIC_SIZE; at < FILE.length; at += FILE.readUInt32LE(at + HEADER_AT.size))
  EVENTS.push(FILE.subarray(at, at + FILE.readUInt32LE(at + HEADER_AT.size)));

const typeOf = (event: Buffer) => event[HEADER_AT.type];

function groups(): Buffer[][] {
  const grammar = mysqlLog.grammar();
  const found: Buffer[][] = [];
  for (const event of EVENTS) {
    const place = grammar.place(event);
    if (place === 'begin') found.push([]);
    if (place === 'begin' || place === 'inside' || place === 'end') found.at(-1)?.push(event);
  }
  return found;
}

const { gtid: GTID, tableMap: MAP = EVENT.tableMap, writeRows: WRITE } = { ...EVENT, ...MYSQL_EVENT };

describe('a file of MySQL 9.7', () => {
  it('consists of whole groups', () => {
    expect(groups().map((group) => group.map(typeOf))).toEqual([
      [GTID, EVENT.query, EVENT.query, MAP, WRITE, EVENT.xid],
      [GTID, EVENT.query, MAP, WRITE, EVENT.query, EVENT.xaPrepare],
      [GTID, EVENT.query],
      [GTID, EVENT.query, MAP, MYSQL_EVENT.partialUpdateRows, EVENT.xid],
      [GTID, EVENT.query, MAP, WRITE, EVENT.query, EVENT.xid],
      [GTID, EVENT.query, MAP, WRITE, EVENT.xid],
      [GTID, EVENT.query, MAP, WRITE, EVENT.xid],
      [GTID, EVENT.query],
      [GTID, EVENT.query],
      [GTID, EVENT.query, MAP, WRITE, EVENT.xid],
      [GTID, EVENT.query, MAP, WRITE, EVENT.xid],
      [GTID, MYSQL_EVENT.transactionPayload],
    ]);
  });

  it('goes on where the file before it ended', () => {
    const begin = mysqlLog.beginOfHead(FILE);
    expect(begin).toBe('2a995df1-993e-897e-9d93-c97487c1934c:1-6');
    expect(mysqlLog.logFileBegin(EVENTS[1] as Buffer)).toBe(begin);
    expect(mysqlLog.logFileBegin(EVENTS[0] as Buffer)).toBeNull();
    expect(mysqlLog.beginOfHead(FILE.subarray(0, 140)), 'too few bytes').toBeNull();
    const grammar = mysqlLog.grammar();
    for (const [at, [event]] of groups().entries()) {
      const gtid = grammar.gtidOf(event as Buffer);
      expect(mysqlLog.isAt(gtid, CHAIN, 7 + at)).toBe(true);
      expect(mysqlLog.gtidText(gtid)).toBe(mysqlLog.gtidAt(CHAIN, 7 + at));
      expect(mysqlLog.gtidBinary(mysqlLog.gtidText(gtid))).toEqual(gtid);
    }
  });

  it('tells statements, DDL and XA', () => {
    const marks = mysqlLog.xaMarks();
    const found = groups().map((group) => [
      mysqlLog.mayChangeDefinitions(Buffer.concat(group)),
      group.flatMap((event) => mysqlLog.statementOf(event, true)?.sql.slice(0, 15) ?? []).join(),
      group.flatMap((event) => marks(event) ?? []),
    ]);
    const branch = "X'7830',X'',1";
    expect(found).toEqual([
      [true, 'CREATE TABLE `t', []],
      [false, '', [{ does: 'prepare', branch }]],
      [false, '', [{ does: 'commit', branch }]],
      [false, '', []],
      [false, 'SAVEPOINT `s`', []],
      [false, '', []],
      [false, '', []],
      [true, 'create database', []],
      [true, 'create table t.', []],
      [false, '', []],
      [false, '', []],
      [true, '', []],
    ]);
  });
});

it('does not skip what it does not know', () => {
  const event = (type: number, body = Buffer.alloc(8)) => buildEvent({ type, serverId: 1, body });
  const place = (...types: number[]) => {
    const grammar = mysqlLog.grammar();
    return types.map((type) => grammar.place(type === GTID ? (EVENTS[2] as Buffer) : event(type))).at(-1);
  };
  expect(place(MYSQL_EVENT.heartbeatV2)).toBe('skip');
  expect(() => place(26)).toThrow(expect.objectContaining({ code: 'UNKNOWN_EVENT' }));
  expect(() => place(GTID, 26)).toThrow(expect.objectContaining({ code: 'UNKNOWN_EVENT' }));
  expect(() => place(EVENT.xid)).toThrow(expect.objectContaining({ code: 'UNEXPECTED_EVENT' }));
  expect(() => place(GTID, GTID)).toThrow(expect.objectContaining({ code: 'UNEXPECTED_EVENT' }));
  expect(() => place(GTID, EVENT.rotate)).toThrow(expect.objectContaining({ code: 'UNEXPECTED_EVENT' }));
});

it('refuses a tagged GTID, which has no place in the history', () => {
  const grammar = mysqlLog.grammar();
  const tagged = buildEvent({ type: MYSQL_EVENT.gtidTagged, serverId: 1, body: Buffer.alloc(57) });
  expect(grammar.place(tagged)).toBe('begin');
  expect(() => grammar.gtidOf(tagged)).toThrow(expect.objectContaining({ code: 'FOREIGN_TRANSACTION' }));
});

it('asks for everything after a transaction', () => {
  const after = { epoch: 1, ordinal: 8, gtid: mysqlLog.gtidAt(CHAIN, 8) };
  const { queries, commands } = mysqlLog.dumpConversation({
    ...{ serverId: 7, after, chain: CHAIN, semiSync: true, heartbeatMs: 1_000 },
  });
  expect(queries).toContain('SET @rpl_semi_sync_replica = 1');
  expect(commands.map((command) => command[0])).toEqual([0x15, 0x1e]);
  // As a real replica asks, but for the flag of the second form of heartbeats.
  expect(commands[1]?.toString('hex')).toBe(
    '1e0000070000000000000004000000000000003000000001000000000000002a995df1993e897e9d93c97487c1934c010000000000000001000000000000000900000000000000',
  );
  const source = mysqlLog.sourceSide.conversation({ serverId: 1 });
  expect(source.answer(commands[1] as Buffer)).toMatchObject({
    kind: 'dump',
    after: '2a995df1-993e-897e-9d93-c97487c1934c:1-8',
  });
});
