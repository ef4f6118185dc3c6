import {
  CHECKSUM_SIZE,
  EVENT,
  EVENT_HEADER_SIZE,
  HEADER_AT,
  queryDatabase,
  queryText,
} from '../../mysql-protocol/events.js';
import type { LogFlavour, LoggedStatement, ReplicaGroup, XaMark } from '../flavour.js';
import { dumpConversation, dumpRefusal } from './dump-conversation.js';
import { MYSQL_EVENT } from './event-types.js';
import { MysqlGrammar } from './grammar.js';
import { decodeMysqlGtid, encodeMysqlGtid, formatMysqlGtid, parseMysqlGtid } from './gtid.js';
import { decodeGtidSet, formatGtidSet } from './gtid-set.js';
import { countOf, gtidOf, isGtidAt, ordinalOfGtid, setUpTo } from './history.js';
import { mysqlSource } from './source-side.js';

/** Epoch e's primary writes with this plus e (rule C10); replicas take ids far above, with which nothing is logged. */
const EPOCH_SERVER_ID_BASE = 1_000_000;

/** See `recoveryServerId`: MySQL's DDL is atomic, and its recovery logs nothing. */
const RECOVERY_SERVER_ID = 1_999_999_999;

const MAGIC_SIZE = 4;
const CONTROL = /^(?:BEGIN|COMMIT|ROLLBACK|XA (?:START|END|PREPARE|COMMIT|ROLLBACK)\b.*)$/s;

function textOf(event: Buffer): string {
  return queryText(event, true).toString();
}

function statementOf(event: Buffer, hasChecksum: boolean): LoggedStatement | null {
  const type = event[HEADER_AT.type];
  // It is compressed, and may hold CREATE TABLE ... SELECT.
  if (type === MYSQL_EVENT.transactionPayload) return { sql: '', database: '' };
  if (type !== EVENT.query) return null;
  const sql = queryText(event, hasChecksum).toString();
  return CONTROL.test(sql) ? null : { sql, database: queryDatabase(event) };
}

/** The events of a piece of a group. One that is cut by its end is left out. */
function* eventsOf(group: Buffer): Generator<Buffer> {
  for (let at = 0; at + HEADER_AT.endPosition <= group.length; ) {
    const end = at + group.readUInt32LE(at + HEADER_AT.size);
    if (end > group.length || end <= at) return;
    yield group.subarray(at, end);
    at = end;
  }
}

function mayChangeDefinitions(group: Buffer): boolean {
  const [gtid, first, second] = eventsOf(group);
  // What is not known is taken for DDL.
  if (gtid?.[HEADER_AT.type] !== MYSQL_EVENT.gtid || first?.[HEADER_AT.type] !== EVENT.query) return true;
  if (!CONTROL.test(textOf(first))) return true;
  // CREATE TABLE ... SELECT stands at the beginning of its transaction.
  return second?.[HEADER_AT.type] === EVENT.query && !CONTROL.test(textOf(second));
}

function logFileBegin(event: Buffer): string | null {
  if (event[HEADER_AT.type] !== MYSQL_EVENT.previousGtids) return null;
  return formatGtidSet(decodeGtidSet(event.subarray(EVENT_HEADER_SIZE, event.length - CHECKSUM_SIZE)));
}

function beginOfHead(head: Buffer): string | null {
  for (const event of eventsOf(head.subarray(MAGIC_SIZE))) {
    if (event[HEADER_AT.type] === EVENT.formatDescription) continue;
    return logFileBegin(event);
  }
  return null;
}

const XA_END = /^XA (COMMIT|ROLLBACK) (X'[0-9a-f]*',X'[0-9a-f]*',\d+)$/i;

/** XA_PREPARE: u8 in one phase, u32 format, u32 sizes of gtrid and bqual, and their bytes. */
function xaMarkOf(event: Buffer): XaMark | null {
  const type = event[HEADER_AT.type];
  if (type === EVENT.xaPrepare) {
    const at = EVENT_HEADER_SIZE;
    const middle = at + 13 + event.readUInt32LE(at + 5);
    const gtrid = event.toString('hex', at + 13, middle);
    const bqual = event.toString('hex', middle, middle + event.readUInt32LE(at + 9));
    const branch = `X'${gtrid}',X'${bqual}',${event.readUInt32LE(at + 1)}`;
    return { does: event[at] === 1 ? 'commit' : 'prepare', branch };
  }
  if (type !== EVENT.query) return null;
  const match = XA_END.exec(textOf(event));
  if (!match) return null;
  return { does: match[1] === 'COMMIT' ? 'commit' : 'rollback', branch: match[2] as string };
}

/** MySQL's binary log and replication protocol (8.4, 9.7). */
export const mysqlLog: LogFlavour = {
  sourceSide: mysqlSource,
  gtidText: (binary) =>
    formatMysqlGtid(decodeMysqlGtid(Buffer.from(binary.buffer, binary.byteOffset, binary.length))),
  gtidBinary: (text) => (text === '' ? Buffer.alloc(0) : encodeMysqlGtid(parseMysqlGtid(text))),
  countOf,
  gtidAt(chain, ordinal) {
    const gtid = gtidOf(chain, ordinal);
    return gtid === null ? '' : formatMysqlGtid(gtid);
  },
  isAt: isGtidAt,
  reported: (_gtid, chain, ordinal) => formatGtidSet(setUpTo(chain, ordinal)),
  ordinalOf: (gtid, chain) => ordinalOfGtid(parseMysqlGtid(gtid), chain),
  grammar: () => new MysqlGrammar(),
  dumpConversation,
  dumpRefusal,
  // Replicas follow the logical clock of the events. DDL needs nothing more: it is atomic.
  forReplica: (): ReplicaGroup | null => null,
  mayChangeDefinitions,
  logFileBegin,
  beginOfHead,
  // An encrypted file has another magic number, and is refused by that.
  isEncryption: () => false,
  statementOf,
  // The server sends them whenever it logs them.
  isAnnotation: () => false,
  xaMarks: () => xaMarkOf,
  recoveryServerId: RECOVERY_SERVER_ID,
  epochServerId: (epoch) => EPOCH_SERVER_ID_BASE + epoch,
};
