import { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import {
  FIRST_FRAGMENT,
  GTID_SIZE_MAX,
  LAST_FRAGMENT,
  RECORD_HEADER_SIZE,
  RECORD_KIND,
  readU53,
  recordFault,
} from '../wire/record.js';

/**
 * The rules by which one record may follow another, both for received records and for those on disk:
 * ordinals without a gap, each group names its predecessor's GTID, epochs never smaller. No I/O.
 */

/** The last complete group of a spool or batch. `ids` holds its GTID, then its predecessor's, in binary form. */
export interface GroupEnd {
  readonly epoch: number;
  readonly ordinal: number;
  readonly ids: Buffer;
  readonly gtidSize: number;
}

export const NO_GROUP: GroupEnd = { epoch: 0, ordinal: 0, ids: Buffer.alloc(0), gtidSize: 0 };

export type GtidText = (binary: Uint8Array) => string;

export const gtidOf = (end: GroupEnd): Buffer => end.ids.subarray(0, end.gtidSize);
export const previousGtidOf = (end: GroupEnd): Buffer => end.ids.subarray(end.gtidSize);

interface NamedGroup extends Pick<GroupEnd, 'epoch' | 'ordinal'> {
  readonly gtid: Uint8Array;
  readonly previousGtid: Uint8Array;
}

export function endOf({ epoch, ordinal, gtid, previousGtid }: NamedGroup): GroupEnd {
  return { epoch, ordinal, ids: Buffer.concat([gtid, previousGtid]), gtidSize: gtid.length };
}

export function sameGroup(a: GroupEnd, b: GroupEnd): boolean {
  return a.epoch === b.epoch && a.ordinal === b.ordinal && gtidOf(a).equals(gtidOf(b));
}

export function textOrEmpty(gtid: Uint8Array, gtidText: GtidText): string {
  return gtid.length === 0 ? '' : gtidText(gtid);
}

export function positionOf(end: GroupEnd, gtidText: GtidText): Position {
  return { epoch: end.epoch, ordinal: end.ordinal, gtid: textOrEmpty(gtidOf(end), gtidText) };
}

/** Result of `OrderWalk.step` for a record; 0 = a repeat, to be ignored. */
export const STEP = {
  store: 1,
  /** It is the first fragment of a group (or a whole one). */
  starts: 2,
  /** With it its group is complete. */
  completes: 4,
  /** The sender starts the group again: the fragments seen so far are void. */
  abandons: 8,
  format: 16,
} as const;

/**
 * State of a check over records. It points into the caller's buffers instead of copying GTIDs; `end()` copies them once.
 */
export class OrderWalk {
  epoch: number;
  ordinal: number;
  partialOpen = false;
  #ids: Buffer;
  #at = 0;
  #gtidSize: number;
  #previousSize: number;
  #partialEpoch = 0;
  #partialIds: Buffer;
  #partialAt = 0;
  #partialSize = 0;
  #kept: GroupEnd | null;

  constructor(from: GroupEnd) {
    this.epoch = from.epoch;
    this.ordinal = from.ordinal;
    this.#ids = from.ids;
    this.#gtidSize = from.gtidSize;
    this.#previousSize = from.ids.length - from.gtidSize;
    this.#partialIds = from.ids;
    this.#kept = from;
  }

  /** A second walk from here, so that a refused batch leaves the first one as it was. */
  fork(): OrderWalk {
    const fork = new OrderWalk(this.end());
    fork.partialOpen = this.partialOpen;
    fork.#partialEpoch = this.#partialEpoch;
    fork.#partialIds = this.#partialIds;
    fork.#partialAt = this.#partialAt;
    fork.#partialSize = this.#partialSize;
    return fork;
  }

  /** The last complete group, safe to keep. */
  end(): GroupEnd {
    this.#kept ??= {
      epoch: this.epoch,
      ordinal: this.ordinal,
      ids: Buffer.from(this.#ids.subarray(this.#at, this.#at + this.#gtidSize + this.#previousSize)),
      gtidSize: this.#gtidSize,
    };
    return this.#kept;
  }

  /** Frees the batch that an open group's identity points into. */
  detach(): void {
    this.end();
    this.#ids = this.#kept?.ids ?? this.#ids;
    this.#at = 0;
    if (!this.partialOpen) {
      this.#partialIds = this.#ids;
      return;
    }
    this.#partialIds = Buffer.from(
      this.#partialIds.subarray(this.#partialAt, this.#partialAt + this.#partialSize),
    );
    this.#partialAt = 0;
  }

  abandonPartial(): void {
    this.partialOpen = false;
  }

  /**
   * Takes a sound record (see faultAt).
   * @throws SkeinError SPOOL_GAP, SPOOL_DIVERGED
   */
  step(bytes: Buffer, offset: number): number {
    const ordinal = readU53(bytes, offset + 16);
    if (bytes[offset + 8] === RECORD_KIND.format) {
      if (ordinal > this.ordinal) throw gap(this.ordinal, ordinal, 'a FORMAT record from beyond the end');
      return STEP.store | STEP.format;
    }
    if (ordinal <= this.ordinal) {
      if (ordinal === this.ordinal && !this.#repeatsEnd(bytes, offset)) {
        throw diverged(ordinal, 'the group of this ordinal has another GTID here');
      }
      return 0;
    }
    if (ordinal !== this.ordinal + 1) throw gap(this.ordinal, ordinal, 'groups are missing in between');
    return this.#next(bytes, offset, ordinal);
  }

  #next(bytes: Buffer, offset: number, ordinal: number): number {
    const flags = bytes[offset + 9] ?? 0;
    const epoch = bytes.readUInt32LE(offset + 12);
    const gtidAt = offset + RECORD_HEADER_SIZE;
    const gtidSize = bytes[offset + 10] ?? 0;
    const previousSize = bytes[offset + 11] ?? 0;
    let verdict: number = STEP.store;
    if (flags & FIRST_FRAGMENT) {
      if (!same(bytes, gtidAt + gtidSize, previousSize, this.#ids, this.#at, this.#gtidSize)) {
        throw diverged(ordinal, 'it does not follow the last group here: its predecessor has another GTID');
      }
      if (epoch < this.epoch) throw diverged(ordinal, `its epoch ${epoch} is older than ${this.epoch}`);
      verdict |= this.partialOpen ? STEP.starts | STEP.abandons : STEP.starts;
      this.partialOpen = true;
      this.#partialEpoch = epoch;
      this.#partialIds = bytes;
      this.#partialAt = gtidAt;
      this.#partialSize = gtidSize + previousSize;
    } else if (!this.partialOpen) {
      throw gap(this.ordinal, ordinal, 'the first fragment of this group is missing');
    } else if (
      epoch !== this.#partialEpoch ||
      !same(bytes, gtidAt, gtidSize + previousSize, this.#partialIds, this.#partialAt, this.#partialSize)
    ) {
      throw diverged(ordinal, 'a fragment belongs to another group than the first fragment');
    }
    if (flags & LAST_FRAGMENT) {
      verdict |= STEP.completes;
      this.partialOpen = false;
      this.epoch = epoch;
      this.ordinal = ordinal;
      this.#ids = bytes;
      this.#at = gtidAt;
      this.#gtidSize = gtidSize;
      this.#previousSize = previousSize;
      this.#kept = null;
    }
    return verdict;
  }

  #repeatsEnd(bytes: Buffer, offset: number): boolean {
    const gtidSize = bytes[offset + 10] ?? 0;
    return same(bytes, offset + RECORD_HEADER_SIZE, gtidSize, this.#ids, this.#at, this.#gtidSize);
  }
}

function same(a: Buffer, aAt: number, aSize: number, b: Buffer, bAt: number, bSize: number): boolean {
  if (aSize !== bSize) return false;
  // Some 16 bytes: a loop is cheaper than the call into native code.
  for (let i = 0; i < aSize; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

function gap(end: number, ordinal: number, why: string): SkeinError {
  return new SkeinError(
    'SPOOL_GAP',
    `The spool ends at ordinal ${end} and got ordinal ${ordinal}: ${why}. The sender has to continue from the spool's end.`,
    { data: { end, ordinal } },
  );
}

function diverged(ordinal: number, why: string): SkeinError {
  return new SkeinError(
    'SPOOL_DIVERGED',
    `Ordinal ${ordinal} is refused: ${why}. The spool has to be cut to the chain of epochs first.`,
    { data: { ordinal } },
  );
}

export type Fault = 'truncated' | 'size' | 'crc' | 'kind' | 'layout';

/** What is wrong with the record at `offset`, or null: the wire's checks, and those of the fields a walk relies on. */
export function faultAt(bytes: Buffer, offset: number, markAllowed: boolean): Fault | null {
  const fault = recordFault(bytes, offset);
  if (fault) return fault;
  const kind = bytes[offset + 8] ?? 0;
  if (kind < RECORD_KIND.group || kind > RECORD_KIND.mark || (kind === RECORD_KIND.mark && !markAllowed)) {
    return 'kind';
  }
  return layoutFits(bytes, offset) ? null : 'layout';
}

export function layoutFits(bytes: Buffer, offset: number): boolean {
  const gtidSize = bytes[offset + 10] ?? 0;
  const previousSize = bytes[offset + 11] ?? 0;
  if (gtidSize > GTID_SIZE_MAX || previousSize > GTID_SIZE_MAX) return false;
  return RECORD_HEADER_SIZE + gtidSize + previousSize <= bytes.readUInt32LE(offset);
}
