/** How short of space a disk is. Pure. */
import { DISK_LEVELS, type DiskLevel } from './plan.js';

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Of a small disk this part is enough. With an absolute minimum alone, it would always be short of space. */
const PART_OF_SMALL_DISK = 0.1;
/** Part of the wanted free bytes below which each level begins. */
const BEGINS_BELOW: Readonly<Record<DiskLevel, number>> = {
  ok: Infinity,
  low: 1,
  scarce: 1 / 2,
  full: 1 / 4,
};
/** A level ends only at this multiple of the threshold at which it begins, so that it does not flap. */
const LEFT_ABOVE = 1.25;

/** Free bytes that are wanted on a disk of this size. */
export function wantedFree({ totalBytes }: DiskSpace, freeBytesMin: number): number {
  return Math.min(freeBytesMin, totalBytes * PART_OF_SMALL_DISK);
}

/** `was`: the previous level. */
export function diskLevel(space: DiskSpace, freeBytesMin: number, was: DiskLevel): DiskLevel {
  const wanted = wantedFree(space, freeBytesMin);
  if (wanted === 0) return 'ok';
  const part = space.freeBytes / wanted;
  const isIn = (level: DiskLevel) =>
    part < BEGINS_BELOW[level] * (DISK_LEVELS.indexOf(level) <= DISK_LEVELS.indexOf(was) ? LEFT_ABOVE : 1);
  return DISK_LEVELS.findLast(isIn) ?? 'ok';
}

export function worse(a: DiskLevel, b: DiskLevel): DiskLevel {
  return DISK_LEVELS.indexOf(a) > DISK_LEVELS.indexOf(b) ? a : b;
}
