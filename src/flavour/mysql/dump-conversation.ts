import type { ServerErr } from '../../mysql-protocol/packets.js';
import type { DumpConversation, DumpOptions, DumpRefusal } from '../flavour.js';
import { registerCommand } from '../register-command.js';
import { encodeGtidSet } from './gtid-set.js';
import { setUpTo } from './history.js';

/** A paused dump (back-pressure) must not be cut by the server; its default is 60 s. */
const NET_WRITE_TIMEOUT_S = 31_536_000;
const NAME_AT = 7;

/**
 * No UUID of a replica is named: the server ends an older dump of the same UUID, or without one, of the same server id, and
 * every dump of ours has an id of its own.
 */
export function dumpConversation({
  serverId,
  after,
  chain,
  semiSync,
  heartbeatMs,
}: DumpOptions): DumpConversation {
  const queries = [
    `SET @source_heartbeat_period = ${heartbeatMs * 1_000_000}`,
    'SET @source_binlog_checksum = @@global.binlog_checksum',
    `SET SESSION net_write_timeout = ${NET_WRITE_TIMEOUT_S}`,
  ];
  if (semiSync) queries.push('SET @rpl_semi_sync_replica = 1');
  const set = encodeGtidSet(setUpTo(chain, after.ordinal));
  return { queries, commands: [registerCommand(serverId), dumpCommand(serverId, set)] };
}

/** Payload of COM_BINLOG_DUMP_GTID: u16 flags, u32 server id, u32 length of a file's name, u64 position, u32 length, set. */
function dumpCommand(serverId: number, set: Buffer): Buffer {
  const head = Buffer.alloc(NAME_AT + 4 + 8 + 4);
  head[0] = 0x1e;
  head.writeUInt32LE(serverId, 3);
  head.writeBigUInt64LE(4n, NAME_AT + 4);
  head.writeUInt32LE(set.length, NAME_AT + 12);
  return Buffer.concat([head, set]);
}

const ER_SOURCE_FATAL_ERROR_READING_BINLOG = 1236;
const PURGED = /purged required binary logs|purged binary logs/i;
const NOT_THERE = /replica has more GTIDs than the source has/i;

/** See `Flavour.dumpRefusal`. */
export function dumpRefusal({ errno, message }: Pick<ServerErr, 'errno' | 'message'>): DumpRefusal | null {
  if (errno !== ER_SOURCE_FATAL_ERROR_READING_BINLOG) return null;
  if (PURGED.test(message)) return 'purged';
  return NOT_THERE.test(message) ? 'absent' : null;
}
