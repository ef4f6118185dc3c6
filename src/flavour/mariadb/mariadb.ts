import { type Chain, epochOf } from '../../model/chain.js';
import { SkeinError } from '../../model/error.js';
import {
  EVENT,
  HEADER_AT,
  isCommitOrRollback,
  queryDatabase,
  queryText,
} from '../../mysql-protocol/events.js';
import type {
  DumpConversation,
  DumpOptions,
  EventPlace,
  Flavour,
  GroupGrammar,
  LoggedStatement,
  ReplicaGroup,
} from '../flavour.js';
import { registerCommand } from '../register-command.js';
import { mariadbAccounts } from './accounts-sql.js';
import { toleratingRename, withoutOldEngineName } from './ddl-for-replicas.js';
import { RECOVERY_SERVER_ID } from './ddl-recovery.js';
import { mariadbDefinitions } from './definitions-sql.js';
import { dumpRefusal } from './dump-refusal.js';
import { mariadbErrors } from './error-numbers.js';
import { MARIADB_EVENT, ROWS } from './event-types.js';
import {
  countOf,
  decodeMariadbGtid,
  decodeMariadbGtidEvent,
  encodeMariadbGtid,
  formatMariadbGtid,
  GTID_FLAG_DDL,
  GTID_FLAG_STANDALONE,
  markedAsDdl,
  parseMariadbGtid,
} from './gtid.js';
import { beginOfHead, lastOfList } from './log-head.js';
import { mariadbProgram } from './server-program.js';
import { mariadbSql } from './server-sql.js';
import { mariadbSource } from './source-side.js';
import { changesKeylessTable } from './table-map.js';
import { decodeXaMark, mariadbXaMarks } from './xa.js';

/** Epoch e's primary writes with this plus e (rule C10); replicas take ids far above, which no GTID ever shows. */
const EPOCH_SERVER_ID_BASE = 1_000_000;

function serverIdAt(chain: Chain, ordinal: number): number {
  return EPOCH_SERVER_ID_BASE + epochOf(chain, ordinal);
}

/** Capability 4: the client understands MariaDB's GTID events. */
const CAPABILITY_GTID = 4;
/** Flag of COM_BINLOG_DUMP: the dump includes the events with the statements' texts. */
const DUMP_ANNOTATED = 2;
/** A paused dump (back-pressure) must not be cut by the server; its default is 60 s. */
const NET_WRITE_TIMEOUT_S = 31_536_000;

/** Events that only lead up to the next one; a group of one statement does not end with them. */
const LEADING = new Set<number>([
  EVENT.intvar,
  EVENT.rand,
  EVENT.userVar,
  EVENT.beginLoadQuery,
  MARIADB_EVENT.annotateRows,
  EVENT.tableMap,
  ...ROWS,
]);

/** Events that carry a statement. */
const STATEMENTS = new Set<number>([EVENT.query, MARIADB_EVENT.queryCompressed, EVENT.executeLoadQuery]);

/** Events of the log itself, which say nothing about data. */
const HOUSEKEEPING = new Set<number>([
  EVENT.stop,
  EVENT.heartbeat,
  MARIADB_EVENT.binlogCheckpoint,
  MARIADB_EVENT.gtidList,
]);

function unknownEvent(event: Buffer, type: number): SkeinError {
  return new SkeinError(
    'UNKNOWN_EVENT',
    `The binary log holds an event of type ${type} that Skein does not know (server id ${event.readUInt32LE(HEADER_AT.serverId)}, ` +
      `ending at position ${event.readUInt32LE(HEADER_AT.endPosition)}). Replication stops here, because to skip it could lose data.`,
    { data: { type, endPosition: event.readUInt32LE(HEADER_AT.endPosition) } },
  );
}

class MariadbGrammar implements GroupGrammar {
  #inGroup = false;
  #standalone = false;
  #hasChecksum = true;

  place(event: Buffer): EventPlace {
    const type = event[HEADER_AT.type] ?? 0;
    if (this.#inGroup) return this.#placeInGroup(event, type);
    if (type === MARIADB_EVENT.gtid) {
      this.#inGroup = true;
      this.#standalone = (decodeMariadbGtidEvent(event).flags & GTID_FLAG_STANDALONE) !== 0;
      return 'begin';
    }
    if (type === EVENT.formatDescription) return 'format';
    if (type === EVENT.rotate) return 'rotate';
    if (HOUSEKEEPING.has(type)) return 'skip';
    if (!LEADING.has(type) && !STATEMENTS.has(type) && type !== EVENT.xid) throw unknownEvent(event, type);
    throw new SkeinError('UNEXPECTED_EVENT', `An event of type ${type} stands outside of any transaction.`);
  }

  #placeInGroup(event: Buffer, type: number): EventPlace {
    if (type === EVENT.xid || type === EVENT.xaPrepare) return this.#end();
    if (LEADING.has(type)) return 'inside';
    if (STATEMENTS.has(type)) {
      const ends = this.#standalone || (type === EVENT.query && isCommitOrRollback(event, this.#hasChecksum));
      return ends ? this.#end() : 'inside';
    }
    if (HOUSEKEEPING.has(type)) return 'skip';
    if (type === MARIADB_EVENT.gtid || type === EVENT.formatDescription || type === EVENT.rotate) {
      throw new SkeinError(
        'UNEXPECTED_EVENT',
        `An event of type ${type} stands in the middle of a transaction.`,
      );
    }
    throw unknownEvent(event, type);
  }

  #end(): EventPlace {
    this.#inGroup = false;
    return 'end';
  }

  gtidOf(event: Buffer): Buffer {
    return encodeMariadbGtid(decodeMariadbGtidEvent(event));
  }
}

/** Payload of COM_BINLOG_DUMP; file and position are not looked at in GTID mode. */
function dumpCommand({ serverId, annotated = false }: DumpOptions): Buffer {
  const payload = Buffer.alloc(1 + 4 + 2 + 4);
  payload[0] = 0x12;
  payload.writeUInt32LE(4, 1);
  payload.writeUInt16LE(annotated ? DUMP_ANNOTATED : 0, 5);
  payload.writeUInt32LE(serverId, 7);
  return payload;
}

function dumpConversation(options: DumpOptions): DumpConversation {
  // Checked before it is put into SQL text, although it only comes from our own records.
  const { gtid } = options.after;
  const after = gtid === '' ? '' : formatMariadbGtid(parseMariadbGtid(gtid));
  const queries = [
    `SET @master_heartbeat_period = ${options.heartbeatMs * 1_000_000}`,
    'SET @master_binlog_checksum = @@global.binlog_checksum',
    `SET @mariadb_slave_capability = ${CAPABILITY_GTID}`,
    `SET @slave_connect_state = '${after}'`,
    'SET @slave_gtid_strict_mode = 1',
    'SET @slave_gtid_ignore_duplicates = 0',
    `SET SESSION net_write_timeout = ${NET_WRITE_TIMEOUT_S}`,
  ];
  if (options.semiSync) queries.push('SET @rpl_semi_sync_slave = 1');
  return { queries, commands: [registerCommand(options.serverId), dumpCommand(options)] };
}

/**
 * A group that parallel workers may not execute beside others is sent to a replica with the mark of DDL. Then the group
 * begins when all groups before it are executed and begin to commit, and the next groups begin when this one begins to
 * commit.
 *
 * - In row format everything that stands alone, without a COMMIT, is DDL; its events are small, the group is whole. What a
 *   server's recovery writes into its log (a DDL that it finished) is not marked so: a replica would begin what follows
 *   beside it, and stop or wait forever (seen on 10.11).
 * - A group of XA: beside others a worker begins it too early, takes it back when one before it fails, and has lost the
 *   branch by that: the next attempt stops at 1397, 1402 (seen on 10.11).
 * - A group that changes a table without a key: the table keeps its rows in the order in which they were inserted, and DDL may
 *   compute from that order. What later pieces of a large group change is not known when the first one is sent.
 */
function forReplica(group: Buffer, isWhole: boolean): ReplicaGroup | null {
  if (group[HEADER_AT.type] !== MARIADB_EVENT.gtid) return null;
  if (decodeXaMark(group) !== null) return { group: markedAsDdl(group), ddl: null };
  const { flags } = decodeMariadbGtidEvent(group);
  if ((flags & GTID_FLAG_STANDALONE) === 0) {
    // CREATE TABLE ... SELECT: its rows follow in the same group, which commits like a transaction.
    if ((flags & GTID_FLAG_DDL) !== 0) return { group: withoutOldEngineName(group), ddl: null };
    return isWhole && !changesKeylessTable(group) ? null : { group: markedAsDdl(group), ddl: null };
  }
  let ddl = '';
  for (let at = 0; at < group.length; at += group.readUInt32LE(at + HEADER_AT.size)) {
    const event = group.subarray(at, at + group.readUInt32LE(at + HEADER_AT.size));
    if (event[HEADER_AT.type] === EVENT.query) ddl = queryText(event, true).toString();
  }
  return { group: toleratingRename(withoutOldEngineName(markedAsDdl(group)), ddl), ddl };
}

function statementOf(event: Buffer, hasChecksum: boolean): LoggedStatement | null {
  const type = event[HEADER_AT.type];
  if (type === EVENT.query)
    return { sql: queryText(event, hasChecksum).toString(), database: queryDatabase(event) };
  return type === MARIADB_EVENT.queryCompressed ? { sql: '', database: '' } : null;
}

function mayChangeDefinitions(group: Buffer): boolean {
  // What is not known is taken for DDL.
  if (group[HEADER_AT.type] !== MARIADB_EVENT.gtid) return true;
  if (decodeXaMark(group) !== null) return false;
  // CREATE TABLE ... SELECT has only the mark of DDL, what a server's recovery logged only stands alone.
  return (decodeMariadbGtidEvent(group).flags & (GTID_FLAG_STANDALONE | GTID_FLAG_DDL)) !== 0;
}

export const mariadb: Flavour = {
  name: 'mariadb',
  sourceSide: mariadbSource,
  program: mariadbProgram,
  sql: mariadbSql,
  accounts: mariadbAccounts,
  definitions: mariadbDefinitions,
  errors: mariadbErrors,
  gtidText: (binary) =>
    formatMariadbGtid(decodeMariadbGtid(Buffer.from(binary.buffer, binary.byteOffset, binary.length))),
  gtidBinary: (text) => (text === '' ? Buffer.alloc(0) : encodeMariadbGtid(parseMariadbGtid(text))),
  countOf,
  gtidAt: (chain, ordinal) =>
    formatMariadbGtid({ domain: 0, serverId: serverIdAt(chain, ordinal), sequence: ordinal }),
  grammar: () => new MariadbGrammar(),
  isAt(gtid, chain, ordinal) {
    const { domain, serverId, sequence } = decodeMariadbGtid(gtid);
    return domain === 0 && sequence === ordinal && serverId === serverIdAt(chain, ordinal);
  },
  reported: (gtid) => gtid,
  ordinalOf(gtid, chain) {
    const { domain, serverId, sequence } = parseMariadbGtid(gtid);
    return domain === 0 && serverId === serverIdAt(chain, sequence) ? sequence : null;
  },
  logFileBegin: (event) => (event[HEADER_AT.type] === MARIADB_EVENT.gtidList ? lastOfList(event) : null),
  beginOfHead,
  isEncryption: (type) => type === MARIADB_EVENT.startEncryption,
  statementOf,
  isAnnotation: (type) => type === MARIADB_EVENT.annotateRows,
  xaMarks: mariadbXaMarks,
  forReplica,
  mayChangeDefinitions,
  dumpConversation,
  dumpRefusal,
  recoveryServerId: RECOVERY_SERVER_ID,
  epochServerId: (epoch) => EPOCH_SERVER_ID_BASE + epoch,
};
