import { join } from 'node:path';
import type { Clock, Timer } from '../std/clock.js';
import { encodeMark } from './mark.js';
import type { GroupEnd } from './order.js';
import { createSegment } from './recovery.js';
import type { Segment } from './segment.js';
import type { Storage, StorageFile } from './storage.js';
import type { TailEntry } from './tail.js';

/**
 * Group commit. One durable write is under way at a time; what arrives meanwhile is gathered and goes out with the
 * next. An entry counts as durable only after its write has returned from the disk.
 * The first error of any of these calls is the last thing this queue does: after a failed fsync nobody knows what
 * is on the disk, and asking again would be answered with a yes that means nothing.
 */
export interface CommitQueueModules {
  readonly storage: Storage;
  readonly clock: Clock;
  /** A new segment is in use (file and name are durable). */
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
  readonly roomBytes: number;
}

/** Commits larger than this part of the room are few, and would only be written twice. */
const COMMITS_PER_ROOM = 4;

/** How long, and how much of, what nobody waits for gathers to be written together. */
const GATHER_MS = 50;
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
   * Up to here the file has been written: a durable write over that changes nothing but data, which costs the disk and the
   * file system less than one that makes the file longer.
   */
  #room = 0;
  #makingRoom: Promise<void> | null = null;
  #roomWanted: boolean;
  readonly #zeros: Buffer;
  /** There are synced bytes that no mark speaks of yet. */
  #markDue = false;
  #lastSyncMs = 0;
  #markTimer: Timer | null = null;
  #gathering: Timer | null = null;
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
    this.#roomWanted = options.roomBytes > 0;
    this.#zeros = Buffer.alloc(options.roomBytes);
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

  /** What was pushed is waited for. */
  write(): void {
    if (this.#pump || this.#failed || this.#pending.length === 0) return;
    // Not at once: the appends of this turn of the event loop go out together.
    this.#pump = Promise.resolve().then(() => this.#run());
  }

  /** Nobody waits for what was pushed: it is written together with what follows shortly. */
  writeSoon(): void {
    if (this.#pendingBytes >= GATHER_BYTES_MAX) this.write();
    else {
      this.#gathering ??= this.#modules.clock.setTimer(GATHER_MS, () => {
        this.#gathering = null;
        this.write();
      });
    }
  }

  /** `bytes` of an entry that is not being written yet will not be. */
  shortened(entry: TailEntry, bytes: number): void {
    if (this.#pending.includes(entry)) this.#pendingBytes -= bytes;
    else this.#writingBytes -= bytes;
  }

  /** Resolves when all that was pushed is durable, or has failed. */
  async idle(): Promise<void> {
    this.write();
    while (this.#pump || this.#makingRoom) await (this.#pump ?? this.#makingRoom);
  }

  /** Resolves after the next write; null when nothing is on its way. */
  written(): Promise<void> | null {
    this.write();
    if (!this.#pump) return null;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Writes the mark that proves the last sync, and syncs that too: after this nothing in the file is in doubt. */
  async seal(): Promise<void> {
    await this.idle();
    const { clock } = this.#modules;
    clock.clearTimer(this.#gathering);
    clock.clearTimer(this.#markTimer);
    this.#gathering = null;
    this.#markTimer = null;
    if (this.#failed) return;
    await this.#guard(async () => {
      if (this.#markDue) await this.#writeMark();
      await this.#giveRoomBack();
      await this.#file.datasync();
    });
  }

  /** Takes another place in the files; only while idle. */
  moveTo(active: { segment: Segment; file: StorageFile; end: GroupEnd }): void {
    this.#segment = active.segment;
    this.#file = active.file;
    this.#synced = active.end;
    this.#markDue = false;
    this.#room = 0;
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
    if (offset > this.#room) await this.#roomMade();
    const writing = this.#file.writeDurably(buffers, segment.size);
    if (writing) await writing;
    this.#makeRoom(offset, offset - segment.size);
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

  /** The old segment is proven whole and synced before the new one exists: bad bytes in it can then only be damage. */
  async #nextSegment(opens: NonNullable<TailEntry['opensSegment']>): Promise<void> {
    await this.#roomMade();
    await this.#writeMark();
    await this.#giveRoomBack();
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
    this.#room = 0;
    this.#roomWanted = this.#options.roomBytes > 0;
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
    if (this.#segment.size + mark.length > this.#room) await this.#roomMade();
    await this.#file.write([mark], this.#segment.size);
    this.#segment.size += mark.length;
    this.#markDue = false;
  }

  /** Beside the commits, which have half of the room left meanwhile; nothing is ever written where zeros may still come. */
  #makeRoom(size: number, commitBytes: number): void {
    const { roomBytes } = this.#options;
    this.#room = Math.max(this.#room, size);
    if (!this.#roomWanted || this.#makingRoom || this.#room - size > roomBytes / 2) return;
    if (commitBytes > roomBytes / COMMITS_PER_ROOM) return;
    const end = this.#room + roomBytes;
    this.#makingRoom = this.#writeZeros(this.#room)
      .then(
        () => {
          this.#room = end;
        },
        (cause: NodeJS.ErrnoException) => {
          // A disk without room for zeros may still have some for records. Whatever else it is, it is the file's.
          this.#roomWanted = false;
          if (cause.code !== 'ENOSPC') this.#fail(cause);
        },
      )
      .finally(() => {
        this.#makingRoom = null;
      });
  }

  /** Through a descriptor of its own: what the system says of a failed write reaches each of them. */
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
  async #roomMade(): Promise<void> {
    await this.#makingRoom;
    if (this.#failed) throw new Error('the file of the spool failed while room was made in it');
  }

  async #giveRoomBack(): Promise<void> {
    await this.#file.truncate(this.#segment.size);
    this.#room = this.#segment.size;
  }

  /** One timer, looked at when it fires, instead of a new one after each of thousands of commits per second. */
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
