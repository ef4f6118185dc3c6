import type { World } from './world.js';

export const FAULTS = [
  'kill',
  'power',
  'pause',
  'cut',
  'isolate',
  'strand',
  'server',
  'transfer',
  'refuse links',
  'lose the disk',
  'members',
  'clone',
] as const;
export type Fault = (typeof FAULTS)[number];

/** What a seed is like. Seeds with few kinds of faults get further into those than seeds with all of them. */
export interface Mood {
  readonly tick: number;
  readonly write: number;
  readonly read: number;
  /** Of a server that is down. */
  readonly restart: number;
  readonly fault: number;
  readonly mend: number;
  readonly passMaxMs: number;
  readonly faults: readonly Fault[];
}

/** The first is a time in which whole elections happen within one time-out, as they do on real networks. */
const PASS_MAX_MS = [3, 20, 50, 100];

export function moodOf(world: World): Mood {
  const share = 0.2 + 0.8 * world.random();
  return {
    tick: 0.15 + 0.2 * world.random(),
    write: 0.02 + 0.15 * world.random(),
    read: 0.005 + 0.05 * world.random(),
    restart: 0.02,
    fault: 0.004 + 0.03 * world.random(),
    mend: 0.02 + 0.1 * world.random(),
    passMaxMs: world.pick(PASS_MAX_MS) ?? 50,
    faults: FAULTS.filter(() => world.random() < share),
  };
}
