import { SkeinError } from '../model/error.js';

/**
 * MySQL's GTIDs are sets: for each source (a UUID, from 8.4/9.x on also a tag) the intervals of transaction numbers.
 * Here: text and binary form of such sets, and the dump command that carries one. Numbers stay below 2^53.
 */

/** Both ends inclusive, as in the text form. */
export interface Interval {
  first: number;
  last: number;
}

export interface GtidSetEntry {
  /** Lower case, with hyphens. */
  uuid: string;
  /** '' without a tag. */
  tag: string;
  intervals: Interval[];
}

export type GtidSet = GtidSetEntry[];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;
const INTERVAL = /^(\d{1,16})(?:-(\d{1,16}))?$/;

function invalid(text: string): SkeinError {
  return new SkeinError(
    'INVALID_GTID',
    `"${text.slice(0, 100)}" is not a MySQL GTID set (uuid[:tag]:first[-last]...).`,
  );
}

/** Reads `uuid:1-5:8,uuid:tag:1-2`; white space is let pass, '' is the empty set. @throws SkeinError INVALID_GTID */
export function parseGtidSet(text: string): GtidSet {
  const set: GtidSet = [];
  for (const part of text.split(',')) {
    const pieces = part.trim().toLowerCase().split(':');
    if (pieces.length === 1 && pieces[0] === '') continue;
    const uuid = pieces.shift() ?? '';
    if (!UUID.test(uuid) || pieces.length === 0) throw invalid(text);
    let entry: GtidSetEntry | null = null;
    for (const piece of pieces) {
      if (TAG.test(piece)) {
        entry = { uuid, tag: piece, intervals: [] };
        set.push(entry);
        continue;
      }
      const match = INTERVAL.exec(piece);
      const first = Number(match?.[1]);
      const last = Number(match?.[2] ?? match?.[1]);
      if (!match || first < 1 || last < first || !Number.isSafeInteger(last)) throw invalid(text);
      if (!entry) {
        entry = { uuid, tag: '', intervals: [] };
        set.push(entry);
      }
      entry.intervals.push({ first, last });
    }
    if (entry?.intervals.length === 0) throw invalid(text);
  }
  return set;
}

export function formatGtidSet(set: GtidSet): string {
  return set
    .map(({ uuid, tag, intervals }) => {
      const numbers = intervals.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
      return [uuid, ...(tag === '' ? [] : [tag]), ...numbers].join(':');
    })
    .join(',');
}

function u64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

const uuidBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex');

/**
 * The binary form in COM_BINLOG_DUMP_GTID: a count, then for each source its UUID and half-open intervals. As soon as
 * one tag is in it, the count is packed between two bytes that name format 1, and every source carries a tag.
 */
export function encodeGtidSet(set: GtidSet): Buffer {
  const tagged = set.some(({ tag }) => tag !== '');
  const head = u64(set.length);
  if (tagged) {
    const count = Buffer.alloc(8);
    count[0] = 1;
    count.writeUIntLE(set.length, 1, 6);
    count[7] = 1;
    count.copy(head);
  }
  const parts = [head];
  for (const { uuid, tag, intervals } of set) {
    parts.push(uuidBytes(uuid));
    // The length of a tag is a variable-length integer that holds twice its value in one byte below 64.
    if (tagged) parts.push(Buffer.from([tag.length * 2]), Buffer.from(tag));
    parts.push(u64(intervals.length));
    for (const { first, last } of intervals) parts.push(u64(first), u64(last + 1));
  }
  return Buffer.concat(parts);
}

/** @throws SkeinError INVALID_GTID when the bytes are cut short or not of this form */
export function decodeGtidSet(bytes: Buffer): GtidSet {
  try {
    return readGtidSet(bytes);
  } catch (error) {
    throw new SkeinError('INVALID_GTID', 'A binary GTID set is cut short or of an unknown form.', {
      cause: error,
    });
  }
}

function readGtidSet(bytes: Buffer): GtidSet {
  const tagged = bytes[7] === 1;
  const count = tagged ? bytes.readUIntLE(1, 6) : Number(bytes.readBigUInt64LE(0));
  const set: GtidSet = [];
  let at = 8;
  for (let i = 0; i < count; i++) {
    const hex = bytes.toString('hex', at, at + 16);
    if (hex.length !== 32) throw new RangeError('uuid');
    at += 16;
    let tag = '';
    if (tagged) {
      const length = bytes.readUInt8(at) >> 1;
      tag = bytes.toString('latin1', at + 1, at + 1 + length);
      at += 1 + length;
    }
    const intervals: Interval[] = [];
    const intervalCount = Number(bytes.readBigUInt64LE(at));
    at += 8;
    for (let j = 0; j < intervalCount; j++) {
      intervals.push({
        first: Number(bytes.readBigUInt64LE(at)),
        last: Number(bytes.readBigUInt64LE(at + 8)) - 1,
      });
      at += 16;
    }
    set.push({ uuid: hyphenated(hex), tag, intervals });
  }
  return set;
}

function hyphenated(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

const COM_BINLOG_DUMP_GTID = 0x1e;
/** The source may send the newer, tagged heartbeats (type 41). */
const USE_HEARTBEAT_V2 = 0x2;

/** Payload of COM_BINLOG_DUMP_GTID: flags, server id, no file, position 4, and the set that is there already. */
export function encodeDumpGtid(serverId: number, executed: GtidSet): Buffer {
  const set = encodeGtidSet(executed);
  const head = Buffer.alloc(1 + 2 + 4 + 4 + 8 + 4);
  head[0] = COM_BINLOG_DUMP_GTID;
  head.writeUInt16LE(USE_HEARTBEAT_V2, 1);
  head.writeUInt32LE(serverId, 3);
  head.writeUInt32LE(0, 7);
  head.writeBigUInt64LE(4n, 11);
  head.writeUInt32LE(set.length, 19);
  return Buffer.concat([head, set]);
}

export function decodeDumpGtid(payload: Buffer): { serverId: number; executed: GtidSet } {
  const nameLength = payload.readUInt32LE(7);
  const at = 11 + nameLength + 8;
  return {
    serverId: payload.readUInt32LE(3),
    executed: decodeGtidSet(payload.subarray(at + 4, at + 4 + payload.readUInt32LE(at))),
  };
}
