import { SkeinError } from '../../model/error.js';
import { EVENT_HEADER_SIZE, HEADER_AT, resealEvent } from '../../mysql-protocol/events.js';

/**
 * MariaDB's GTID `domain-server-sequence`. Binary form (ours, in records; also that of a GTID_LIST entry):
 * u32 domain, u32 server id, u64 sequence, little endian.
 */
const MARIADB_GTID_SIZE = 16;
const U32 = 0x1_0000_0000;

export interface MariadbGtid {
  domain: number;
  serverId: number;
  sequence: number;
}

const TEXT = /^(\d{1,10})-(\d{1,10})-(\d{1,16})$/;

/** @throws SkeinError INVALID_GTID */
export function parseMariadbGtid(text: string): MariadbGtid {
  const match = TEXT.exec(text);
  if (!match)
    throw new SkeinError('INVALID_GTID', `"${text}" is not a MariaDB GTID (domain-server-sequence).`);
  return { domain: Number(match[1]), serverId: Number(match[2]), sequence: Number(match[3]) };
}

export function formatMariadbGtid(gtid: MariadbGtid): string {
  return `${gtid.domain}-${gtid.serverId}-${gtid.sequence}`;
}

export function encodeMariadbGtid(gtid: MariadbGtid): Buffer {
  const bytes = Buffer.allocUnsafe(MARIADB_GTID_SIZE);
  bytes.writeUInt32LE(gtid.domain, 0);
  bytes.writeUInt32LE(gtid.serverId, 4);
  bytes.writeUInt32LE(gtid.sequence % U32, 8);
  bytes.writeUInt32LE(Math.floor(gtid.sequence / U32), 12);
  return bytes;
}

export function decodeMariadbGtid(bytes: Buffer): MariadbGtid {
  return {
    domain: bytes.readUInt32LE(0),
    serverId: bytes.readUInt32LE(4),
    sequence: bytes.readUInt32LE(8) + bytes.readUInt32LE(12) * U32,
  };
}

/** Flags of a GTID event (MariaDB `Gtid_log_event`). */
export const GTID_FLAG_STANDALONE = 0x1;
export const GTID_FLAG_GROUP_COMMIT_ID = 0x2;
/** A replica executes such a group alone. */
export const GTID_FLAG_DDL = 0x20;
export const GTID_FLAG_PREPARED_XA = 0x40;
export const GTID_FLAG_COMPLETED_XA = 0x80;

/** Reads a GTID event: u64 sequence, u32 domain, u8 flags behind the header; the server id stands in the header. */
export function decodeMariadbGtidEvent(event: Buffer): MariadbGtid & { flags: number } {
  const at = EVENT_HEADER_SIZE;
  return {
    serverId: event.readUInt32LE(HEADER_AT.serverId),
    sequence: event.readUInt32LE(at) + event.readUInt32LE(at + 4) * U32,
    domain: event.readUInt32LE(at + 8),
    flags: event[at + 12] ?? 0,
  };
}

/** A group, or this one with its GTID event marked as DDL. */
export function markedAsDdl(group: Buffer): Buffer {
  if (decodeMariadbGtidEvent(group).flags & GTID_FLAG_DDL) return group;
  const copy = Buffer.from(group);
  const flagsAt = EVENT_HEADER_SIZE + 12;
  copy.writeUInt8(copy.readUInt8(flagsAt) | GTID_FLAG_DDL, flagsAt);
  resealEvent(copy.subarray(0, copy.readUInt32LE(HEADER_AT.size)));
  return copy;
}

/** Of a position text such as `0-1-57,1-1-3`. Skein writes in domain 0 alone. */
export function countOf(position: string): number {
  const gtid = position.split(',').find((each) => each.trim().startsWith('0-'));
  return gtid === undefined ? 0 : parseMariadbGtid(gtid.trim()).sequence;
}
