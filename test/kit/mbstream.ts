import { crc32 } from 'node:zlib';

/** Parts of a stream as mariadb-backup writes it; see src/snapshot/stream-parser.ts. */
export function chunk(type: string, name: string, payload: Buffer | null = null, offset = 0): Buffer {
  const path = Buffer.from(name);
  const head = [Buffer.from('XBSTCK01'), Buffer.from([0, type.charCodeAt(0)]), u32(path.length), path];
  if (payload === null) return Buffer.concat(head);
  return Buffer.concat([...head, u64(payload.length), u64(offset), u32(crc32(payload)), payload]);
}

export const hole = (name: string, until: number) => Buffer.concat([chunk('S', name), u64(until)]);

export const renamed = (from: string, to: string) =>
  Buffer.concat([chunk('R', from), u32(Buffer.byteLength(to)), Buffer.from(to)]);

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
