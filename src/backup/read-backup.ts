import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { SkeinError } from '../model/error.js';
import {
  DIGEST_BYTES,
  FRAME,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  MAGIC,
  RunningDigest,
} from './backup-frames.js';
import { AnyHead, BACKUP_FORMAT, BackupError, BackupHead, BackupTail } from './backup-head.js';

/** A piece of a backup: the head first, then the data as it is stored, the tail last. Each was checked before it is given. */
export type BackupPiece =
  | { readonly kind: 'head'; readonly head: BackupHead }
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'tail'; readonly tail: BackupTail };

/**
 * Reads and checks a backup file. Only after the `tail` it is certain that the file is whole.
 * @throws SkeinError NOT_A_BACKUP, BACKUP_NEWER, BACKUP_CUT, BACKUP_DAMAGED, BACKUP_FAILED (it was never finished)
 */
export async function* readBackup(source: AsyncIterable<Uint8Array>): AsyncGenerator<BackupPiece> {
  const bytes = new ByteSource(source);
  const magic = await bytes.take(MAGIC.length);
  if (magic === null || !magic.equals(MAGIC))
    throw new SkeinError('NOT_A_BACKUP', 'This is not a backup that `skein backup` has made.');
  const digest = new RunningDigest().update(MAGIC);
  let storedBytes = 0;
  for (let first = true; ; first = false) {
    const at = bytes.position;
    const { kind, body } = await readFrame(bytes, digest);
    if (first !== (kind === FRAME.head)) throw damaged(at);
    switch (kind) {
      case FRAME.head:
        yield { kind: 'head', head: headOf(body, at) };
        break;
      case FRAME.data:
        storedBytes += body.length;
        yield { kind: 'data', bytes: body };
        break;
      case FRAME.tail: {
        const tail = checkedValue(BackupTail, body, at);
        if (tail.storedBytes !== storedBytes) throw damaged(at);
        if ((await bytes.take(1)) !== null) throw damaged(bytes.position - 1);
        yield { kind: 'tail', tail };
        return;
      }
      case FRAME.error: {
        const { message } = checkedValue(BackupError, body, at);
        throw new SkeinError('BACKUP_FAILED', `The backup was not finished: ${message}`);
      }
      default:
        throw damaged(at);
    }
  }
}

async function readFrame(bytes: ByteSource, digest: RunningDigest): Promise<{ kind: number; body: Buffer }> {
  const at = bytes.position;
  const header = await bytes.need(FRAME_HEADER_BYTES);
  const length = header.readUInt32BE(1);
  if (length > FRAME_BYTES_MAX) throw damaged(at);
  const body = await bytes.need(length);
  const sum = await bytes.need(DIGEST_BYTES);
  if (!digest.update(header, body).now().equals(sum)) throw damaged(at);
  digest.update(sum);
  return { kind: header.readUInt8(0), body };
}

function headOf(body: Buffer, at: number): BackupHead {
  const value = parsed(body, at);
  const format = Value.Check(AnyHead, value) ? value.format : 0;
  if (format > BACKUP_FORMAT) {
    throw new SkeinError(
      'BACKUP_NEWER',
      `This backup has format ${format}, and this Skein knows formats up to ${BACKUP_FORMAT}. Use the Skein that made it, or a newer one.`,
    );
  }
  return checkedValue(BackupHead, body, at);
}

function checkedValue<S extends TSchema>(schema: S, body: Buffer, at: number): Static<S> {
  const value = parsed(body, at);
  if (!Value.Check(schema, value)) throw damaged(at);
  return value;
}

function parsed(body: Buffer, at: number): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw damaged(at);
  }
}

function damaged(at: number): SkeinError {
  return new SkeinError(
    'BACKUP_DAMAGED',
    `The backup is damaged in its part that begins at byte ${at}. It cannot be used; take another one.`,
    { data: { at } },
  );
}

/** Takes exact numbers of bytes from pieces of any size. */
class ByteSource {
  position = 0;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** @throws SkeinError BACKUP_CUT */
  async need(count: number): Promise<Buffer> {
    const bytes = await this.take(count);
    if (bytes !== null) return bytes;
    throw new SkeinError(
      'BACKUP_CUT',
      `The backup was cut: it ends after ${this.position + this.#length} bytes, before its own end. It cannot be used; take another one.`,
    );
  }

  /** Null when it ends before that. */
  async take(count: number): Promise<Buffer | null> {
    while (this.#length < count) {
      const { value, done } = await this.#iterator.next();
      if (done === true) return null;
      this.#parts.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
      this.#length += value.byteLength;
    }
    const all = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [all.subarray(count)];
    this.#length -= count;
    this.position += count;
    return all.subarray(0, count);
  }
}
