import { FIRST_FRAGMENT, RECORD_KIND, readU53 } from '../wire/record.js';
import type { Format } from './format.js';
import type { GroupEnd } from './order.js';
import type { Segment } from './segment.js';

/** Facts about a run of records before it is stored. */
export interface RunFacts {
  /** The last complete group once it is stored. */
  end: GroupEnd;
  /** Ordinal of the last record in it, or of the group before it when it holds none. */
  lastOrdinal: number;
  /** Whether its last record ends a group. */
  endsGroup: boolean;
  /** Ordinal of the first group that starts in it (0 = none does), and where, from its beginning. */
  startOrdinal: number;
  startAt: number;
  /** The last FORMAT record in it. */
  format: Format | null;
  /** A new segment is due and begins with it: what it follows, and the FORMAT in force. */
  opensSegment: { base: GroupEnd; format: Format | null } | null;
}

/**
 * A run of records as it was appended, kept in memory until it is written and for some time after, for readers
 * that keep up. It forms a linked list. An evicted entry drops its bytes and its successor, so that a slow reader that still
 * holds it keeps no memory alive, and knows where in the files to go on.
 */
export interface TailEntry extends RunFacts {
  /** Without the bytes of an abandoned group. Empty once evicted. */
  bytes: Buffer;
  /** Its place in the files, known as soon as its write begins. */
  segment: Segment | null;
  offset: number;
  /** Bytes it takes there. */
  size: number;
  written: boolean;
  evicted: boolean;
  next: TailEntry | null;
}

export function tailEntry(bytes: Buffer, facts: RunFacts): TailEntry {
  return {
    bytes,
    end: facts.end,
    lastOrdinal: facts.lastOrdinal,
    endsGroup: facts.endsGroup,
    startOrdinal: facts.startOrdinal,
    startAt: facts.startAt,
    format: facts.format,
    opensSegment: facts.opensSegment,
    segment: null,
    offset: 0,
    size: 0,
    written: false,
    evicted: false,
    next: null,
  };
}

export class Tail {
  #first: TailEntry | null = null;
  #last: TailEntry | null = null;
  #bytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get first(): TailEntry | null {
    return this.#first;
  }

  push(entry: TailEntry): void {
    if (this.#last) this.#last.next = entry;
    else this.#first = entry;
    this.#last = entry;
    this.#bytes += entry.bytes.length;
  }

  /** Drops the oldest entries, but never one that is not in its file yet. */
  evict(): void {
    while (this.#bytes > this.#bytesMax && this.#first?.written) this.#drop(this.#first);
  }

  clear(): void {
    while (this.#first) this.#drop(this.#first);
  }

  /** Shortens an entry to `size` bytes: an abandoned group is cut off its end. */
  shorten(entry: TailEntry, size: number): void {
    this.#bytes -= entry.bytes.length - size;
    entry.bytes = entry.bytes.subarray(0, size);
  }

  /** Where the first record of this group stands, or null when it is not in memory (any more, or yet). */
  locate(ordinal: number): { entry: TailEntry; at: number } | null {
    let candidate: TailEntry | null = null;
    for (let entry = this.#first; entry; entry = entry.next) {
      if (entry.startOrdinal === 0 || entry.bytes.length <= entry.startAt) continue;
      if (entry.startOrdinal > ordinal) break;
      candidate = entry;
    }
    return candidate && findStart(candidate, ordinal);
  }

  /** Cheap test before `locate`. */
  mayHold(ordinal: number): boolean {
    for (let entry = this.#first; entry; entry = entry.next) {
      if (entry.startOrdinal > 0 && entry.bytes.length > entry.startAt) return entry.startOrdinal <= ordinal;
    }
    return false;
  }

  #drop(entry: TailEntry): void {
    this.#bytes -= entry.bytes.length;
    this.#first = entry.next;
    if (!this.#first) this.#last = null;
    entry.evicted = true;
    entry.bytes = EMPTY;
    entry.next = null;
  }
}

const EMPTY = Buffer.alloc(0);

function findStart(entry: TailEntry, ordinal: number): { entry: TailEntry; at: number } | null {
  const { bytes } = entry;
  for (let at = entry.startAt; at < bytes.length; at += bytes.readUInt32LE(at)) {
    if (bytes[at + 8] !== RECORD_KIND.group) continue;
    if (readU53(bytes, at + 16) === ordinal && (bytes[at + 9] ?? 0) & FIRST_FRAGMENT) return { entry, at };
  }
  return null;
}
