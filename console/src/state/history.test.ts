import { describe, expect, it } from 'vitest';
import type { History } from '../../../client/src/index.js';
import { chartsOf, type KeptHistory, mergeHistory, secondsToAsk, timesOf } from './history.js';

const AT = Date.parse('2026-01-01T12:00:00Z');

/** `committed` of n1, up to `endS` seconds after noon; n2 is one behind. */
function answer(endS: number, committed: (number | null)[]): History {
  const none = committed.map(() => null);
  const member = (name: string, behind: number) => ({
    name,
    series: {
      ...{ committed: committed.map((value) => (value === null ? null : value - behind)), applied: none },
      ...{ lagMs: none, commitWaitMs: none, spoolBytes: committed.map(() => 2 ** 20), cpuPercent: none },
    },
  });
  // Answers come at any part of a second.
  const endsAt = new Date(AT + endS * 1000 + 137).toISOString();
  return { stepMs: 1000, endsAt, members: [member('n2', 1), member('n1', 0)] };
}

const committedOf = (kept: KeptHistory | null) => kept?.members[0]?.series.committed;

describe('what is kept', () => {
  it('has a value for each second, also before the first answer', () => {
    const kept = mergeHistory(null, answer(3, [1, 2, 3]), 5);
    expect(committedOf(kept)).toEqual([null, null, 1, 2, 3]);
    expect(kept && timesOf(kept)).toEqual([-1, 0, 1, 2, 3].map((s) => AT / 1000 + s));
  });

  it('goes on with a short answer that overlaps, and takes the newer word for each second', () => {
    const kept = mergeHistory(null, answer(5, [1, 2, 3, 4, null]), 5);
    expect(committedOf(mergeHistory(kept, answer(7, [4, 5, 6, 7]), 5))).toEqual([3, 4, 5, 6, 7]);
    expect(committedOf(mergeHistory(kept, answer(5, [5]), 5))).toEqual([1, 2, 3, 4, 5]);
  });

  it('begins anew after a gap, another range, or a clock that was set back', () => {
    const kept = mergeHistory(null, answer(5, [1, 2, 3, 4, 5]), 5);
    expect(committedOf(mergeHistory(kept, answer(90, [8, 9]), 5))).toEqual([null, null, null, 8, 9]);
    expect(committedOf(mergeHistory(kept, answer(6, [5, 6]), 3))).toEqual([null, 5, 6]);
    expect(committedOf(mergeHistory(kept, answer(1, [1]), 5))).toEqual([null, null, null, null, 1]);
  });

  it('stays as it is when the node knows nothing yet', () => {
    const kept = mergeHistory(null, answer(1, [1]), 5);
    expect(mergeHistory(kept, { stepMs: 1000, endsAt: null, members: [] }, 5)).toBe(kept);
  });

  it('asks for all first, then for what is new and a little more', () => {
    expect(secondsToAsk(null, { seconds: 300, nowS: 0 })).toBe(300);
    const kept = mergeHistory(null, answer(10, [1]), 300);
    expect(secondsToAsk(kept, { seconds: 300, nowS: AT / 1000 + 12.3 })).toBe(8);
    expect(secondsToAsk(kept, { seconds: 300, nowS: AT / 1000 + 10_000 })).toBe(300);
    expect(secondsToAsk(kept, { seconds: 3600, nowS: AT / 1000 + 12 })).toBe(3600);
  });
});

describe('the charts', () => {
  const chart = (kept: KeptHistory, id: string) => chartsOf(kept, 'n1').find((each) => each.id === id);

  it('throughput is the rise of what the cluster has committed, over gaps the average', () => {
    const kept = mergeHistory(null, answer(6, [10, 14, null, 20, 20, 5]), 6) as KeptHistory;
    expect(chart(kept, 'throughput')?.lines).toEqual([
      { name: 'committed', values: [null, 4, null, 3, 0, null] },
    ]);
  });

  it('lag is that of the replicas; the spool is shown in MiB', () => {
    const kept = mergeHistory(null, answer(1, [1]), 1) as KeptHistory;
    expect(chart(kept, 'lag')?.lines.map(({ name }) => name)).toEqual(['n2']);
    expect(chart(kept, 'spool')?.lines).toEqual([
      { name: 'n1', values: [1] },
      { name: 'n2', values: [1] },
    ]);
  });
});
