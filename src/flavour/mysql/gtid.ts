import { createHash } from 'node:crypto';
import { SkeinError } from '../../model/error.js';

/**
 * MySQL's GTID `server_uuid:number`. Each server counts its own transactions. Binary form (ours, in records): the 16 bytes of
 * the UUID, then the number, u64 little endian.
 */
export interface MysqlGtid {
  /** Lower case, with hyphens. */
  readonly uuid: string;
  readonly number: number;
}

const UUID_SIZE = 16;
const U32 = 0x1_0000_0000;
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const TEXT = new RegExp(`^(${UUID}):(\\d{1,16})$`);

/**
 * The UUID of a node's server. It follows from the node's name, so every node knows which transactions of the history are whose.
 * A version 8 UUID (RFC 9562): its bits are our own.
 */
export function uuidOfNode(name: string): string {
  const bytes = createHash('sha256')
    .update('skein server uuid\0')
    .update(name)
    .digest()
    .subarray(0, UUID_SIZE);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return uuidText(bytes);
}

export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, UUID_SIZE).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export function uuidBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

/** @throws SkeinError INVALID_GTID */
export function parseMysqlGtid(text: string): MysqlGtid {
  const match = TEXT.exec(text);
  if (!match) throw new SkeinError('INVALID_GTID', `"${text}" is not a MySQL GTID (server_uuid:number).`);
  return { uuid: match[1] as string, number: Number(match[2]) };
}

export function formatMysqlGtid({ uuid, number }: MysqlGtid): string {
  return `${uuid}:${number}`;
}

export function encodeMysqlGtid({ uuid, number }: MysqlGtid): Buffer {
  const bytes = Buffer.allocUnsafe(UUID_SIZE + 8);
  uuidBytes(uuid).copy(bytes);
  bytes.writeUInt32LE(number % U32, UUID_SIZE);
  bytes.writeUInt32LE(Math.floor(number / U32), UUID_SIZE + 4);
  return bytes;
}

export function decodeMysqlGtid(bytes: Buffer): MysqlGtid {
  return { uuid: uuidText(bytes), number: numberOf(bytes) };
}

/** The number in a binary GTID. */
export function numberOf(bytes: Buffer): number {
  return bytes.readUInt32LE(UUID_SIZE) + bytes.readUInt32LE(UUID_SIZE + 4) * U32;
}
