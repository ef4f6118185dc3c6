import { join } from 'node:path';
import type { Clock, Timer } from '../std/clock.js';
import { encodeMark } from './mark.js';
import type { GroupEnd } from './order.js';
import { createSegment } from './recovery.js';
import type { Segment } from './segment.js';
import type { Storage, StorageFile } from './storage.js';
import type { TailEntry } from './tail.js';

/**
 * Group commit. One durable write runs at a time; entries that arrive meanwhile go into the next write. An entry counts as
 * durable only after its write has returned.
 * The queue stops at the first error: after a failed fsync it is unknown what is on the disk, and a second fsync would
 * report success for pages that are lost.
 */
export interface CommitQueueModules {
  readonly storage: Storage;
  readonly clock: Clock;
  /** A new segment is in use; its file and name are durable. */
  readonly onSegment: (segment: Segment) => void;
  /** Everything up to `end` is on the disk. */
  readonly onSynced: (end: GroupEnd) => void;
  readonly onFailed: (cause: unknown) => void;
}

export interface CommitQueueOptions {
  readonly directory: string;
  readonly incarnation: string;
  /** Idle time after which the closing mark is written, ms. */
  readonly idleMarkMs: number;
  /** Zeros written ahead of the records at a time; 0 = none. */
  readonly preallocateBytes: number;
}

/** Larger commits are rare, and preallocation would only write them twice. */
const COMMITS_PER_PREALLOCATION = 4;

/** Batching time and size of entries that no commit waits for. */
const BATCH_MS = 50;
const GATHER_BYTES_MAX = 256 * 1024;

export class CommitQueue {
  readonly #options: CommitQueueOptions;
  readonly #modules: CommitQueueModules;
  #segment: Segment;
  #file: StorageFile;
  #synced: GroupEnd;
  #pending: TailEntry[] = [];
  #pendingBytes = 0;
  #writingBytes = 0;
  #pump: Promise<void> | null = null;
  #failed = false;
  /**
   * Up to here the file is preallocated with zeros. A durable write into it changes data only, which costs the disk and the
   * file system less than a write that extends the file.
   */
  #zerosEnd = 0;
  #preallocating: Promise<void> | null = null;
  #preallocates: boolean;
  readonly #zeros: Buffer;
  /** Some synced bytes are not covered by a mark yet. */
  #markDue = false;
  #lastSyncMs = 0;
  #markTimer: Timer | null = null;
  #batchTimer: Timer | null = null;
  #waiting: (() => void)[] = [];

  constructor(
    options: CommitQueueOptions,
    modules: CommitQueueModules,
    active: { segment: Segment; file: StorageFile; end: GroupEnd },
  ) {
    this.#options = options;
    this.#modules = modules;
    this.#segment = active.segment;
    this.#file = active.file;
    this.#synced = active.end;
    this.#preallocates = options.preallocateBytes > 0;
    this.#zeros = Buffer.alloc(options.preallocateBytes);
  }

  /** Bytes that are not durable yet. */
  get pendingBytes(): number {
    return this.#pendingBytes + this.#writingBytes;
  }

  get file(): StorageFile {
    return this.#file;
  }

  push(entry: TailEntry): void {
    this.#pending.push(entry);
    this.#pendingBytes += entry.bytes.length;
  }

  /** Writes the pushed entries soon: a commit waits for them. */
  write(): void {
    if (this.#pump || this.#failed || this.#pending.length === 0) return;
    // At the end of this turn of the event loop, so that its appends share a write.
    this.#pump = Promise.resolve().then(() => this.#run());
  }

  /** No commit waits for the pushed entries: they are batched with the next ones. */
  writeSoon(): void {
    if (this.#pendingBytes >= GATHER_BYTES_MAX) this.write();
    else {
      this.#batchTimer ??= this.#modules.clock.setTimer(BATCH_MS, () => {
        this.#batchTimer = null;
        this.write();
      });
    }
  }

  /** An entry that is not being written yet has lost `bytes` of its end. */
  shortened(entry: TailEntry, bytes: number): void {
    if (this.#pending.includes(entry)) this.#pendingBytes -= bytes;
    else this.#writingBytes -= bytes;
  }

  /** Resolves when all that was pushed is durable, or has failed. */
  async idle(): Promise<void> {
    this.write();
    while (this.#pump || this.#preallocating) await (this.#pump ?? this.#preallocating);
  }

  /** Resolves after the next write; null when none is running or due. */
  written(): Promise<void> | null {
    this.write();
    if (!this.#pump) return null;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Writes and syncs a mark that proves the last sync. After this every byte of the file is proven. */
  async seal(): Promise<void> {
    await this.idle();
    const { clock } = this.#modules;
    clock.clearTimer(this.#batchTimer);
    clock.clearTimer(this.#markTimer);
    this.#batchTimer = null;
    this.#markTimer = null;
    if (this.#failed) return;
    await this.#guard(async () => {
      if (this.#markDue) await this.#writeMark();
      await this.#trimPreallocation();
      await this.#file.datasync();
    });
  }

  /** Continues at another place in the files; only while idle. */
  moveTo(active: { segment: Segment; file: StorageFile; end: GroupEnd }): void {
    this.#segment = active.segment;
    this.#file = active.file;
    this.#synced = active.end;
    this.#markDue = false;
    this.#zerosEnd = 0;
  }

  async #run(): Promise<void> {
    while (this.#pending.length > 0 && !this.#failed) {
      const entries = this.#take();
      const done = await this.#guard(() => this.#commit(entries));
      this.#writingBytes = 0;
      if (done && !this.#failed) this.#modules.onSynced(this.#synced);
    }
    this.#pump = null;
    this.#release();
    if (!this.#failed) this.#armMark();
  }

  /** The entries of the next commit: all, but not beyond the beginning of a new segment. */
  #take(): TailEntry[] {
    const opens = this.#pending.findIndex((entry, index) => index > 0 && entry.opensSegment !== null);
    const entries = opens < 0 ? this.#pending : this.#pending.slice(0, opens);
    this.#pending = opens < 0 ? [] : this.#pending.slice(opens);
    for (const entry of entries) this.#writingBytes += entry.bytes.length;
    this.#pendingBytes -= this.#writingBytes;
    return entries;
  }

  async #commit(entries: readonly TailEntry[]): Promise<void> {
    const opens = entries[0]?.opensSegment;
    if (opens) await this.#nextSegment(opens);
    const segment = this.#segment;
    const mark = this.#mark();
    const buffers = [mark];
    let offset = segment.size + mark.length;
    for (const entry of entries) {
      entry.segment = segment;
      entry.offset = offset;
      entry.size = entry.bytes.length;
      if (entry.bytes.length === 0) continue;
      buffers.push(entry.bytes);
      if (entry.startOrdinal > 0) segment.noteGroup(entry.startOrdinal, offset + entry.startAt);
      offset += entry.bytes.length;
    }
    if (offset > this.#zerosEnd) await this.#untilPreallocated();
    const writing = this.#file.writeDurably(buffers, segment.size);
    if (writing) await writing;
    this.#preallocate(offset, offset - segment.size);
    segment.size = offset;
    segment.syncedSize = offset;
    const last = entries.at(-1);
    if (last) segment.lastOrdinal = last.end.ordinal;
    for (const entry of entries) entry.written = true;
    this.#release();
    this.#markDue = true;
    this.#lastSyncMs = this.#modules.clock.nowMs();
    if (last) this.#synced = last.end;
  }

  /** The old segment is proven and synced before the new one exists. So bad bytes in it are always damage. */
  async #nextSegment(opens: NonNullable<TailEntry['opensSegment']>): Promise<void> {
    await this.#untilPreallocated();
    await this.#writeMark();
    await this.#trimPreallocation();
    await this.#file.datasync();
    const { directory, incarnation } = this.#options;
    const next = await createSegment(
      this.#modules.storage,
      directory,
      incarnation,
      opens.base,
      false,
      opens.format,
    );
    const old = this.#file;
    this.#segment = next.segment;
    this.#file = next.file;
    this.#zerosEnd = 0;
    this.#preallocates = this.#options.preallocateBytes > 0;
    this.#modules.onSegment(next.segment);
    await old.close();
  }

  #mark(): Buffer {
    const offset = this.#segment.size;
    // A closing mark that was not synced may stand before this one, hence two numbers.
    const fields = {
      begins: false,
      end: this.#synced,
      syncedOffset: this.#segment.syncedSize,
      offset,
      incarnation: this.#options.incarnation,
    };
    return encodeMark(fields, Date.now());
  }

  async #writeMark(): Promise<void> {
    const mark = this.#mark();
    if (this.#segment.size + mark.length > this.#zerosEnd) await this.#untilPreallocated();
    await this.#file.write([mark], this.#segment.size);
    this.#segment.size += mark.length;
    this.#markDue = false;
  }

  /**
   * Preallocates in parallel to commits, which have half of the zeros left meanwhile. Commits never write where zeros
   * are being written.
   */
  #preallocate(size: number, commitBytes: number): void {
    const { preallocateBytes } = this.#options;
    this.#zerosEnd = Math.max(this.#zerosEnd, size);
    if (!this.#preallocates || this.#preallocating || this.#zerosEnd - size > preallocateBytes / 2) return;
    if (commitBytes > preallocateBytes / COMMITS_PER_PREALLOCATION) return;
    const end = this.#zerosEnd + preallocateBytes;
    this.#preallocating = this.#writeZeros(this.#zerosEnd)
      .then(
        () => {
          this.#zerosEnd = end;
        },
        (cause: NodeJS.ErrnoException) => {
          // A disk that is too full for zeros may still take records. Other errors concern the file itself.
          this.#preallocates = false;
          if (cause.code !== 'ENOSPC') this.#fail(cause);
        },
      )
      .finally(() => {
        this.#preallocating = null;
      });
  }

  /** Uses a descriptor of its own: the system reports a failed write to each descriptor. */
  async #writeZeros(position: number): Promise<void> {
    const path = join(this.#options.directory, this.#segment.name);
    const file = await this.#modules.storage.open(path, 'write');
    try {
      await file.write([this.#zeros], position);
    } finally {
      await file.close();
    }
  }

  /** @throws when the file has failed meanwhile: nothing more is written to it */
  async #untilPreallocated(): Promise<void> {
    await this.#preallocating;
    if (this.#failed) throw new Error('preallocating the spool file failed');
  }

  async #trimPreallocation(): Promise<void> {
    await this.#file.truncate(this.#segment.size);
    this.#zerosEnd = this.#segment.size;
  }

  /** One timer that checks the time when it fires, instead of a new timer for each of thousands of commits per second. */
  #armMark(): void {
    if (this.#markTimer || !this.#markDue) return;
    const { clock } = this.#modules;
    this.#markTimer = clock.setTimer(this.#options.idleMarkMs, () => {
      this.#markTimer = null;
      if (this.#pump || this.#failed || !this.#markDue) return;
      if (clock.nowMs() - this.#lastSyncMs < this.#options.idleMarkMs) {
        this.#armMark();
        return;
      }
      this.#pump = this.#guard(() => this.#writeMark()).then(() => this.#run());
    });
  }

  async #guard(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (cause) {
      this.#fail(cause);
      return false;
    }
  }

  #fail(cause: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#pending = [];
    this.#modules.onFailed(cause);
    this.#release();
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
