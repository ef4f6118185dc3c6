/**
 * Compresses larger answers for clients that ask for it. zlib works in the threads that also write and sync files, the
 * spool's among them. So one answer is compressed at a time, at the fastest level; others are sent uncompressed meanwhile.
 */
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { wantsGzip } from './accept.js';

const gzipped = promisify(gzip);

/** Below this, compression saves one packet at most. */
const COMPRESS_MIN_BYTES = 4 * 1024;

export class AnswerCompression {
  #busy = false;

  /** Whether an answer is compressed now: it is large, its client takes gzip, and no other one is being compressed. */
  suits(text: string, acceptEncoding: string | undefined): boolean {
    return text.length >= COMPRESS_MIN_BYTES && !this.#busy && wantsGzip(acceptEncoding);
  }

  async compress(text: string): Promise<Buffer> {
    this.#busy = true;
    try {
      return await gzipped(text, { level: constants.Z_BEST_SPEED });
    } finally {
      this.#busy = false;
    }
  }
}
