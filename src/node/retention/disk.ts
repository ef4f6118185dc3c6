/** How short of room a disk is. Pure. */
import { DISK_LEVELS, type DiskLevel } from './plan.js';

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** A small disk would be short of room for ever: there, this part of it is enough. */
const PART_OF_SMALL_DISK = 0.1;
/** Part of the wanted free bytes below which each level begins. */
const BEGINS_BELOW: Readonly<Record<DiskLevel, number>> = {
  ok: Infinity,
  low: 1,
  scarce: 1 / 2,
  full: 1 / 4,
};
/** A level is left this far above where it begins, so that it does not come and go. */
const LEFT_ABOVE = 1.25;

/** Free bytes that are wanted on a disk of this size. */
export function wantedFree({ totalBytes }: DiskSpace, freeBytesMin: number): number {
  return Math.min(freeBytesMin, totalBytes * PART_OF_SMALL_DISK);
}

/** `was`: the level that it had. */
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
