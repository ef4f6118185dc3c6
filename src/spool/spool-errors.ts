import { messageOf, SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { SpoolDamage } from './recovery.js';

/** Errors of a spool; `purged` is the reader's own (reader.ts). */

export function damagedError(damage: SpoolDamage | null): SkeinError {
  return new SkeinError(
    'SPOOL_DAMAGED',
    `The spool is damaged and is not used: ${damage?.reason ?? 'unknown'} (${damage?.file ?? 'whole'}, byte ${damage?.offset ?? 0}).`,
    { data: { ...damage } },
  );
}

export function closedError(): SkeinError {
  return new SkeinError('SPOOL_CLOSED', 'The spool is closed.');
}

export function busyError(): SkeinError {
  return new SkeinError('SPOOL_BUSY', 'The spool is being cut; append when that is done.');
}

export function failedError(directory: string, cause: unknown): SkeinError {
  return new SkeinError(
    'SPOOL_FAILED',
    `The spool in ${directory} cannot be written: ${messageOf(cause)}. The node acknowledges nothing more, and must be restarted.`,
    { cause, data: { errno: (cause as NodeJS.ErrnoException)?.code ?? null } },
  );
}

/** The group at the place of the cut is another one than requested. */
export function divergedError(asked: Position, found: Position): SkeinError {
  return new SkeinError(
    'SPOOL_DIVERGED',
    `The spool cannot be cut after ${asked.gtid || 'the origin'}: ordinal ${asked.ordinal} is ${found.gtid || 'the origin'} here.`,
    { data: { ordinal: asked.ordinal, asked: asked.gtid, found: found.gtid } },
  );
}

export function cutCommittedError(after: number, committed: number): SkeinError {
  return new SkeinError(
    'SPOOL_CUT_COMMITTED',
    `The spool is not cut after ordinal ${after}: ordinal ${committed} is committed.`,
    { data: { after, committed } },
  );
}

export function notCoveredError(end: number, after: number): SkeinError {
  return new SkeinError(
    'SPOOL_NOT_COVERED',
    `The spool ends at ordinal ${end} and cannot restart after ${after}: cut it to the chain first.`,
    { data: { end, after } },
  );
}
