import { createGzip, type Gzip, constants as zlib } from 'node:zlib';
import { isSkeinError, messageOf } from '../model/error.js';
import { FRAME, type FrameKind, frameParts, MAGIC, RunningDigest } from './backup-frames.js';
import type { BackupHead, BackupTail } from './backup-head.js';

/** Bytes of a data frame: large enough that frames cost nothing. */
const DATA_FRAME_BYTES = 2 ** 20;

export interface BackupSource {
  readonly head: BackupHead;
  /** The snapshot; ends when it is whole, and fails when it is not. A piece is valid until the next one is asked for. */
  readonly content: AsyncIterable<Buffer>;
  /** The reader of the backup has stopped. */
  stop(): void;
  /** After `content` has ended. */
  tail(): Promise<Omit<BackupTail, 'contentBytes' | 'storedBytes' | 'ended'>>;
}

/**
 * The bytes of a backup file. When the snapshot fails, the last frame says why: the file is no backup then. When the reader
 * stops, `stop` is called.
 */
export async function* writeBackup({ head, content, tail, stop }: BackupSource): AsyncGenerator<Buffer> {
  const digest = new RunningDigest().update(MAGIC);
  const frame = (kind: FrameKind, body: Buffer) => Buffer.concat(frameParts(kind, body, digest));
  const json = (value: object) => Buffer.from(JSON.stringify(value));
  // Level 1: twice as fast as the default, and nearly as small for pages of tables.
  const packed = createGzip({ level: zlib.Z_BEST_SPEED, chunkSize: 256 * 1024 });
  const packing = pack(content, packed);
  packing.catch((error: Error) => packed.destroy(error));
  let storedBytes = 0;
  try {
    yield Buffer.concat([MAGIC, frame(FRAME.head, json(head))]);
    for await (const body of gathered(packed)) {
      storedBytes += body.length;
      yield frame(FRAME.data, body);
    }
    const contentBytes = await packing;
    const ended = new Date().toISOString();
    yield frame(FRAME.tail, json({ ...(await tail()), contentBytes, storedBytes, ended }));
  } catch (error) {
    const code = isSkeinError(error) ? error.code : 'SNAPSHOT_FAILED';
    yield frame(FRAME.error, json({ code, message: messageOf(error) }));
  } finally {
    packed.destroy();
    stop();
  }
}

/** Resolves with the number of bytes. */
async function pack(content: AsyncIterable<Buffer>, packed: Gzip): Promise<number> {
  let bytes = 0;
  for await (const piece of content) {
    bytes += piece.length;
    await new Promise<void>((resolve, reject) => {
      packed.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  }
  packed.end();
  return bytes;
}

async function* gathered(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    bytes += chunk.length;
    if (bytes < DATA_FRAME_BYTES) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(parts);
}
