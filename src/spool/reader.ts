import { join } from 'node:path';
import { messageOf, SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import { LAST_FRAGMENT, RECORD_HEADER_SIZE, RECORD_KIND, RECORD_SIZE_MAX, readU53 } from '../wire/record.js';
import { type Format, formatAt } from './format.js';
import { faultAt } from './order.js';
import type { Segment } from './segment.js';
import { readRange, type Storage, type StorageFile } from './storage.js';
import type { Tail, TailEntry } from './tail.js';

/** Reads the spool in order, each reader at its own pace. One call of `next` at a time. */
export interface SpoolReader {
  /**
   * Some whole records of ordinals <= `limitOrdinal`, about `bytesMax` bytes at most but at least one record; null when
   * there is none yet. A large group comes in several pieces. The first record of all is the FORMAT record in force,
   * where there is one. The bytes may be shared with other readers: do not change them.
   * @throws SkeinError SPOOL_PURGED, SPOOL_CUT (it had passed the place of the cut), SPOOL_DAMAGED, SPOOL_FAILED,
   *   SPOOL_CLOSED
   */
  next(limitOrdinal: number, bytesMax: number): Promise<Buffer | null>;
  close(): void;
}

/** What a reader needs of its spool. */
export interface ReaderSource {
  readonly directory: string;
  readonly storage: Storage;
  readonly tail: Tail;
  readonly endOrdinal: number;
  readonly begin: number;
  /** Throws when reading is no longer allowed. */
  check(): void;
  segmentOf(ordinal: number): Segment | null;
  segmentAfter(segment: Segment): Segment | null;
  formatFor(ordinal: number): Format | null;
  /** Resolves when the write that is under way or due is done; null when nothing is on its way. */
  written(): Promise<void> | null;
  /** Bytes on disk that were sound are damaged now. */
  foundDamage(file: string, offset: number, fault: string): SkeinError;
  detach(reader: Reader): void;
}

/** Size of one positional read. */
const READ_BYTES_MIN = 64 * 1024;

export class Reader implements SpoolReader {
  readonly #source: ReaderSource;
  /** The ordinal of the next record; its first fragments were handed out already when `#midGroup`. */
  #ordinal: number;
  #midGroup = false;
  /** The last ordinal of which any byte was delivered. */
  #handedOrdinal = 0;
  #entry: TailEntry | null = null;
  #at = 0;
  #segment: Segment | null = null;
  #offset = 0;
  #file: StorageFile | null = null;
  #fileOf: Segment | null = null;
  #format: Buffer | null = null;
  /** The reader went to a new place by ordinal, and may have skipped a FORMAT record before it. */
  #formatDue = true;
  /** The reader skips records until it reaches its place. */
  #seeking = false;
  #broken: SkeinError | null = null;
  /** Counts cuts, so that a read that ran during a cut is dropped. */
  #generation = 0;

  constructor(source: ReaderSource, fromOrdinal: number) {
    this.#source = source;
    this.#ordinal = fromOrdinal;
  }

  async next(limitOrdinal: number, bytesMax: number): Promise<Buffer | null> {
    for (;;) {
      if (this.#broken) throw this.#broken;
      this.#source.check();
      const limit = Math.min(limitOrdinal, this.#source.endOrdinal);
      if (this.#ordinal > limit) return null;
      const isInTail = this.#inTail();
      const segment = isInTail ? null : this.#place();
      const format = this.#formatDue ? this.#changedFormat() : null;
      if (format) return format;
      const bytes = segment
        ? await this.#fromFile(segment, limit, bytesMax)
        : this.#fromTail(limit, bytesMax);
      if (bytes && bytes.length > 0) return bytes;
    }
  }

  close(): void {
    this.#broken ??= new SkeinError('SPOOL_CLOSED', 'This reader of the spool is closed.');
    this.#entry = null;
    this.#closeFile();
    this.#source.detach(this);
  }

  /** The spool was cut. The reader goes on unless it has delivered a part that was cut. */
  onCut(after: Position): void {
    this.#generation += 1;
    if (this.#handedOrdinal > after.ordinal) {
      this.#broken ??= new SkeinError(
        'SPOOL_CUT',
        `The spool was cut after ordinal ${after.ordinal}, and this reader was already at ${this.#ordinal}.`,
        { data: { after: after.ordinal, reader: this.#ordinal } },
      );
      return;
    }
    // Before the cut its place is still valid, perhaps in the middle of a group.
    if (this.#ordinal <= after.ordinal) return;
    this.#entry = null;
    this.#segment = null;
  }

  /** Whether the next record is to be taken from memory; finds its place where it has none. */
  #inTail(): boolean {
    const entry = this.#entry;
    if (entry && !entry.evicted) return true;
    if (entry) {
      this.#entry = null;
      this.#segment = entry.segment;
      this.#offset = entry.offset + this.#at;
    }
    if (this.#midGroup || !this.#source.tail.mayHold(this.#ordinal)) return false;
    const place = this.#source.tail.locate(this.#ordinal);
    if (!place) return false;
    this.#entry = place.entry;
    this.#at = place.at;
    this.#formatDue = true;
    this.#segment = null;
    this.#closeFile();
    return true;
  }

  /** The FORMAT record that applies to the next record, when it is not the one that was delivered last. */
  #changedFormat(): Buffer | null {
    this.#formatDue = false;
    const format = this.#source.formatFor(this.#ordinal);
    if (!format || this.#format?.equals(format.payload)) return null;
    this.#format = format.payload;
    return format.record;
  }

  #fromTail(limit: number, bytesMax: number): Buffer | null {
    let entry = this.#entry;
    while (entry && this.#at >= entry.bytes.length && entry.next) {
      entry = entry.next;
      this.#entry = entry;
      this.#at = 0;
    }
    if (!entry) return null;
    const { bytes } = entry;
    const from = this.#at;
    if (entry.lastOrdinal <= limit && bytes.length - from <= bytesMax) {
      this.#at = bytes.length;
      this.#midGroup = !entry.endsGroup;
      this.#ordinal = entry.endsGroup ? entry.lastOrdinal + 1 : entry.lastOrdinal;
      this.#handedOrdinal = entry.lastOrdinal;
      this.#format = entry.format?.payload ?? this.#format;
      return bytes.subarray(from);
    }
    let at = from;
    while (at < bytes.length) {
      const size = bytes.readUInt32LE(at);
      if (readU53(bytes, at + 16) > limit) break;
      if (at > from && at + size - from > bytesMax) break;
      if (bytes[at + 8] === RECORD_KIND.format) this.#format = formatAt(bytes, at, 0).payload;
      this.#passed(bytes, at);
      at += size;
    }
    this.#at = at;
    return bytes.subarray(from, at);
  }

  /** Notes that the record at `at` is delivered. */
  #passed(bytes: Buffer, at: number): void {
    if (bytes[at + 8] !== RECORD_KIND.group) return;
    const ordinal = readU53(bytes, at + 16);
    this.#midGroup = ((bytes[at + 9] ?? 0) & LAST_FRAGMENT) === 0;
    this.#ordinal = this.#midGroup ? ordinal : ordinal + 1;
    this.#handedOrdinal = ordinal;
  }

  async #fromFile(segment: Segment, limit: number, bytesMax: number): Promise<Buffer | null> {
    const generation = this.#generation;
    this.#offset = segment.skipDead(this.#offset);
    if (this.#offset >= segment.size) {
      const after = this.#source.segmentAfter(segment);
      if (after && !this.#midGroup) {
        this.#segment = after;
        this.#offset = 0;
      } else {
        // The rest of a large group is on its way to the file.
        const written = this.#source.written();
        if (!written) throw this.#source.foundDamage(segment.name, this.#offset, 'records are missing');
        await written;
      }
      return null;
    }
    const file = await this.#open(segment);
    if (!file || generation !== this.#generation) return null;
    const wanted = Math.max(bytesMax, READ_BYTES_MIN);
    let bytes = await this.#read(file, segment, wanted);
    const first = bytes.length >= 4 ? bytes.readUInt32LE(0) : 0;
    if (first > bytes.length && first <= RECORD_SIZE_MAX) bytes = await this.#read(file, segment, first);
    if (this.#broken) throw this.#broken;
    if (generation !== this.#generation) return null;
    return this.#take(segment, bytes, limit, bytesMax);
  }

  async #read(file: StorageFile, segment: Segment, wanted: number): Promise<Buffer> {
    try {
      return await readRange(file, this.#offset, Math.min(segment.size, this.#offset + wanted));
    } catch (cause) {
      throw this.#source.foundDamage(segment.name, this.#offset, `unreadable: ${messageOf(cause)}`);
    }
  }

  #place(): Segment {
    if (this.#segment?.removed) {
      this.#segment = null;
      if (this.#midGroup) this.#ordinalGone();
    }
    if (this.#segment) return this.#segment;
    const segment = this.#source.segmentOf(this.#ordinal);
    if (!segment) return this.#ordinalGone();
    this.#segment = segment;
    this.#offset = segment.offsetBefore(this.#ordinal);
    this.#seeking = true;
    this.#formatDue = true;
    return segment;
  }

  #ordinalGone(): never {
    throw purged(this.#ordinal, this.#source.begin);
  }

  /** Keeps the records of `bytes` that are delivered, moved together; drops the others (marks, repeated FORMAT records). */
  #take(segment: Segment, bytes: Buffer, limit: number, bytesMax: number): Buffer {
    let kept = 0;
    let at = 0;
    while (at < bytes.length) {
      const dead = segment.skipDead(this.#offset);
      if (dead !== this.#offset) {
        at += dead - this.#offset;
        this.#offset = dead;
        continue;
      }
      const fault = faultAt(bytes, at, true);
      if (fault === 'truncated' && at > 0) break;
      if (fault) throw this.#source.foundDamage(segment.name, this.#offset, fault);
      const size = bytes.readUInt32LE(at);
      const ordinal = readU53(bytes, at + 16);
      const kind = bytes[at + 8];
      if (kind === RECORD_KIND.group) {
        if (ordinal > limit) break;
        if (ordinal >= this.#ordinal) this.#seeking = false;
      }
      if (kind !== RECORD_KIND.mark && !this.#seeking) {
        if (kept > 0 && kept + size > bytesMax) break;
        if (kind === RECORD_KIND.group || this.#isNewFormat(bytes, at)) {
          if (kept !== at) bytes.copyWithin(kept, at, at + size);
          kept += size;
          this.#passed(bytes, kept - size);
        }
      }
      at += size;
      this.#offset += size;
    }
    return bytes.subarray(0, kept);
  }

  #isNewFormat(bytes: Buffer, at: number): boolean {
    const payloadAt = at + RECORD_HEADER_SIZE + (bytes[at + 10] ?? 0) + (bytes[at + 11] ?? 0);
    if (this.#format?.equals(bytes.subarray(payloadAt, at + bytes.readUInt32LE(at)))) return false;
    this.#format = formatAt(bytes, at, 0).payload;
    return true;
  }

  async #open(segment: Segment): Promise<StorageFile | null> {
    if (this.#file && this.#fileOf === segment) return this.#file;
    this.#closeFile();
    let file: StorageFile;
    try {
      file = await this.#source.storage.open(join(this.#source.directory, segment.name), 'read');
    } catch (error) {
      if (segment.removed) return null;
      throw error;
    }
    if (this.#broken) {
      await file.close();
      throw this.#broken;
    }
    this.#file = file;
    this.#fileOf = segment;
    return file;
  }

  #closeFile(): void {
    const file = this.#file;
    this.#file = null;
    this.#fileOf = null;
    // An error of closing a read-only file has no effect.
    file?.close().catch(() => {});
  }
}

export function purged(ordinal: number, begin: number): SkeinError {
  return new SkeinError(
    'SPOOL_PURGED',
    `Ordinal ${ordinal} is not in the spool any more, it begins at ${begin}.`,
    { data: { ordinal, begin } },
  );
}
