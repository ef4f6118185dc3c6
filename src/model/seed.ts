/** Types of seeding: the cause and the progress of a replica that is filled from another node. */

export const SEED_PHASES = [
  'idle',
  'choosing',
  'transferring',
  'preparing',
  'waiting',
  'placing',
  'positioning',
  'catching-up',
  'backing-off',
] as const;
export type SeedPhase = (typeof SEED_PHASES)[number];

/** Why a link is closed: the replica needs what the primary's binary log does not have any more. */
export const LOG_PURGED = 'LOG_PURGED';

export const SEED_CAUSES = [
  'operator',
  'data-missing',
  'behind-log',
  'errant-transaction',
  'diverged',
  'former-primary',
  'apply-error',
  'server-start',
  'page-damage',
  'tables-unreadable',
] as const;
export type SeedCause = (typeof SEED_CAUSES)[number];

export interface SeedNeed {
  readonly cause: SeedCause;
  /** In plain words. */
  readonly reason: string;
  /** Whether the data that is there must not be read meanwhile. */
  readonly closes: boolean;
  /** Identifies the trouble: the same trouble soon after a seed does not start another one by itself. */
  readonly trouble: string;
}

/** The progress that a member reports. */
export interface SeedProgress {
  readonly phase: SeedPhase;
  readonly cause: SeedCause;
  readonly donor: string | null;
  /** Counts from 1. */
  readonly attempt: number;
  /** Bytes of the snapshot that have arrived; `bytesTotal` is an estimate, null = not known yet. */
  readonly bytes: number;
  readonly bytesTotal: number | null;
  readonly bytesPerSecond: number;
  /** Of the transfer; null = not known. */
  readonly remainingMs: number | null;
  /** ISO time. */
  readonly since: string;
  /** Why it is seeded and, after a failure, what failed. */
  readonly reason: string;
}
