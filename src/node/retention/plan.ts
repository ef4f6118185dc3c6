/**
 * Which files of a server's binary log are purged, and which members lose their place by that. Pure: facts in, a plan out.
 *
 * The oldest files are purged first, so a plan is a number of files. Files beyond the limits of bytes and age are purged even
 * if a member needs them. Files within the limits are kept, unless the disk is short of space:
 *   low      files that no member needs are purged, then files that only gone members need
 *   scarce   files that a present member needs are purged too: that member is seeded, and the server keeps its disk space
 *   full     nothing more is written, see Retention
 * Never purged: the file that the server writes to, and files with a transaction that is not durable on a majority (E3).
 */

export interface LogFile {
  readonly name: string;
  readonly bytes: number;
  /** Ordinal of the last transaction in the file, or of the last one before it when the file has none. */
  readonly last: number;
  /** Time since the last write to the file. */
  readonly ageMs: number;
}

/** A member that may have to be fed from this log. */
export interface LogNeed {
  readonly member: string;
  /** The member has every transaction up to this ordinal; null = not known. */
  readonly has: number | null;
  /** False = the member is gone. */
  readonly present: boolean;
  /** True = this need causes no warning and no event. */
  readonly quiet?: boolean;
}

export interface LogFacts {
  /** Oldest first. The server writes to the last one. */
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
  /** Wanted free bytes that are missing; 0 = enough are free. */
  readonly missingBytes: number;
}

export interface RetentionWarning {
  readonly member: string;
  readonly limit: 'bytes' | 'hours';
  /** Used part of the limit: 0.8 or more. Above 1 the member loses its place. */
  readonly used: number;
  /** Time until the member loses its place in the log; null = the log does not grow. */
  readonly leftMs: number | null;
  /** False: the member's position is not known, so it may need the whole log. */
  readonly isKnown: boolean;
}

export interface RetentionPlan {
  /** Number of the oldest files to purge. */
  readonly purge: number;
  readonly because: 'limit' | 'disk' | null;
  /** Members that this log can feed now, but not after the purge. */
  readonly drops: readonly string[];
  /** Warnings about members that this log can feed now. */
  readonly warnings: readonly RetentionWarning[];
  /** Members that this log can no longer feed. They need a seed. */
  readonly lost: readonly string[];
}

/** Used part of a limit from which a member causes a warning. */
const WARNED_PART = 0.8;

export function planRetention(facts: LogFacts, limits: RetentionLimits, disk: Disk): RetentionPlan {
  const { files } = facts;
  const fed = facts.needs.filter((need) => canFeed(need, facts.before));
  const reported = fed.filter(({ quiet }) => !quiet);
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
    drops: reported
      .filter(({ has }) => purge > 0 && (has ?? facts.before) < before)
      .map(({ member }) => member),
    warnings: reported.flatMap((need) => warningsFor(need, facts, limits)),
    lost: facts.needs.filter((need) => !fed.includes(need)).map(({ member }) => member),
  };
}

/** A member whose position is not known counts as one that this log can feed. */
function canFeed({ has }: LogNeed, before: number): boolean {
  return has === null || has >= before;
}

/** Number of the oldest files that end at or before this ordinal, without the last file. */
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

/** Number of the oldest files that no present member needs. */
function notNeeded(files: readonly LogFile[], needs: readonly LogNeed[]): number {
  const has = needs.filter(({ present }) => present).map((need) => need.has ?? -1);
  return countBelow(files, Math.min(Number.POSITIVE_INFINITY, ...has));
}

/** Number of files whose purge frees the missing bytes. The oldest files go first, because the fewest members need them. */
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
  // A present member without a known position is connecting. Its position will be known in a moment.
  if (has === null && present) return [];
  const first = has === null ? 0 : countBelow(files, has);
  const file = files[first];
  // The file that the server writes to is never purged.
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
