import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { messageOf, SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import { planAppend, type Run } from './append-plan.js';
import { ChainWalk, type GroupEnd, type GtidText, positionOf, previousGtidOf, textOrEmpty } from './chain.js';
import { CommitQueue } from './commit-queue.js';
import { findGroup } from './find-group.js';
import { Formats } from './format.js';
import { purged, Reader, type ReaderSource, type SpoolReader } from './reader.js';
import { createSegment, type Recovered, recover, type SpoolDamage } from './recovery.js';
import type { Segment } from './segment.js';
import { writeState } from './state-file.js';
import type { Storage } from './storage.js';
import { Tail, type TailEntry } from './tail.js';
import { realTimers, type Timers } from './timers.js';

/**
 * The replica's durable queue of transaction groups: segment files of records as they arrived (wire/record.ts), and
 * marks between them (mark.ts). What it promises: a position that `durable` ever had is there again after any crash,
 * unless it was cut (chain rule, rule C7) or purged. It does not decide what is committed, who may cut, or when it
 * is safe to purge; it does not talk to servers or peers.
 *
 * A damaged spool (rules C6, H12) opens, so that it can be looked at, but takes nothing: its node abstains.
 * One process at a time may have a directory open; that is for the node's own lock to see to.
 */
export interface SpoolOptions {
  readonly directory: string;
  /** A segment that has reached this is followed by the next one at the next group. */
  readonly segmentBytesMax?: number;
  /** Recent records kept in memory for readers. */
  readonly tailBytesMax?: number;
  /** Not yet durable bytes above which `append` asks for a pause. */
  readonly pendingBytesMax?: number;
  /** Idle time after which the last sync is noted by a closing mark. */
  readonly idleMarkMs?: number;
  /** Written with zeros ahead of the records at a time; 0 = nothing. */
  readonly roomBytes?: number;
  /** How long a change of `committed` may wait before it is written down. */
  readonly stateDelayMs?: number;
}

export interface SpoolModules {
  readonly storage: Storage;
  readonly logger: Logger;
  /** A binary GTID as text, by the flavour of the servers. */
  readonly gtidText: GtidText;
  readonly timers?: Timers;
}

/** Where a spool without groups is to go on: what `restartAfter` takes. GTIDs in the flavour's binary form. */
export interface SpoolBase {
  readonly epoch: number;
  readonly ordinal: number;
  readonly gtid: Uint8Array;
  readonly previousGtid: Uint8Array;
}

const MIB = 1024 * 1024;
/** A segment is not made much longer by its room. */
const ROOMS_PER_SEGMENT = 2;
const DEFAULTS = {
  segmentBytesMax: 64 * MIB,
  tailBytesMax: 4 * MIB,
  pendingBytesMax: 8 * MIB,
  idleMarkMs: 50,
  roomBytes: MIB,
  stateDelayMs: 200,
};

export class Spool {
  readonly onDurable = new Emitter<Position>();
  readonly onAppended = new Emitter<Position>();
  readonly onDrain = new Emitter<void>();
  readonly onFailed = new Emitter<SkeinError>();
  /** Damage found while reading, after it was opened sound. */
  readonly onDamaged = new Emitter<SpoolDamage>();
  readonly incarnation: string;

  readonly #options: Required<SpoolOptions>;
  readonly #storage: Storage;
  readonly #logger: Logger;
  readonly #gtidText: GtidText;
  readonly #timers: Timers;
  readonly #segments: Segment[];
  readonly #formats = new Formats();
  readonly #tail: Tail;
  readonly #readers = new Set<Reader>();
  readonly #source: ReaderSource;
  #queue: CommitQueue | null = null;
  #damage: SpoolDamage | null;
  #failed: SkeinError | null = null;
  #closed = false;
  #cutting = false;

  #walk: ChainWalk;
  #end: Position;
  #durable: Position;
  #durableGroup: GroupEnd;
  /** The group whose last fragment has not come yet: its entries, and where it starts in the first of them. */
  #openGroup: { entries: TailEntry[]; at: number } | null = null;
  #segmentBytes = 0;
  #segmentFirstOrdinal = 1;
  #wantsDrain = false;

  #committed: number;
  #purgedBelow: number;
  #stateTimerSet = false;
  #stateWritten = '';
  /** Operations on files other than the active one, one after the other. */
  #operation: Promise<void> = Promise.resolve();

  /**
   * Opens or creates the spool of a directory and brings it to a state in which all of it is durable.
   * Damage is not an error here but a state, see `damage`.
   * @throws the operating system's error when the directory can not be read or written
   */
  static async open(options: SpoolOptions, modules: SpoolModules): Promise<Spool> {
    const { storage, logger } = modules;
    const recovered = await recover(
      storage,
      options.directory,
      () => randomBytes(16).toString('hex'),
      logger,
    );
    const spool = new Spool(options, modules, recovered);
    if (!recovered.damage) await spool.#activate(recovered.end);
    return spool;
  }

  private constructor(options: SpoolOptions, modules: SpoolModules, recovered: Recovered) {
    this.#options = { ...DEFAULTS, ...options };
    this.#storage = modules.storage;
    this.#logger = modules.logger;
    this.#gtidText = modules.gtidText;
    this.#timers = modules.timers ?? realTimers;
    this.#tail = new Tail(this.#options.tailBytesMax);
    this.incarnation = recovered.state.incarnation;
    this.#segments = recovered.segments;
    this.#damage = recovered.damage;
    this.#walk = new ChainWalk(recovered.end);
    this.#end = positionOf(recovered.end, this.#gtidText);
    this.#durable = this.#end;
    this.#durableGroup = recovered.end;
    this.#committed = Math.min(recovered.state.committed, this.#end.ordinal);
    this.#purgedBelow = recovered.state.purgedBelow;
    for (const format of recovered.formats) this.#formats.add(format);
    this.#source = this.#readerSource();
    const data = {
      directory: options.directory,
      begin: this.begin,
      end: this.#end.ordinal,
      segments: this.#segments.length,
    };
    if (this.#damage) this.#logger.error({ ...data, damage: this.#damage }, 'spool is damaged');
    else this.#logger.info({ ...data, committed: this.#committed }, 'spool opened');
  }

  get damage(): SpoolDamage | null {
    return this.#damage;
  }

  /** Ordinal of the first group that is here; `end.ordinal + 1` when there is none. */
  get begin(): number {
    return this.#segments[0]?.firstOrdinal ?? this.#end.ordinal + 1;
  }

  /** The last complete group that was appended. */
  get end(): Position {
    return this.#end;
  }

  /** The last complete group that is on the disk: the only one that may be acknowledged. */
  get durable(): Position {
    return this.#durable;
  }

  /** Its files, and the bytes in them; those that are not durable yet are on their way to the last one. */
  get files(): { count: number; bytes: number; pendingBytes: number } {
    const bytes = this.#segments.reduce((all, segment) => all + segment.size, 0);
    return { count: this.#segments.length, bytes, pendingBytes: this.#queue?.pendingBytes ?? 0 };
  }

  get previousGtidOfDurable(): string {
    return textOrEmpty(previousGtidOf(this.#durableGroup), this.#gtidText);
  }

  /** Payload of the newest FORMAT record. */
  get format(): Buffer | null {
    return this.#formats.newest?.payload ?? null;
  }

  /** What was learned to be committed, as far as it is here. */
  committed(): number {
    return Math.min(this.#committed, this.#end.ordinal);
  }

  /** Ordinals only grow. Written down some time later: after a crash an earlier value may be back. */
  setCommitted(ordinal: number): void {
    if (ordinal <= this.#committed) return;
    this.#committed = ordinal;
    this.#armState();
  }

  /**
   * Takes whole records, stores them unchanged, and keeps the buffer (it must not be changed afterwards). With all of them
   * committed already (`committedOrdinal` is what the sender knows) no commit waits for this disk: the write waits for company.
   * All of them or, when it throws, none. False: more than `pendingBytesMax` is not durable yet, pause until `onDrain`.
   * @throws SkeinError RECORD_DAMAGED, SPOOL_GAP, SPOOL_DIVERGED (the batch is refused), SPOOL_DAMAGED, SPOOL_FAILED, SPOOL_BUSY
   *   (a cut is under way), SPOOL_CLOSED (the spool takes nothing)
   */
  append(bytes: Buffer, committedOrdinal = 0): boolean {
    const queue = this.#writable();
    const walk = this.#walk.fork();
    const plan = planAppend(bytes, walk, this.#formats.newest, {
      segmentBytes: this.#segmentBytes,
      segmentBytesMax: this.#options.segmentBytesMax,
      segmentFirstOrdinal: this.#segmentFirstOrdinal,
    });
    // Nothing above changed anything; nothing below can be refused.
    if (plan.abandonsOpen) this.#voidOpenGroup(queue);
    walk.detach();
    this.#walk = walk;
    for (const format of plan.formats) this.#formats.add(format);
    if (!walk.partialOpen) this.#openGroup = null;
    for (const [index, run] of plan.runs.entries()) {
      const entry = this.#store(bytes, run, queue);
      if (plan.openedAt?.run === index) {
        this.#openGroup = { entries: [entry], at: plan.openedAt.offset - run.from };
      } else if (walk.partialOpen) {
        this.#openGroup?.entries.push(entry);
      }
    }
    if (walk.ordinal !== this.#end.ordinal) {
      this.#end = positionOf(walk.end(), this.#gtidText);
      this.onAppended.emit(this.#end);
    }
    if (walk.ordinal > Math.max(this.#committed, committedOrdinal)) queue.write();
    else queue.writeSoon();
    if (queue.pendingBytes <= this.#options.pendingBytesMax) return true;
    this.#wantsDrain = true;
    return false;
  }

  /** Resolves when all that was appended is durable. @throws SkeinError SPOOL_FAILED */
  async flush(): Promise<void> {
    await this.#queue?.idle();
    if (this.#failed) throw this.#failed;
  }

  /** @throws SkeinError SPOOL_PURGED when `fromOrdinal` is below `begin` */
  reader(fromOrdinal: number): SpoolReader {
    if (fromOrdinal < this.begin) throw purged(fromOrdinal, this.begin);
    const reader = new Reader(this.#source, fromOrdinal);
    this.#readers.add(reader);
    return reader;
  }

  /**
   * Drops every group after `after` (and an incomplete one), durable before it resolves. Appending is refused meanwhile.
   * A position at or beyond the end drops no complete group.
   * @throws SkeinError SPOOL_DIVERGED (another GTID at that ordinal), SPOOL_PURGED, SPOOL_CUT_COMMITTED, and those of append
   */
  cut(after: Position): Promise<void> {
    return this.#exclusive(async () => {
      const queue = this.#writable();
      this.#cutting = true;
      try {
        await queue.idle();
        if (this.#failed) throw this.#failed;
        await this.#cutIdle(after, queue);
      } finally {
        this.#cutting = false;
      }
    });
  }

  /**
   * Deletes the segments all of whose groups are below `belowOrdinal` and committed; never the last segment.
   * @throws SkeinError SPOOL_DAMAGED, SPOOL_FAILED, SPOOL_CLOSED
   */
  purge(belowOrdinal: number): Promise<void> {
    return this.#exclusive(async () => {
      this.#writable();
      const limit = Math.min(belowOrdinal, this.committed() + 1);
      const last = this.#segments.length - 1;
      const count = this.#segments.findIndex(
        (segment, index) => index === last || segment.lastOrdinal >= limit,
      );
      const begin = this.#segments[count]?.firstOrdinal;
      if (count <= 0 || begin === undefined) return;
      this.#purgedBelow = begin;
      await this.#guard(() => this.#writeState(true));
      await this.#guard(() => this.#removeSegments(this.#segments.slice(0, count)));
      this.#formats.purge(begin);
      this.#logger.info({ begin, segments: count }, 'spool purged');
    });
  }

  /**
   * The server's data was seeded up to `base` and is durable there: the spool drops what it has and goes on after `base`.
   * Only forward, so that nothing is lost which the new data does not cover (rule C6).
   * @throws SkeinError SPOOL_NOT_COVERED when the spool holds groups beyond `base`, and those of append
   */
  restartAfter(base: SpoolBase): Promise<void> {
    return this.#exclusive(async () => {
      const queue = this.#writable();
      this.#cutting = true;
      try {
        await queue.idle();
        if (this.#failed) throw this.#failed;
        await this.#restartIdle(base, queue);
      } finally {
        this.#cutting = false;
      }
    });
  }

  /** Syncs what is pending and notes the state. Safe to call again. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#operation;
    const queue = this.#queue;
    if (queue) {
      await queue.seal();
      if (!this.#failed) await this.#guard(() => this.#writeState(true)).catch(() => {});
      // A failure was told by onFailed already.
      await queue.file.close().catch(() => {});
    }
    for (const reader of [...this.#readers]) reader.close();
    this.#tail.clear();
    this.#logger.info({ durable: this.#durable.ordinal, failed: this.#failed !== null }, 'spool closed');
  }

  async #activate(end: GroupEnd): Promise<void> {
    const segment = this.#segments.at(-1);
    if (!segment) throw new Error('a recovered spool has a segment');
    const file = await this.#storage.open(join(this.#options.directory, segment.name), 'write');
    this.#queue = new CommitQueue(
      {
        directory: this.#options.directory,
        incarnation: this.incarnation,
        idleMarkMs: this.#options.idleMarkMs,
        roomBytes: Math.min(
          this.#options.roomBytes,
          Math.floor(this.#options.segmentBytesMax / ROOMS_PER_SEGMENT),
        ),
      },
      {
        storage: this.#storage,
        timers: this.#timers,
        onSegment: (next) => this.#segments.push(next),
        onSynced: (group) => this.#synced(group),
        onFailed: (cause) => this.#fail(cause),
      },
      { segment, file, end },
    );
    this.#countFrom(segment);
  }

  #countFrom(segment: Segment): void {
    this.#segmentBytes = segment.size;
    this.#segmentFirstOrdinal = segment.firstOrdinal;
  }

  #store(bytes: Buffer, run: Run, queue: CommitQueue): TailEntry {
    const isWhole = run.from === 0 && run.to === bytes.length;
    const entry: TailEntry = {
      bytes: isWhole ? bytes : bytes.subarray(run.from, run.to),
      end: run.end,
      lastOrdinal: run.lastOrdinal,
      endsGroup: run.endsGroup,
      startOrdinal: run.startOrdinal,
      startAt: run.startAt,
      format: run.format,
      opensSegment: run.opensSegment,
      segment: null,
      offset: 0,
      size: 0,
      written: false,
      evicted: false,
      next: null,
    };
    if (run.opensSegment) {
      this.#segmentBytes = 0;
      this.#segmentFirstOrdinal = run.opensSegment.base.ordinal + 1;
    }
    this.#segmentBytes += entry.bytes.length;
    this.#tail.push(entry);
    queue.push(entry);
    return entry;
  }

  /** The sender starts the open group again: its fragments are dropped where they are not written, else named dead. */
  #voidOpenGroup(queue: CommitQueue): void {
    const open = this.#openGroup;
    this.#openGroup = null;
    let last: TailEntry | null = null;
    for (const [index, entry] of (open?.entries ?? []).entries()) {
      const keep = index === 0 ? (open?.at ?? 0) : 0;
      if (entry.segment) last = entry;
      else queue.shortened(entry, entry.bytes.length - keep);
      entry.lastOrdinal = entry.end.ordinal;
      entry.endsGroup = true;
      if (entry.startAt >= keep) entry.startOrdinal = 0;
      if (!entry.evicted) this.#tail.shorten(entry, keep);
    }
    const first = open?.entries[0];
    if (!first?.segment || !last) return;
    // One stretch, marks included: nothing but fragments of this group was appended since.
    first.segment.dead.push({ from: first.offset + (open?.at ?? 0), to: last.offset + last.size });
  }

  #synced(group: GroupEnd): void {
    this.#tail.evict();
    const moved = group.ordinal !== this.#durable.ordinal;
    this.#durableGroup = group;
    if (moved) {
      this.#durable = group.ordinal === this.#end.ordinal ? this.#end : positionOf(group, this.#gtidText);
      this.#armState();
      this.onDurable.emit(this.#durable);
    }
    const pending = this.#queue?.pendingBytes ?? 0;
    if (this.#wantsDrain && pending <= this.#options.pendingBytesMax / 2) {
      this.#wantsDrain = false;
      this.onDrain.emit();
    }
  }

  async #cutIdle(after: Position, queue: CommitQueue): Promise<void> {
    if (after.ordinal > this.#end.ordinal) return;
    if (after.ordinal < this.begin - 1) throw purged(after.ordinal, this.begin);
    const place = await this.#guard(() => this.#find(after.ordinal));
    const found = positionOf(place.end, this.#gtidText);
    if (found.gtid !== after.gtid) {
      throw new SkeinError(
        'SPOOL_DIVERGED',
        `The spool can not be cut after ${after.gtid || 'the origin'}: ordinal ${after.ordinal} is ${found.gtid || 'the origin'} here.`,
        { data: { ordinal: after.ordinal, asked: after.gtid, found: found.gtid } },
      );
    }
    if (after.ordinal === this.#end.ordinal && !this.#walk.partialOpen) return;
    if (after.ordinal < this.committed()) {
      throw new SkeinError(
        'SPOOL_CUT_COMMITTED',
        `The spool is not cut after ordinal ${after.ordinal}: ordinal ${this.committed()} is committed.`,
        { data: { after: after.ordinal, committed: this.committed() } },
      );
    }
    const from = this.#end.ordinal;
    await this.#guard(() => this.#cutFiles(place, queue, found));
    for (const reader of this.#readers) reader.onCut(found);
    this.#logger.info({ after: found.ordinal, end: from }, 'spool cut');
  }

  /** The end of a group and the segment and offset where the next one would begin. */
  async #find(ordinal: number): Promise<{ end: GroupEnd; segment: Segment; offset: number }> {
    const segment = this.#segmentOf(ordinal);
    if (!segment) {
      const first = this.#segments[0];
      if (!first) throw new Error('a sound spool has a segment');
      return { end: first.base, segment: first, offset: first.headSize };
    }
    const file = await this.#storage.open(join(this.#options.directory, segment.name), 'read');
    try {
      const found = await findGroup(file, segment, ordinal);
      if (!found) throw this.#foundDamage(segment.name, segment.offsetBefore(ordinal), 'group not found');
      return { end: found.end, segment, offset: found.offsetAfter };
    } finally {
      await file.close();
    }
  }

  async #cutFiles(
    place: { end: GroupEnd; segment: Segment; offset: number },
    queue: CommitQueue,
    after: Position,
  ): Promise<void> {
    const { segment, offset, end } = place;
    // First of all the floor: a recovery in the middle of this must not miss what is meant to go.
    this.#moveEnd(end, after);
    await this.#writeState(true);
    const index = this.#segments.indexOf(segment);
    const later = this.#segments.slice(index + 1);
    await this.#removeSegments(later.reverse());
    let file = queue.file;
    if (later.length > 0) {
      await file.close();
      file = await this.#storage.open(join(this.#options.directory, segment.name), 'write');
    }
    queue.moveTo({ segment, file, end });
    await file.truncate(offset);
    await file.datasync();
    segment.cutTo(offset, end.ordinal);
    segment.syncedSize = offset;
    this.#formats.cut(end.ordinal, segment.headFormat);
    this.#tail.clear();
    this.#countFrom(segment);
  }

  #moveEnd(end: GroupEnd, position: Position): void {
    this.#walk = new ChainWalk(end);
    this.#openGroup = null;
    this.#end = position;
    this.#durable = position;
    this.#durableGroup = end;
    this.#committed = Math.min(this.#committed, position.ordinal);
  }

  async #restartIdle(base: SpoolBase, queue: CommitQueue): Promise<void> {
    const end: GroupEnd = {
      epoch: base.epoch,
      ordinal: base.ordinal,
      ids: Buffer.concat([base.gtid, base.previousGtid]),
      gtidSize: base.gtid.length,
    };
    const position = positionOf(end, this.#gtidText);
    if (position.ordinal === this.#end.ordinal && position.gtid === this.#end.gtid) return;
    if (position.ordinal <= this.#end.ordinal) {
      throw new SkeinError(
        'SPOOL_NOT_COVERED',
        `The spool ends at ordinal ${this.#end.ordinal} and can not begin again after ${position.ordinal}: cut it to the chain first.`,
        { data: { end: this.#end.ordinal, after: position.ordinal } },
      );
    }
    await this.#guard(async () => {
      const format = this.#formats.newest;
      const { directory } = this.#options;
      const next = await createSegment(this.#storage, directory, this.incarnation, end, true, format);
      const old = this.#segments.slice();
      this.#segments.push(next.segment);
      await queue.file.close();
      queue.moveTo({ segment: next.segment, file: next.file, end });
      this.#moveEnd(end, position);
      this.#tail.clear();
      this.#countFrom(next.segment);
      await this.#removeSegments(old);
      await this.#writeState(true);
    });
    this.#formats.purge(this.begin);
    for (const reader of this.#readers) reader.onCut(position);
    this.#logger.info({ after: position.ordinal }, 'spool begins again after a seed');
  }

  /** One by one, each made durable: a power cut must not leave a hole in the middle. */
  async #removeSegments(segments: readonly Segment[]): Promise<void> {
    const { directory } = this.#options;
    for (const segment of segments) {
      segment.removed = true;
      this.#segments.splice(this.#segments.indexOf(segment), 1);
      await this.#storage.unlink(join(directory, segment.name));
      await this.#storage.syncDirectory(directory);
    }
  }

  #segmentOf(ordinal: number): Segment | null {
    return this.#segments.findLast((segment) => segment.firstOrdinal <= ordinal) ?? null;
  }

  #readerSource(): ReaderSource {
    const spool = this;
    return {
      directory: this.#options.directory,
      storage: this.#storage,
      tail: this.#tail,
      get endOrdinal() {
        return spool.#end.ordinal;
      },
      get begin() {
        return spool.begin;
      },
      check: () => {
        if (this.#failed) throw this.#failed;
        if (this.#closed) throw closedError();
      },
      segmentOf: (ordinal) => this.#segmentOf(ordinal),
      segmentAfter: (segment) => this.#segments[this.#segments.indexOf(segment) + 1] ?? null,
      formatFor: (ordinal) => this.#formats.for(ordinal),
      written: () => this.#queue?.written() ?? null,
      foundDamage: (file, offset, fault) => this.#foundDamage(file, offset, fault),
      detach: (reader) => this.#readers.delete(reader),
    };
  }

  #foundDamage(file: string, offset: number, fault: string): SkeinError {
    if (!this.#damage) {
      this.#damage = { reason: `a record turned bad (${fault})`, file, offset };
      this.#logger.error({ damage: this.#damage }, 'spool is damaged');
      this.onDamaged.emit(this.#damage);
    }
    return damagedError(this.#damage);
  }

  #writable(): CommitQueue {
    if (this.#failed) throw this.#failed;
    if (this.#closed) throw closedError();
    if (this.#damage || !this.#queue) throw damagedError(this.#damage);
    if (this.#cutting)
      throw new SkeinError('SPOOL_BUSY', 'The spool is being cut; append when that is done.');
    return this.#queue;
  }

  #armState(): void {
    if (this.#stateTimerSet || this.#damage || this.#closed) return;
    this.#stateTimerSet = true;
    this.#timers.after(this.#options.stateDelayMs, () => {
      this.#stateTimerSet = false;
      if (this.#failed || this.#closed) return;
      // A failure is told by onFailed.
      this.#exclusive(() => this.#guard(() => this.#writeState(false))).catch(() => {});
    });
  }

  async #writeState(durably: boolean): Promise<void> {
    const state = {
      incarnation: this.incarnation,
      committed: Math.min(this.#committed, this.#durable.ordinal),
      durable: this.#durable.ordinal,
      purgedBelow: this.#purgedBelow,
    };
    const text = JSON.stringify(state);
    if (text === this.#stateWritten && !durably) return;
    const { directory } = this.#options;
    await writeState(this.#storage, directory, state);
    if (durably) await this.#storage.syncDirectory(directory);
    this.#stateWritten = text;
  }

  #exclusive(work: () => Promise<void>): Promise<void> {
    const run = this.#operation.then(work);
    this.#operation = run.catch(() => {});
    return run;
  }

  /** An error of the storage is the end of this spool; Skein's own errors pass. */
  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof SkeinError) throw cause;
      throw this.#fail(cause);
    }
  }

  #fail(cause: unknown): SkeinError {
    if (this.#failed) return this.#failed;
    const error = new SkeinError(
      'SPOOL_FAILED',
      `The spool in ${this.#options.directory} can not be written: ${messageOf(cause)}. Nothing more is acknowledged; the node has to start again.`,
      { cause, data: { errno: (cause as NodeJS.ErrnoException)?.code ?? null } },
    );
    this.#failed = error;
    this.#logger.error({ error: error.message, durable: this.#durable.ordinal }, 'spool failed');
    this.onFailed.emit(error);
    return error;
  }
}

function damagedError(damage: SpoolDamage | null): SkeinError {
  return new SkeinError(
    'SPOOL_DAMAGED',
    `The spool is damaged and takes part in nothing: ${damage?.reason ?? 'unknown'} (${damage?.file ?? 'whole'}, byte ${damage?.offset ?? 0}).`,
    { data: { ...damage } },
  );
}

function closedError(): SkeinError {
  return new SkeinError('SPOOL_CLOSED', 'The spool is closed.');
}
