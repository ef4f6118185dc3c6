import { crc32 } from 'node:zlib';
import { SkeinError } from '../model/error.js';

/**
 * A record is one transaction group (or a piece of a large one), encoded once by the source and then passed on
 * unchanged: the same bytes are sent to every replica and stored in its spool, and the same CRC protects them everywhere.
 *
 *   0  u32 size       whole record, header included, little endian like all numbers here
 *   4  u32 crc        CRC-32 of the bytes from 8 to the end
 *   8  u8  kind       RECORD_KIND
 *   9  u8  flags      FIRST_FRAGMENT | LAST_FRAGMENT (both set: the group is whole)
 *  10  u8  gtidSize
 *  11  u8  previousGtidSize
 *  12  u32 epoch
 *  16  u53 ordinal    low u32, high u32
 *  24  u53 atMs       wall clock of the primary's node when it read the group (Unix ms): the marker for lag
 *  32  gtid, previous gtid   in the flavour's binary form; previous is empty for ordinal 1
 *  ..  payload        binary log events, one after the other, without packet headers
 */
export const RECORD_KIND = {
  /** One transaction group. */
  group: 1,
  /** The FORMAT_DESCRIPTION event of the groups that follow; `ordinal` is that of the last group before it. */
  format: 2,
  /** Only in the spool's files: everything before this record in this file was fsynced. */
  mark: 3,
} as const;

export const FIRST_FRAGMENT = 1;
export const LAST_FRAGMENT = 2;
export const WHOLE = FIRST_FRAGMENT | LAST_FRAGMENT;

export const RECORD_HEADER_SIZE = 32;
export const GTID_SIZE_MAX = 64;
/** A group larger than this is cut into fragments, so that no buffer on the path grows with the transaction. */
const FRAGMENT_PAYLOAD_MAX = 1024 * 1024;
export const RECORD_SIZE_MAX = RECORD_HEADER_SIZE + 2 * GTID_SIZE_MAX + FRAGMENT_PAYLOAD_MAX;

export interface RecordHeader {
  size: number;
  kind: number;
  flags: number;
  epoch: number;
  ordinal: number;
  atMs: number;
  gtid: Buffer;
  previousGtid: Buffer;
  /** Offset of the payload from the record's start. */
  payloadOffset: number;
}

export interface RecordFields {
  kind: number;
  flags: number;
  epoch: number;
  ordinal: number;
  atMs: number;
  gtid: Uint8Array;
  previousGtid: Uint8Array;
}

const U32 = 0x1_0000_0000;

export function readU53(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * U32;
}

export function writeU53(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32LE(value % U32, offset);
  bytes.writeUInt32LE(Math.floor(value / U32), offset + 4);
}

/**
 * Writes the header into `target` at `offset`; the payload must already stand behind it, because the CRC covers it.
 * Room for the header is `RECORD_HEADER_SIZE + gtid + previousGtid` bytes. Returns the record's size.
 */
export function sealRecord(
  target: Buffer,
  offset: number,
  fields: RecordFields,
  payloadSize: number,
): number {
  const { gtid, previousGtid } = fields;
  const size = RECORD_HEADER_SIZE + gtid.length + previousGtid.length + payloadSize;
  target.writeUInt32LE(size, offset);
  target[offset + 8] = fields.kind;
  target[offset + 9] = fields.flags;
  target[offset + 10] = gtid.length;
  target[offset + 11] = previousGtid.length;
  target.writeUInt32LE(fields.epoch, offset + 12);
  writeU53(target, fields.ordinal, offset + 16);
  writeU53(target, fields.atMs, offset + 24);
  target.set(gtid, offset + RECORD_HEADER_SIZE);
  target.set(previousGtid, offset + RECORD_HEADER_SIZE + gtid.length);
  target.writeUInt32LE(crc32(target.subarray(offset + 8, offset + size)), offset + 4);
  return size;
}

export function encodeRecord(fields: RecordFields, payload: Uint8Array): Buffer {
  const head = RECORD_HEADER_SIZE + fields.gtid.length + fields.previousGtid.length;
  const record = Buffer.allocUnsafe(head + payload.length);
  record.set(payload, head);
  sealRecord(record, 0, fields, payload.length);
  return record;
}

export type RecordFault = 'truncated' | 'size' | 'crc';

/**
 * What is wrong with the record at `offset`, or null.
 * 'truncated': the bytes end before it does; 'size': its size is impossible; 'crc': its bytes were changed.
 */
export function recordFault(bytes: Buffer, offset: number): RecordFault | null {
  if (bytes.length - offset < RECORD_HEADER_SIZE) return 'truncated';
  const size = bytes.readUInt32LE(offset);
  if (size < RECORD_HEADER_SIZE || size > RECORD_SIZE_MAX) return 'size';
  if (bytes.length - offset < size) return 'truncated';
  if (crc32(bytes.subarray(offset + 8, offset + size)) !== bytes.readUInt32LE(offset + 4)) return 'crc';
  return null;
}

/** Reads a header whose record is known to be whole and sound (see recordFault). Slices, copies nothing. */
export function readRecordHeader(bytes: Buffer, offset: number): RecordHeader {
  const gtidAt = offset + RECORD_HEADER_SIZE;
  const previousAt = gtidAt + (bytes[offset + 10] ?? 0);
  const payloadAt = previousAt + (bytes[offset + 11] ?? 0);
  return {
    size: bytes.readUInt32LE(offset),
    kind: bytes[offset + 8] ?? 0,
    flags: bytes[offset + 9] ?? 0,
    epoch: bytes.readUInt32LE(offset + 12),
    ordinal: readU53(bytes, offset + 16),
    atMs: readU53(bytes, offset + 24),
    gtid: bytes.subarray(gtidAt, previousAt),
    previousGtid: bytes.subarray(previousAt, payloadAt),
    payloadOffset: payloadAt - offset,
  };
}

/**
 * Walks over a buffer of whole records after checking each.
 * @throws SkeinError RECORD_DAMAGED with the offset and the fault
 */
export function* walkRecords(bytes: Buffer, start = 0): Generator<{ offset: number; header: RecordHeader }> {
  let offset = start;
  while (offset < bytes.length) {
    const fault = recordFault(bytes, offset);
    if (fault) {
      throw new SkeinError('RECORD_DAMAGED', `A record at byte ${offset} is damaged (${fault}).`, {
        data: { offset, fault },
      });
    }
    const header = readRecordHeader(bytes, offset);
    yield { offset, header };
    offset += header.size;
  }
}
