/**
 * Which files of a server's binary log go, and what that costs whom. Pure: facts in, a plan out.
 *
 * Files go from the oldest on, so a plan is a number of files. Beyond the limits of bytes and age they go, whoever needs them.
 * Within the limits they stay, unless the disk is short of room:
 *   low      what no member needs goes, then what only members need that are gone
 *   scarce   what a member needs that is present goes too: it is seeded, and the server keeps its room
 *   full     nothing more is written, see Retention
 * Never purged: the file that is being written, and anything that is not durable on a majority (E3).
 */

export interface LogFile {
  readonly name: string;
  readonly bytes: number;
  /** Ordinal of the last transaction in it, or before it when it has none. */
  readonly last: number;
  /** Time since it was last written to. */
  readonly ageMs: number;
}

/** Who may have to be fed from this log. */
export interface LogNeed {
  readonly member: string;
  /** It has every transaction up to this ordinal; null = not known. */
  readonly has: number | null;
  /** It is heard of, or was a moment ago; false = it is gone. */
  readonly present: boolean;
  /** Nothing is said of it, whatever happens to it. */
  readonly quiet?: boolean;
}

export interface LogFacts {
  /** The oldest first; the last one is being written. */
  readonly files: readonly LogFile[];
  /** Ordinal of the last transaction before the first file. */
  readonly before: number;
  readonly needs: readonly LogNeed[];
  /** Every transaction up to this ordinal is durable on a majority. */
  readonly durable: number;
  /** Growth of the log. */
  readonly bytesPerSecond: number;
}

export interface RetentionLimits {
  readonly bytes: number;
  readonly ageMs: number;
}

export const DISK_LEVELS = ['ok', 'low', 'scarce', 'full'] as const;
export type DiskLevel = (typeof DISK_LEVELS)[number];

export interface Disk {
  readonly level: DiskLevel;
  /** Missing to the free bytes that are wanted; 0 when there are enough. */
  readonly missingBytes: number;
}

export interface RetentionWarning {
  readonly member: string;
  readonly limit: 'bytes' | 'hours';
  /** How much of the limit is used: 0.8 or more, above 1 it is dropped. */
  readonly used: number;
  /** Until it loses its place in the log; null = the log does not grow. */
  readonly leftMs: number | null;
  /** False: what it has is not known, and it may need the whole log. */
  readonly isKnown: boolean;
}

export interface RetentionPlan {
  /** So many of the oldest files. */
  readonly purge: number;
  readonly because: 'limit' | 'disk' | null;
  /** Members that this log can feed now, and not any more afterwards. */
  readonly drops: readonly string[];
  /** Of members that this log can feed now. */
  readonly warnings: readonly RetentionWarning[];
  /** Members that this log cannot feed any more: only a seed helps them. */
  readonly lost: readonly string[];
}

/** Part of a limit from which a member is warned about. */
const WARNED_PART = 0.8;

export function planRetention(facts: LogFacts, limits: RetentionLimits, disk: Disk): RetentionPlan {
  const { files } = facts;
  const fed = facts.needs.filter((need) => canFeed(need, facts.before));
  const told = fed.filter(({ quiet }) => !quiet);
  const safe = countBelow(files, facts.durable);
  const byLimits = Math.min(safe, beyondLimits(files, limits));
  const byDisk = forDisk(files, disk, {
    low: Math.min(safe, notNeeded(files, fed)),
    scarce: safe,
  });
  const purge = Math.max(byLimits, byDisk);
  const before = files[purge - 1]?.last ?? facts.before;
  return {
    purge,
    because: purge === 0 ? null : byDisk > byLimits ? 'disk' : 'limit',
    drops: told.filter(({ has }) => purge > 0 && (has ?? facts.before) < before).map(({ member }) => member),
    warnings: told.flatMap((need) => warningsFor(need, facts, limits)),
    lost: facts.needs.filter((need) => !fed.includes(need)).map(({ member }) => member),
  };
}

/** A member of which nothing is known may be fed by what is there. */
function canFeed({ has }: LogNeed, before: number): boolean {
  return has === null || has >= before;
}

/** Files, from the oldest on, that end at or before this ordinal; never the last one. */
function countBelow(files: readonly LogFile[], ordinal: number): number {
  const end = files.slice(0, -1).findIndex(({ last }) => last > ordinal);
  return end === -1 ? Math.max(0, files.length - 1) : end;
}

function beyondLimits(files: readonly LogFile[], { bytes, ageMs }: RetentionLimits): number {
  let kept = sizeOf(files);
  let count = 0;
  for (const file of files.slice(0, -1)) {
    if (kept <= bytes && file.ageMs <= ageMs) break;
    kept -= file.bytes;
    count++;
  }
  return count;
}

/** Files that no member needs which is present. */
function notNeeded(files: readonly LogFile[], needs: readonly LogNeed[]): number {
  const has = needs.filter(({ present }) => present).map((need) => need.has ?? -1);
  return countBelow(files, Math.min(Number.POSITIVE_INFINITY, ...has));
}

/** As many files as bring the missing bytes. The oldest are those that the fewest members need. */
function forDisk(
  files: readonly LogFile[],
  { level, missingBytes }: Disk,
  allowed: { readonly low: number; readonly scarce: number },
): number {
  if (level === 'ok') return 0;
  const max = level === 'low' ? allowed.low : allowed.scarce;
  let freed = 0;
  let count = 0;
  while (count < max && freed < missingBytes) freed += files[count++]?.bytes ?? 0;
  return count;
}

function warningsFor(
  { member, has, present }: LogNeed,
  { files, bytesPerSecond }: LogFacts,
  { bytes, ageMs }: RetentionLimits,
): RetentionWarning[] {
  // What a member that connects just now has is known in a moment.
  if (has === null && present) return [];
  const first = has === null ? 0 : countBelow(files, has);
  const file = files[first];
  // The file that is being written stays in any case.
  if (!file || first === files.length - 1) return [];
  const isKnown = has !== null;
  const kept = sizeOf(files.slice(first));
  const all: RetentionWarning[] = [
    {
      ...{ member, isKnown, limit: 'bytes', used: kept / bytes },
      leftMs: bytesPerSecond > 0 ? Math.max(0, ((bytes - kept) / bytesPerSecond) * 1000) : null,
    },
    { member, isKnown, limit: 'hours', used: file.ageMs / ageMs, leftMs: Math.max(0, ageMs - file.ageMs) },
  ];
  const due = all.filter(({ used }) => used >= WARNED_PART);
  return due.toSorted((a, b) => (a.leftMs ?? Infinity) - (b.leftMs ?? Infinity)).slice(0, 1);
}

function sizeOf(files: readonly LogFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
