import { planAppend, type Run } from './append-plan.js';
import type { CommitQueue } from './commit-queue.js';
import type { Formats } from './format.js';
import { OpenGroup } from './open-group.js';
import { type GroupEnd, OrderWalk } from './order.js';
import type { Segment } from './segment.js';
import { type Tail, type TailEntry, tailEntry } from './tail.js';

export interface AppenderOptions {
  readonly segmentBytesMax: number;
  /** The last complete group of the spool. */
  readonly end: GroupEnd;
}

export interface AppenderModules {
  readonly formats: Formats;
  readonly tail: Tail;
}

/**
 * Takes batches of records in their order: plans each (append-plan.ts), and hands its parts to the tail and to the queue of
 * writes. It does not know what is durable or committed.
 */
export class Appender {
  readonly #segmentBytesMax: number;
  readonly #modules: AppenderModules;
  #walk: OrderWalk;
  #openGroup: OpenGroup | null = null;
  #segmentBytes = 0;
  #segmentFirstOrdinal = 1;

  constructor(options: AppenderOptions, modules: AppenderModules) {
    this.#segmentBytesMax = options.segmentBytesMax;
    this.#walk = new OrderWalk(options.end);
    this.#modules = modules;
  }

  /** Ordinal of the last complete group that was appended. */
  get ordinal(): number {
    return this.#walk.ordinal;
  }

  /** Whether fragments of a group that is not complete yet were appended. */
  get hasOpenGroup(): boolean {
    return this.#walk.partialOpen;
  }

  /** The last complete group that was appended. */
  end(): GroupEnd {
    return this.#walk.end();
  }

  /**
   * Takes all records of `bytes` or, when it throws, none.
   * @throws SkeinError RECORD_DAMAGED, SPOOL_GAP, SPOOL_DIVERGED
   */
  append(bytes: Buffer, queue: CommitQueue): void {
    const { formats, tail } = this.#modules;
    const walk = this.#walk.fork();
    const plan = planAppend(bytes, walk, formats.newest, {
      segmentBytes: this.#segmentBytes,
      segmentBytesMax: this.#segmentBytesMax,
      segmentFirstOrdinal: this.#segmentFirstOrdinal,
    });
    // No change was made above, and nothing below can be refused.
    if (plan.abandonsOpen) this.#openGroup?.abandon(queue, tail);
    walk.detach();
    this.#walk = walk;
    for (const format of plan.formats) formats.add(format);
    if (plan.abandonsOpen || !walk.partialOpen) this.#openGroup = null;
    for (const [index, run] of plan.runs.entries()) {
      const entry = this.#store(bytes, run, queue);
      if (plan.openedAt?.run === index) {
        this.#openGroup = new OpenGroup(entry, plan.openedAt.offset - run.from);
      } else if (walk.partialOpen) {
        this.#openGroup?.add(entry);
      }
    }
  }

  /** The next group follows `end`; an open group is dropped. */
  moveTo(end: GroupEnd): void {
    this.#walk = new OrderWalk(end);
    this.#openGroup = null;
  }

  /** What follows is appended to `segment`, until that is full. */
  countFrom(segment: Segment): void {
    this.#segmentBytes = segment.size;
    this.#segmentFirstOrdinal = segment.firstOrdinal;
  }

  #store(bytes: Buffer, run: Run, queue: CommitQueue): TailEntry {
    const isWhole = run.from === 0 && run.to === bytes.length;
    const entry = tailEntry(isWhole ? bytes : bytes.subarray(run.from, run.to), run);
    if (run.opensSegment) {
      this.#segmentBytes = 0;
      this.#segmentFirstOrdinal = run.opensSegment.base.ordinal + 1;
    }
    this.#segmentBytes += entry.bytes.length;
    this.#modules.tail.push(entry);
    queue.push(entry);
    return entry;
  }
}
