import { durationText } from '../std/duration-text.js';

/** A server that was filled for a trouble, and soon has the same one again: filling it once more would not help either. */
export interface SeedDone {
  readonly trouble: string;
  /** Unix ms: it outlives the process. */
  readonly atMs: number;
}

/**
 * The same trouble within this time is said, and not seeded away again: each seed loads the donor and the network. A disk
 * that goes bad, or a statement that no replica can execute, would do this for ever.
 */
const AGAIN_AFTER_MS = 3_600_000;
/** Troubles of different names may have one cause. */
const BY_ITSELF_MAX = 20;
const KEPT_MAX = 40;

/** Why this trouble is no reason for a seed by itself; null = it is one. */
export function repeated(done: readonly SeedDone[], trouble: string, nowMs: number): string | null {
  const byItself = done.filter((one) => isRecent(one, nowMs) && isSuspicious(one));
  if (byItself.length >= BY_ITSELF_MAX)
    return `It was filled ${byItself.length} times within ${durationText(AGAIN_AFTER_MS)}, which is the limit without an operator. Look for the cause (the disk, the memory), then run: skein reseed <node>.`;
  const last = done.findLast((one) => one.trouble === trouble && isRecent(one, nowMs));
  if (!last) return null;
  // The time itself: who is told again and again is told the same.
  return `It was filled for the same trouble at ${new Date(last.atMs).toISOString()}, which did not help. Without an operator it is not filled again within ${durationText(AGAIN_AFTER_MS)}. Look for the cause (the disk, the statement), then run: skein reseed <node>.`;
}

/** A server that was lost as the primary is filled each time: that is no sign of a bad disk. */
function isSuspicious({ trouble }: SeedDone): boolean {
  return !trouble.startsWith('operator') && !trouble.startsWith('former primary');
}

/** With this one noted; what is too old to matter is left out. */
export function noted(done: readonly SeedDone[], trouble: string, nowMs: number): SeedDone[] {
  return [...done.filter((one) => isRecent(one, nowMs)), { trouble, atMs: nowMs }].slice(-KEPT_MAX);
}

/** A clock that was set back must not forbid it for years. */
function isRecent({ atMs }: SeedDone, nowMs: number): boolean {
  return Math.abs(nowMs - atMs) < AGAIN_AFTER_MS;
}
