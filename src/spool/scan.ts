import { isSkeinError } from '../model/error.js';
import { RECORD_KIND, RECORD_SIZE_MAX, readU53 } from '../wire/record.js';
import { type Format, formatAt } from './format.js';
import { type Mark, readMark } from './mark.js';
import { type Fault, faultAt, type GroupEnd, layoutFits, OrderWalk, STEP } from './order.js';
import type { Segment } from './segment.js';
import { readRange, type StorageFile } from './storage.js';

/** Large enough for three of the largest records, so a window always holds a whole one. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Where a walk through a segment had to stop. */
export interface Stop {
  readonly offset: number;
  /** 'chain': the record is sound, but cannot follow the previous one. */
  readonly fault: Fault | 'mark' | 'chain';
  readonly detail: string;
}

export interface SegmentScan {
  /** Without the preallocated zeros at its end. */
  readonly fileSize: number;
  /** Preallocated zeros up to the end of the file. */
  readonly zeroBytes: number;
  /** Everything before this offset is sound; = fileSize when there was no stop. */
  readonly goodSize: number;
  readonly stop: Stop | null;
  /** Last complete group. */
  readonly end: GroupEnd;
  /** Offset of the first fragment of a group that is not complete, or null. */
  readonly partialAt: number | null;
  readonly partialFragments: number;
  /** The largest synced offset that a mark before the stop states. */
  readonly syncedOffset: number;
  readonly formats: Format[];
  readonly groups: number;
  readonly lastMark: Mark | null;
}

/** The head mark of a segment; null when it is not sound. */
export async function readHead(file: StorageFile): Promise<Mark | null> {
  return readMark(await readRange(file, 0, 512), 0, 0);
}

/**
 * Reads a segment from its beginning, checks every record and fills in `segment` (index, dead ranges, sizes).
 * `visit` sees each sound record.
 */
export async function scanSegment(
  file: StorageFile,
  segment: Segment,
  incarnation: string,
  visit?: (bytes: Buffer, at: number, offset: number) => void,
): Promise<SegmentScan> {
  let fileSize = await file.size();
  let zeroBytes = 0;
  const walk = new OrderWalk(segment.base);
  const formats: Format[] = [];
  let offset = 0;
  let stop: Stop | null = null;
  let partialAt = 0;
  let partialFragments = 0;
  let syncedOffset = 0;
  let groups = 0;
  let headEnds = false;
  let lastMark: Mark | null = null;

  const take = (bytes: Buffer, at: number): Stop | null => {
    const kind = bytes[at + 8];
    if (kind === RECORD_KIND.mark) {
      const mark = readMark(bytes, at, offset);
      if (mark?.incarnation !== incarnation) {
        return { offset, fault: 'mark', detail: 'a mark of another place or another spool' };
      }
      syncedOffset = Math.max(syncedOffset, mark.syncedOffset);
      lastMark = mark;
      if (offset === 0) segment.headSize = mark.size;
      else headEnds = true;
      return null;
    }
    let verdict: number;
    try {
      verdict = walk.step(bytes, at);
    } catch (error) {
      if (!isSkeinError(error)) throw error;
      return { offset, fault: 'chain', detail: error.message };
    }
    if (verdict === 0) return { offset, fault: 'chain', detail: 'an ordinal comes twice' };
    if (verdict & STEP.format) {
      const format = formatAt(bytes, at, walk.ordinal);
      formats.push(format);
      if (!headEnds) {
        segment.headSize = offset + format.record.length;
        segment.headFormat = format;
      }
    }
    headEnds = true;
    if (verdict & STEP.abandons || (verdict & STEP.format && walk.partialOpen)) {
      segment.dead.push({ from: partialAt, to: offset });
      if (verdict & STEP.format) walk.abandonPartial();
    }
    if (verdict & STEP.starts) {
      partialAt = offset;
      partialFragments = 0;
      segment.noteGroup(walk.partialOpen ? walk.ordinal + 1 : walk.ordinal, offset);
    }
    if (walk.partialOpen) partialFragments += 1;
    if (verdict & STEP.completes) groups += 1;
    return null;
  };

  while (offset < fileSize && !stop) {
    const window = await readRange(file, offset, Math.min(fileSize, offset + WINDOW_BYTES));
    const isLast = offset + window.length >= fileSize;
    let at = 0;
    while (at < window.length && !stop) {
      const fault = faultAt(window, at, true);
      if (fault === 'truncated' && !isLast && at > 0) break;
      if (fault && (await isZero(file, offset, fileSize))) {
        zeroBytes = fileSize - offset;
        fileSize = offset;
        break;
      }
      stop = fault ? { offset, fault, detail: `a bad record (${fault})` } : take(window, at);
      if (stop) break;
      visit?.(window, at, offset);
      const size = window.readUInt32LE(at);
      at += size;
      offset += size;
    }
    walk.detach();
  }
  segment.size = offset;
  segment.lastOrdinal = walk.ordinal;
  return {
    fileSize,
    zeroBytes,
    goodSize: offset,
    stop,
    end: walk.end(),
    partialAt: walk.partialOpen ? partialAt : null,
    partialFragments: walk.partialOpen ? partialFragments : 0,
    syncedOffset,
    formats,
    groups,
    lastMark,
  };
}

async function isZero(file: StorageFile, from: number, to: number): Promise<boolean> {
  for (let at = from; at < to; at += WINDOW_BYTES) {
    const window = await readRange(file, at, Math.min(to, at + WINDOW_BYTES));
    if (!window.equals(Buffer.alloc(window.length))) return false;
  }
  return true;
}

/** What follows bad bytes. */
export interface Behind {
  /** The largest synced offset that a mark behind them states: proof that bytes before it were on the disk. */
  readonly syncedOffset: number;
  /** Offset of the first sound record that continues the sequence, or null. */
  readonly recordAt: number | null;
  /** A stretch of bad bytes up to a sector's end is all zero: a sector that never reached the disk looks so. */
  readonly lostSector: boolean;
}

/**
 * Limit of bytes over which CRCs are computed in search of a record. Otherwise data that imitates the beginnings of many
 * large records could keep a start busy for hours. When the limit is reached, a record counts as found.
 */
const SEARCH_BYTES_MAX = 2 * 1024 * 1024 * 1024;

/** Disks write sectors whole; 512 bytes is the smallest in use. */
const SECTOR_BYTES = 512;

/**
 * Searches what follows the bad bytes at `badOffset`, byte by byte, because after a bad record the beginning of the next one
 * is unknown.
 */
export async function lookBehind(
  file: StorageFile,
  badOffset: number,
  expectedOrdinal: number,
  incarnation: string,
): Promise<Behind> {
  const fileSize = await file.size();
  let syncedOffset = 0;
  let recordAt: number | null = null;
  let budget = SEARCH_BYTES_MAX;
  for (let from = badOffset; from < fileSize; from += WINDOW_BYTES) {
    // Windows overlap by one record, so that each candidate is seen whole once.
    const window = await readRange(file, from, Math.min(fileSize, from + WINDOW_BYTES + RECORD_SIZE_MAX));
    const candidates = Math.min(window.length, WINDOW_BYTES);
    for (let at = from === badOffset ? 1 : 0; at < candidates; at++) {
      const kind = window[at + 8];
      if (kind === undefined || kind === 0 || kind > RECORD_KIND.mark) continue;
      if (kind === RECORD_KIND.mark) {
        const mark = readMark(window, at, from + at);
        if (mark?.incarnation === incarnation) syncedOffset = Math.max(syncedOffset, mark.syncedOffset);
      } else if (recordAt === null && mayContinue(window, at, expectedOrdinal)) {
        budget -= window.readUInt32LE(at);
        if (budget < 0 || faultAt(window, at, false) === null) recordAt = from + at;
      }
    }
  }
  return {
    syncedOffset,
    recordAt,
    lostSector: await hasLostSector(file, badOffset, recordAt ?? fileSize),
  };
}

/** Bytes in users' data can look like a record by accident or on purpose; one that also continues here hardly ever. */
function mayContinue(bytes: Buffer, at: number, expectedOrdinal: number): boolean {
  if (bytes.length - at < 32) return false;
  const size = bytes.readUInt32LE(at);
  if (size < 32 || size > RECORD_SIZE_MAX || (bytes[at + 9] ?? 0) > 3) return false;
  const ordinal = readU53(bytes, at + 16);
  const isFormat = bytes[at + 8] === RECORD_KIND.format;
  if (ordinal < expectedOrdinal - (isFormat ? 1 : 0) || ordinal > expectedOrdinal + 0xff_ffff) return false;
  return layoutFits(bytes, at);
}

async function hasLostSector(file: StorageFile, from: number, to: number): Promise<boolean> {
  const firstEnd = Math.floor(from / SECTOR_BYTES + 1) * SECTOR_BYTES;
  for (let start = from, end = firstEnd; end <= to; start = end, end += SECTOR_BYTES) {
    const sector = await readRange(file, start, end);
    if (sector.every((byte) => byte === 0)) return true;
  }
  return false;
}
