/**
 * The bytes of a backup file:
 *
 *   "SKEIN BACKUP\n"
 *   frame head (JSON) · frame data · frame data · ... · frame tail (JSON)      or, instead of the tail: frame error (JSON)
 *
 * A frame: u8 kind, u32 length (big endian), the bytes, and 32 bytes: SHA-256 of the whole file up to here. So each frame
 * proves all before it, the last one the whole file, and a cut is seen because the tail is missing.
 */
import { createHash, type Hash } from 'node:crypto';

export const MAGIC = Buffer.from('SKEIN BACKUP\n');
export const FRAME = { head: 1, data: 2, tail: 3, error: 4 } as const;
export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

export const FRAME_HEADER_BYTES = 5;
export const DIGEST_BYTES = 32;
/** A reader keeps one frame in memory. */
export const FRAME_BYTES_MAX = 16 * 2 ** 20;

/** The digest of everything so far. */
export class RunningDigest {
  readonly #hash: Hash = createHash('sha256');

  update(...parts: readonly Uint8Array[]): this {
    for (const part of parts) this.#hash.update(part);
    return this;
  }

  now(): Buffer {
    return this.#hash.copy().digest();
  }
}

/** The parts of one frame, in their order. `digest` has taken everything before it. */
export function frameParts(kind: FrameKind, body: Buffer, digest: RunningDigest): Buffer[] {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt8(kind, 0);
  header.writeUInt32BE(body.length, 1);
  const sum = digest.update(header, body).now();
  digest.update(sum);
  return [header, body, sum];
}
