import {
  HISTORY_STEP_MS,
  HISTORY_STEPS,
  type History,
  type MemberHistory,
  SERIES,
  type SeriesName,
} from '../model/history.js';
import type { MemberStatus } from '../model/status.js';

type Rings = Record<SeriesName, Float64Array>;

interface Kept {
  readonly rings: Rings;
  /** The step in which it was last in the status. */
  lastStep: number;
}

/**
 * The last hour of all members, as this node's status showed them. A step without a status (the node was stopped, or its replication
 * thread did not answer) is a gap. A member takes 170 kB, until an hour after it was removed.
 */
export class HistoryRing {
  readonly #members = new Map<string, Kept>();
  #step: number | null = null;

  /** `nowMs`: a monotonic clock. */
  take(members: readonly MemberStatus[], nowMs: number): void {
    const step = Math.floor(nowMs / HISTORY_STEP_MS);
    this.#moveTo(step);
    for (const member of members) {
      const kept = this.#keep(member.name);
      kept.lastStep = step;
      const values = valuesOf(member);
      for (const name of SERIES) kept.rings[name][step % HISTORY_STEPS] = values[name] ?? Number.NaN;
    }
  }

  /** The newest `steps` steps. `nowMs` and `clockMs`: the monotonic clock and the wall clock at the same moment. */
  last(steps: number, { nowMs, clockMs }: { nowMs: number; clockMs: number }): History {
    const step = this.#step;
    if (step === null) return { stepMs: HISTORY_STEP_MS, endsAt: null, members: [] };
    const endsAt = new Date(clockMs - (nowMs - step * HISTORY_STEP_MS)).toISOString();
    const members = [...this.#members].map(
      ([name, { rings }]): MemberHistory => ({
        name,
        series: mapSeries((series) => newest(rings[series], step, Math.min(steps, HISTORY_STEPS))),
      }),
    );
    return { stepMs: HISTORY_STEP_MS, endsAt, members };
  }

  #keep(name: string): Kept {
    const known = this.#members.get(name);
    if (known) return known;
    const kept: Kept = {
      rings: mapSeries(() => new Float64Array(HISTORY_STEPS).fill(Number.NaN)),
      lastStep: 0,
    };
    this.#members.set(name, kept);
    return kept;
  }

  /** Empties the steps that were left out, and what is in the place of the new one. */
  #moveTo(step: number): void {
    const before = this.#step ?? step;
    const first = Math.max(before + 1, step - HISTORY_STEPS + 1);
    for (const [name, { rings, lastStep }] of this.#members) {
      if (step - lastStep > HISTORY_STEPS) this.#members.delete(name);
      for (let at = first; at <= step; at++)
        for (const series of SERIES) rings[series][at % HISTORY_STEPS] = Number.NaN;
    }
    this.#step = step;
  }
}

function valuesOf({ positions, lagMs, load }: MemberStatus): Record<SeriesName, number | null> {
  return {
    committed: positions.committed,
    applied: positions.applied,
    lagMs,
    commitWaitMs: load?.commitWaitMs ?? null,
    spoolBytes: load?.spoolBytes ?? null,
    cpuPercent: load?.cpuPercent ?? null,
  };
}

function newest(ring: Float64Array, step: number, count: number): (number | null)[] {
  return Array.from({ length: count }, (_, at) => {
    const value = ring[(step - count + 1 + at + HISTORY_STEPS) % HISTORY_STEPS] ?? Number.NaN;
    return Number.isNaN(value) ? null : value;
  });
}

function mapSeries<T>(make: (name: SeriesName) => T): Record<SeriesName, T> {
  return Object.fromEntries(SERIES.map((name) => [name, make(name)])) as Record<SeriesName, T>;
}
