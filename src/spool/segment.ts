import type { Format } from './format.js';
import type { GroupEnd } from './order.js';

/** Sixteen digits hold every ordinal (2^53), so names sort like ordinals. */
const NAME = /^(\d{16})\.seg$/;

export function segmentName(firstOrdinal: number): string {
  return `${String(firstOrdinal).padStart(16, '0')}.seg`;
}

export function segmentOrdinal(name: string): number | null {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** One index entry for this many bytes: 1,024 entries for a segment of 64 MiB, and little to walk from there. */
const INDEX_STEP_BYTES = 64 * 1024;

/** What the spool knows of one of its files. A group never crosses from one segment to the next. */
export class Segment {
  readonly name: string;
  /** The last group before this segment. */
  readonly base: GroupEnd;
  readonly begins: boolean;
  /** Offset behind the head (mark and FORMAT record). */
  headSize = 0;
  headFormat: Format | null = null;
  /** Bytes written; what is behind that is not there yet. */
  size = 0;
  /** Of these, bytes that a sync covered which has returned. */
  syncedSize = 0;
  lastOrdinal: number;
  /** Purged or cut away. */
  removed = false;
  /** Fragments of groups that the sender started again: [from, to) pairs, ascending. */
  readonly dead: { from: number; to: number }[] = [];
  readonly #indexOrdinals: number[] = [];
  readonly #indexOffsets: number[] = [];

  constructor(base: GroupEnd, begins: boolean) {
    this.name = segmentName(base.ordinal + 1);
    this.base = base;
    this.begins = begins;
    this.lastOrdinal = base.ordinal;
  }

  get firstOrdinal(): number {
    return this.base.ordinal + 1;
  }

  /** A group of this ordinal starts at `offset`. Called in the order of the file. */
  noteGroup(ordinal: number, offset: number): void {
    if (offset - (this.#indexOffsets.at(-1) ?? 0) < INDEX_STEP_BYTES) return;
    this.#indexOrdinals.push(ordinal);
    this.#indexOffsets.push(offset);
  }

  /** An offset, at a record's start, from which a walk finds the group; not behind it. */
  offsetBefore(ordinal: number): number {
    let low = 0;
    let high = this.#indexOrdinals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#indexOrdinals[middle] ?? 0) < ordinal) low = middle + 1;
      else high = middle;
    }
    // Strictly before: the entry of the ordinal itself may be that of a try which was given up.
    return low === 0 ? 0 : (this.#indexOffsets[low - 1] ?? 0);
  }

  /** The end of the dead range that covers `offset`, or `offset` itself. */
  skipDead(offset: number): number {
    for (const range of this.dead) if (offset >= range.from && offset < range.to) return range.to;
    return offset;
  }

  /** Forgets what is behind `size`. */
  cutTo(size: number, lastOrdinal: number): void {
    this.size = size;
    this.syncedSize = Math.min(this.syncedSize, size);
    this.lastOrdinal = lastOrdinal;
    while ((this.#indexOffsets.at(-1) ?? -1) >= size) {
      this.#indexOffsets.pop();
      this.#indexOrdinals.pop();
    }
    while ((this.dead.at(-1)?.to ?? -1) > size) this.dead.pop();
  }
}
