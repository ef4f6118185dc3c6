import { SkeinError } from '../model/error.js';
import { type Format, formatAt, formatPayload } from './format.js';
import { faultAt, type GroupEnd, NO_GROUP, type OrderWalk, STEP } from './order.js';
import type { RunFacts } from './tail.js';

/** A part of an appended buffer to store unchanged. */
export interface Run extends RunFacts {
  from: number;
  to: number;
}

export interface AppendPlan {
  readonly runs: Run[];
  readonly formats: Format[];
  /** The group that was open before this append is abandoned. */
  readonly abandonsOpen: boolean;
  /** Where the group that is open after it began, when it began in this append. */
  readonly openedAt: { run: number; offset: number } | null;
}

export interface PlanLimits {
  /** Size of the segment, and the size above which the next one begins. */
  readonly segmentBytes: number;
  readonly segmentBytesMax: number;
  /** The first group of the segment; without a complete group in it there is no next one (names are ordinals). */
  readonly segmentFirstOrdinal: number;
}

/**
 * Decides which part of `bytes` to store, without storing it. It moves `walk`, so pass a fork of the real one.
 * @throws SkeinError RECORD_DAMAGED, SPOOL_GAP, SPOOL_DIVERGED
 */
export function planAppend(
  bytes: Buffer,
  walk: OrderWalk,
  format: Format | null,
  limits: PlanLimits,
): AppendPlan {
  return new Planner(bytes, walk, format, limits).run();
}

class Planner {
  readonly #bytes: Buffer;
  readonly #walk: OrderWalk;
  readonly #limits: PlanLimits;
  readonly #runs: Run[] = [];
  readonly #formats: Format[] = [];
  #open: Run | null = null;
  #format: Format | null;
  #openedAt: { run: number; offset: number } | null = null;
  #abandonsOpen = false;
  #segmentBytes: number;
  #segmentFirstOrdinal: number;

  constructor(bytes: Buffer, walk: OrderWalk, format: Format | null, limits: PlanLimits) {
    this.#bytes = bytes;
    this.#walk = walk;
    this.#format = format;
    this.#limits = limits;
    this.#segmentBytes = limits.segmentBytes;
    this.#segmentFirstOrdinal = limits.segmentFirstOrdinal;
  }

  run(): AppendPlan {
    const bytes = this.#bytes;
    for (let at = 0; at < bytes.length; ) {
      const fault = faultAt(bytes, at, false);
      if (fault) throw damagedRecord(at, fault);
      const size = bytes.readUInt32LE(at);
      this.#record(at, size);
      at += size;
    }
    this.#close(bytes.length, this.#walk.end());
    return {
      runs: this.#runs,
      formats: this.#formats,
      abandonsOpen: this.#abandonsOpen,
      openedAt: this.#openedAt,
    };
  }

  #record(at: number, size: number): void {
    const walk = this.#walk;
    const wasOpen = walk.partialOpen;
    const isDue = this.#segmentBytes >= this.#limits.segmentBytesMax;
    // Taken before the step, and only where it may be needed: it copies.
    const before = wasOpen || isDue ? walk.end() : null;
    const verdict = walk.step(this.#bytes, at);
    if (verdict === 0) {
      this.#close(at, walk.end());
      return;
    }
    if (before && wasOpen && verdict & (STEP.abandons | STEP.format)) this.#abandon(at, before);
    if (verdict & STEP.format) {
      walk.abandonPartial();
      if (this.#format?.payload.equals(formatPayload(this.#bytes, at))) {
        this.#close(at, walk.end());
        return;
      }
      this.#format = formatAt(this.#bytes, at, walk.ordinal);
      this.#formats.push(this.#format);
    }
    if (isDue && before && verdict & STEP.starts && before.ordinal >= this.#segmentFirstOrdinal) {
      this.#close(at, before);
      this.#start(at).opensSegment = { base: before, format: this.#format };
      this.#segmentBytes = 0;
      this.#segmentFirstOrdinal = before.ordinal + 1;
    }
    this.#keep(at, verdict);
    this.#segmentBytes += size;
  }

  #keep(at: number, verdict: number): void {
    const walk = this.#walk;
    const run = this.#open ?? this.#start(at);
    if (verdict & STEP.format) run.format = this.#format;
    if (verdict & STEP.starts) {
      const ordinal = walk.partialOpen ? walk.ordinal + 1 : walk.ordinal;
      if (run.startOrdinal === 0) {
        run.startOrdinal = ordinal;
        run.startAt = at - run.from;
      }
      if (walk.partialOpen) this.#openedAt = { run: this.#runs.length, offset: at };
    }
    if (verdict & STEP.completes) this.#openedAt = null;
    run.endsGroup = !walk.partialOpen;
    run.lastOrdinal = walk.partialOpen ? walk.ordinal + 1 : walk.ordinal;
  }

  #start(at: number): Run {
    this.#open = {
      from: at,
      to: at,
      end: NO_GROUP,
      lastOrdinal: 0,
      endsGroup: true,
      startOrdinal: 0,
      startAt: 0,
      format: null,
      opensSegment: null,
    };
    return this.#open;
  }

  #close(at: number, end: GroupEnd): void {
    const run = this.#open;
    this.#open = null;
    if (!run || run.from === at) return;
    run.to = at;
    run.end = end;
    this.#runs.push(run);
  }

  /** Drops the fragments of the open group, in this batch and before it. */
  #abandon(at: number, before: GroupEnd): void {
    this.#close(at, before);
    const opened = this.#openedAt;
    this.#openedAt = null;
    if (!opened) {
      // All runs so far are fragments of the group that was open before.
      this.#abandonsOpen = true;
      this.#runs.length = 0;
      return;
    }
    this.#runs.length = opened.run + 1;
    const run = this.#runs[opened.run];
    if (!run) return;
    run.to = opened.offset;
    run.lastOrdinal = run.end.ordinal;
    run.endsGroup = true;
    if (run.startAt >= run.to - run.from) run.startOrdinal = 0;
    if (run.to === run.from) this.#runs.length = opened.run;
  }
}

function damagedRecord(offset: number, fault: string): SkeinError {
  return new SkeinError(
    'RECORD_DAMAGED',
    `A record at byte ${offset} of what was received is damaged (${fault}). Nothing of it was stored.`,
    { data: { offset, fault } },
  );
}
