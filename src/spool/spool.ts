import { randomBytes } from 'node:crypto';
import type { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import { type Clock, systemClock } from '../std/clock.js';
import { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import { Appender } from './appender.js';
import { CommitQueue } from './commit-queue.js';
import { Formats } from './format.js';
import { endOf, type GroupEnd, type GtidText, positionOf, previousGtidOf, textOrEmpty } from './order.js';
import { purged, Reader, type ReaderSource, type SpoolReader } from './reader.js';
import { type Recovered, recover, type SpoolDamage } from './recovery.js';
import {
  busyError,
  cutCommittedError,
  damagedError,
  divergedError,
  notCoveredError,
} from './spool-errors.js';
import { type Place, SpoolFiles } from './spool-files.js';
import { SpoolHealth } from './spool-health.js';
import { SPOOL_DEFAULTS, type SpoolBase, type SpoolModules, type SpoolOptions } from './spool-options.js';
import { StateWriter } from './state-writer.js';
import type { Storage } from './storage.js';
import { Tail } from './tail.js';

/** Bounds the preallocation, so that it does not make a segment much longer. */
const PREALLOCATIONS_PER_SEGMENT = 2;

/**
 * A node's durable log of transaction groups: segment files of records as they arrived (wire/record.ts), and
 * marks between them (mark.ts). What it promises: a position that `durable` ever had is there again after any crash,
 * unless it was cut (chain rule, rule C7) or purged. It does not decide what is committed, who may cut, or when it
 * is safe to purge; it does not talk to servers or peers.
 *
 * A damaged spool (rules C6, H12) opens for inspection, but takes nothing: its node does not count in the quorum.
 * One process at a time may have a directory open; the node's own lock ensures that.
 */
export class Spool {
  readonly onDurable = new Emitter<Position>();
  readonly onAppended = new Emitter<Position>();
  readonly onDrain = new Emitter<void>();
  readonly onFailed: Emitter<SkeinError>;
  /** Damage found while reading, after a sound opening. */
  readonly onDamaged: Emitter<SpoolDamage>;
  readonly incarnation: string;

  readonly #options: Required<SpoolOptions>;
  readonly #storage: Storage;
  readonly #logger: Logger;
  readonly #gtidText: GtidText;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  readonly #formats = new Formats();
  readonly #tail: Tail;
  readonly #readers = new Set<Reader>();
  readonly #source: ReaderSource;
  readonly #health: SpoolHealth;
  readonly #appender: Appender;
  #queue: CommitQueue | null = null;
  #cutting = false;

  #end: Position;
  #durable: Position;
  #durableGroup: GroupEnd;
  #wantsDrain = false;

  #committed: number;
  #purgedBelow: number;
  readonly #state: StateWriter;
  /** Operations on files other than the active one, one after the other. */
  #operation: Promise<void> = Promise.resolve();

  /**
   * Opens or creates the spool of a directory and brings it to a state in which all of it is durable.
   * Damage is not an error here but a state, see `damage`.
   * @throws the operating system's error when the directory cannot be read or written
   */
  static async open(options: SpoolOptions, modules: SpoolModules): Promise<Spool> {
    const { storage, logger } = modules;
    const newIncarnation = () => randomBytes(16).toString('hex');
    const recovered = await recover(storage, options.directory, newIncarnation, logger);
    const spool = new Spool(options, modules, recovered);
    if (!recovered.damage) await spool.#activate(recovered.end);
    return spool;
  }

  private constructor(options: SpoolOptions, modules: SpoolModules, recovered: Recovered) {
    this.#options = { ...SPOOL_DEFAULTS, ...options };
    this.#storage = modules.storage;
    this.#logger = modules.logger;
    this.#gtidText = modules.gtidText;
    this.#clock = modules.clock ?? systemClock;
    this.#tail = new Tail(this.#options.tailBytesMax);
    this.incarnation = recovered.state.incarnation;
    this.#health = new SpoolHealth(
      { directory: options.directory, damage: recovered.damage },
      { logger: this.#logger, durable: () => this.#durable.ordinal },
    );
    this.onFailed = this.#health.onFailed;
    this.onDamaged = this.#health.onDamaged;
    this.#files = new SpoolFiles(options.directory, recovered.segments, {
      storage: this.#storage,
      foundDamage: this.#health.foundDamage,
    });
    this.#appender = new Appender(
      { segmentBytesMax: this.#options.segmentBytesMax, end: recovered.end },
      { formats: this.#formats, tail: this.#tail },
    );
    this.#end = positionOf(recovered.end, this.#gtidText);
    this.#durable = this.#end;
    this.#durableGroup = recovered.end;
    this.#committed = Math.min(recovered.state.committed, this.#end.ordinal);
    this.#purgedBelow = recovered.state.purgedBelow;
    for (const format of recovered.formats) this.#formats.add(format);
    this.#source = this.#readerSource();
    this.#state = this.#stateWriter();
    const data = {
      directory: options.directory,
      begin: this.begin,
      end: this.#end.ordinal,
      segments: this.#files.count,
    };
    if (this.damage) this.#logger.error({ ...data, damage: this.damage }, 'spool is damaged');
    else this.#logger.info({ ...data, committed: this.#committed }, 'spool opened');
  }

  get damage(): SpoolDamage | null {
    return this.#health.damage;
  }

  /** Ordinal of the first group that is here; `end.ordinal + 1` when there is none. */
  get begin(): number {
    return this.#files.first?.firstOrdinal ?? this.#end.ordinal + 1;
  }

  /** The last complete group that was appended. */
  get end(): Position {
    return this.#end;
  }

  /** The last complete group that is on the disk: the only one that may be acknowledged. */
  get durable(): Position {
    return this.#durable;
  }

  /** Number and size of its files, including bytes that are not durable yet. */
  get files(): { count: number; bytes: number; pendingBytes: number } {
    const { count, bytes } = this.#files;
    return { count, bytes, pendingBytes: this.#queue?.pendingBytes ?? 0 };
  }

  get previousGtidOfDurable(): string {
    return textOrEmpty(previousGtidOf(this.#durableGroup), this.#gtidText);
  }

  /** Payload of the newest FORMAT record. */
  get format(): Buffer | null {
    return this.#formats.newest?.payload ?? null;
  }

  /** The known commit position, up to the spool's end. */
  committed(): number {
    return Math.min(this.#committed, this.#end.ordinal);
  }

  /** Ordinals only grow. Persisted with a delay: after a crash an earlier value may return. */
  setCommitted(ordinal: number): void {
    if (ordinal <= this.#committed) return;
    this.#committed = ordinal;
    this.#state.soon();
  }

  /**
   * Takes whole records, stores them unchanged, and keeps the buffer (it must not be changed afterwards). With all of them
   * committed already (`committedOrdinal` is what the sender knows) no commit waits for this disk, so the write may be
   * batched. All of them or, when it throws, none. False: more than `pendingBytesMax` is not durable yet, pause until
   * `onDrain`.
   * @throws SkeinError RECORD_DAMAGED, SPOOL_GAP, SPOOL_DIVERGED (the batch is refused), SPOOL_DAMAGED, SPOOL_FAILED,
   *   SPOOL_BUSY (a cut is under way), SPOOL_CLOSED (the spool takes nothing)
   */
  append(bytes: Buffer, committedOrdinal = 0): boolean {
    const queue = this.#writable();
    this.#appender.append(bytes, queue);
    const { ordinal } = this.#appender;
    if (ordinal !== this.#end.ordinal) {
      this.#end = positionOf(this.#appender.end(), this.#gtidText);
      this.onAppended.emit(this.#end);
    }
    if (ordinal > Math.max(this.#committed, committedOrdinal)) queue.write();
    else queue.writeSoon();
    if (queue.pendingBytes <= this.#options.pendingBytesMax) return true;
    this.#wantsDrain = true;
    return false;
  }

  /** Resolves when all that was appended is durable. @throws SkeinError SPOOL_FAILED */
  async flush(): Promise<void> {
    await this.#queue?.idle();
    this.#health.throwIfFailed();
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
    return this.#atRest((queue) => this.#cutIdle(after, queue));
  }

  /**
   * Deletes the segments all of whose groups are below `belowOrdinal` and committed; never the last segment.
   * @throws SkeinError SPOOL_DAMAGED, SPOOL_FAILED, SPOOL_CLOSED
   */
  purge(belowOrdinal: number): Promise<void> {
    return this.#exclusive(async () => {
      this.#writable();
      const limit = Math.min(belowOrdinal, this.committed() + 1);
      const old = this.#files.below(limit);
      const last = old.at(-1);
      if (!last) return;
      const begin = this.#files.after(last)?.firstOrdinal ?? last.lastOrdinal + 1;
      this.#purgedBelow = begin;
      await this.#health.guard(() => this.#state.write({ durably: true }));
      await this.#health.guard(() => this.#files.remove(old));
      this.#formats.purge(begin);
      this.#logger.info({ begin, segments: old.length }, 'spool purged');
    });
  }

  /**
   * The server has everything up to `base` durably (it was seeded, or it is the primary's): the spool drops what it has and goes
   * on after `base`.
   * Only forward, so that nothing is lost which the new data does not cover (rule C6).
   * @throws SkeinError SPOOL_NOT_COVERED when the spool holds groups beyond `base`, and those of append
   */
  restartAfter(base: SpoolBase): Promise<void> {
    return this.#atRest((queue) => this.#restartIdle(base, queue));
  }

  /** Syncs what is pending and notes the state. Safe to call again. */
  async close(): Promise<void> {
    if (!this.#health.close()) return;
    this.#state.stop();
    await this.#operation;
    const queue = this.#queue;
    if (queue) {
      await queue.seal();
      if (!this.#health.failed) {
        await this.#health.guard(() => this.#state.write({ durably: true })).catch(() => {});
      }
      // A failure was reported by onFailed already.
      await queue.file.close().catch(() => {});
    }
    for (const reader of [...this.#readers]) reader.close();
    this.#tail.clear();
    const failed = this.#health.failed !== null;
    this.#logger.info({ durable: this.#durable.ordinal, failed }, 'spool closed');
  }

  async #activate(end: GroupEnd): Promise<void> {
    const { segment, file } = await this.#files.openLast();
    this.#queue = new CommitQueue(
      {
        directory: this.#options.directory,
        incarnation: this.incarnation,
        idleMarkMs: this.#options.idleMarkMs,
        preallocateBytes: Math.min(
          this.#options.preallocateBytes,
          Math.floor(this.#options.segmentBytesMax / PREALLOCATIONS_PER_SEGMENT),
        ),
      },
      {
        storage: this.#storage,
        clock: this.#clock,
        onSegment: (next) => this.#files.add(next),
        onSynced: (group) => this.#synced(group),
        onFailed: (cause) => this.#health.fail(cause),
      },
      { segment, file, end },
    );
    this.#appender.countFrom(segment);
  }

  #synced(group: GroupEnd): void {
    this.#tail.evict();
    const moved = group.ordinal !== this.#durable.ordinal;
    this.#durableGroup = group;
    if (moved) {
      this.#durable = group.ordinal === this.#end.ordinal ? this.#end : positionOf(group, this.#gtidText);
      this.#state.soon();
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
    const place = await this.#health.guard(() => this.#files.find(after.ordinal));
    const found = positionOf(place.end, this.#gtidText);
    if (found.gtid !== after.gtid) throw divergedError(after, found);
    if (after.ordinal === this.#end.ordinal && !this.#appender.hasOpenGroup) return;
    if (after.ordinal < this.committed()) throw cutCommittedError(after.ordinal, this.committed());
    const from = this.#end.ordinal;
    await this.#health.guard(() => this.#cutFiles(place, queue, found));
    for (const reader of this.#readers) reader.onCut(found);
    this.#logger.info({ after: found.ordinal, end: from }, 'spool cut');
  }

  async #cutFiles(place: Place, queue: CommitQueue, after: Position): Promise<void> {
    const { segment, end } = place;
    // The lower limit first: a recovery in the middle of this must not report removed segments as missing.
    this.#moveEnd(end, after);
    await this.#state.write({ durably: true });
    await this.#files.cut(place, queue);
    this.#formats.cut(end.ordinal, segment.headFormat);
    this.#tail.clear();
    this.#appender.countFrom(segment);
  }

  #moveEnd(end: GroupEnd, position: Position): void {
    this.#appender.moveTo(end);
    this.#end = position;
    this.#durable = position;
    this.#durableGroup = end;
    this.#committed = Math.min(this.#committed, position.ordinal);
  }

  async #restartIdle(base: SpoolBase, queue: CommitQueue): Promise<void> {
    const end = endOf(base);
    const position = positionOf(end, this.#gtidText);
    if (position.ordinal === this.#end.ordinal && position.gtid === this.#end.gtid) return;
    if (position.ordinal <= this.#end.ordinal) throw notCoveredError(this.#end.ordinal, position.ordinal);
    await this.#health.guard(async () => {
      const { incarnation } = this;
      const segment = await this.#files.beginAgain({ end, format: this.#formats.newest, incarnation }, queue);
      this.#moveEnd(end, position);
      this.#tail.clear();
      this.#appender.countFrom(segment);
      await this.#files.remove(this.#files.below(segment.firstOrdinal));
      await this.#state.write({ durably: true });
    });
    this.#formats.purge(this.begin);
    for (const reader of this.#readers) reader.onCut(position);
    this.#logger.info({ after: position.ordinal }, 'spool begins again at a later position');
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
      check: () => this.#health.throwIfUnusable(),
      segmentOf: (ordinal) => this.#files.of(ordinal),
      segmentAfter: (segment) => this.#files.after(segment),
      formatFor: (ordinal) => this.#formats.for(ordinal),
      written: () => this.#queue?.written() ?? null,
      foundDamage: this.#health.foundDamage,
      detach: (reader) => this.#readers.delete(reader),
    };
  }

  #writable(): CommitQueue {
    this.#health.throwIfUnusable();
    if (this.damage || !this.#queue) throw damagedError(this.damage);
    if (this.#cutting) throw busyError();
    return this.#queue;
  }

  #stateWriter(): StateWriter {
    return new StateWriter(this.#options.directory, {
      storage: this.#storage,
      clock: this.#clock,
      state: () => ({
        incarnation: this.incarnation,
        committed: Math.min(this.#committed, this.#durable.ordinal),
        durable: this.#durable.ordinal,
        purgedBelow: this.#purgedBelow,
      }),
      due: () => {
        if (this.#health.failed || this.damage || this.#health.closed) return;
        // A failure is reported by onFailed.
        this.#exclusive(() => this.#health.guard(() => this.#state.write({ durably: false }))).catch(
          () => {},
        );
      },
    });
  }

  #exclusive(work: () => Promise<void>): Promise<void> {
    const run = this.#operation.then(work);
    this.#operation = run.catch(() => {});
    return run;
  }

  /** Runs alone: no write is running, and appends are refused meanwhile. */
  #atRest(work: (queue: CommitQueue) => Promise<void>): Promise<void> {
    return this.#exclusive(async () => {
      const queue = this.#writable();
      this.#cutting = true;
      try {
        await queue.idle();
        this.#health.throwIfFailed();
        await work(queue);
      } finally {
        this.#cutting = false;
      }
    });
  }
}
