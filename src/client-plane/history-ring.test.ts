import { expect, it } from 'vitest';
import { HISTORY_STEPS } from '../model/history.js';
import type { Load, MemberStatus } from '../model/status.js';
import { HistoryRing } from './history-ring.js';

const LOAD: Load = { cpuPercent: 12.5, spoolBytes: 4096, commitWaitMs: 0.7 };
const NOON = Date.UTC(2026, 0, 1, 12);

function member(name: string, committed: number, load: Load | null = LOAD): MemberStatus {
  const positions = { received: committed, durable: committed, committed, applied: committed - 1 };
  return { name, positions, lagMs: 3, load } as MemberStatus;
}

const committedOf = (ring: HistoryRing, steps: number, nowMs: number) =>
  Object.fromEntries(
    ring.last(steps, { nowMs, clockMs: NOON }).members.map(({ name, series }) => [name, series.committed]),
  );

it('has no step before the first status', () => {
  expect(new HistoryRing().last(5, { nowMs: 9_000, clockMs: NOON })).toEqual({
    ...{ stepMs: 1000, endsAt: null, members: [] },
  });
});

it('keeps all series of each member, and says when the last step was', () => {
  const ring = new HistoryRing();
  ring.take([member('n1', 10), member('n2', 8, null)], 5_200);
  ring.take([member('n1', 12), member('n2', 11, null)], 6_100);
  const history = ring.last(2, { nowMs: 6_250, clockMs: NOON });
  expect(history.endsAt).toBe(new Date(NOON - 250).toISOString());
  expect(history.members).toEqual([
    {
      name: 'n1',
      series: {
        ...{ committed: [10, 12], applied: [9, 11], lagMs: [3, 3], commitWaitMs: [0.7, 0.7] },
        ...{ spoolBytes: [4096, 4096], cpuPercent: [12.5, 12.5] },
      },
    },
    {
      name: 'n2',
      series: {
        ...{ committed: [8, 11], applied: [7, 10], lagMs: [3, 3], commitWaitMs: [null, null] },
        ...{ spoolBytes: [null, null], cpuPercent: [null, null] },
      },
    },
  ]);
});

it('a second without a status, a member that comes later and one that was removed are gaps', () => {
  const ring = new HistoryRing();
  ring.take([member('n1', 1), member('n2', 1)], 1_000);
  ring.take([member('n1', 4), member('n3', 4)], 4_999);
  expect(committedOf(ring, 5, 4_999)).toEqual({
    n1: [null, 1, null, null, 4],
    n2: [null, 1, null, null, null],
    n3: [null, null, null, null, 4],
  });
});

it('keeps an hour, whatever the gap, and forgets a removed member after that', () => {
  const ring = new HistoryRing();
  for (let step = 0; step < HISTORY_STEPS + 10; step++)
    ring.take([member('n1', step + 1), ...(step === 0 ? [member('old', 1)] : [])], step * 1000);
  const all = committedOf(ring, HISTORY_STEPS, 0);
  expect(all.n1).toHaveLength(HISTORY_STEPS);
  expect([all.n1?.[0], all.n1?.at(-1)]).toEqual([11, HISTORY_STEPS + 10]);
  expect(Object.keys(all)).toEqual(['n1']);
  // The node's process was stopped for two hours.
  ring.take([member('n1', 9)], 3 * HISTORY_STEPS * 1000);
  expect(committedOf(ring, HISTORY_STEPS, 0).n1?.filter((value) => value !== null)).toEqual([9]);
});
