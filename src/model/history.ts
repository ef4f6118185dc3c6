/** What each node keeps in memory of each member, in steps of a second: see `GET /v1/history`. */

export const HISTORY_STEP_MS = 1_000;
export const HISTORY_STEPS = 3_600;

/** `committed` and `applied` are ordinals (see Position): their rise is the throughput. The others are as in MemberStatus. */
export const SERIES = ['committed', 'applied', 'lagMs', 'commitWaitMs', 'spoolBytes', 'cpuPercent'] as const;
export type SeriesName = (typeof SERIES)[number];

export interface MemberHistory {
  name: string;
  /** One value for each step, the oldest first; null = not known. */
  series: Record<SeriesName, (number | null)[]>;
}

export interface History {
  stepMs: number;
  /** ISO time of the last step; null = there is none yet. */
  endsAt: string | null;
  /** In the order in which they were first seen. */
  members: MemberHistory[];
}
