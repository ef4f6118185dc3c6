import { describe, expect, it } from 'vitest';
import { chartOf } from './chart.js';
import { Figures } from './figures.js';
import { goals } from './goals.js';
import type { RunFigures } from './measure.js';
import { reportOf } from './report.js';
import type { Results } from './results.js';
import { pairs, spreadOf } from './statistics.js';

describe('spread', () => {
  it('is the middle, or the mean of the two in the middle, with the ends', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3, count: 3 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, least: 1, most: 4, count: 4 });
    expect(spreadOf([])).toBeNull();
  });

  it('pairs what belongs to one round', () => {
    const one = [{ round: 0 }, { round: 1 }];
    expect(pairs(one, [{ round: 1 }])).toEqual([[{ round: 1 }, { round: 1 }]]);
  });
});

describe('goals', () => {
  it('are judged by the median of the ratios within the rounds', () => {
    // Round 1 was on a machine half as fast: ratios within a round are 0.9 all the same, and 1.8 across.
    const runs = [
      run('native-async', 0, { perSecond: 2000 }),
      run('skein-async', 0, { perSecond: 1800 }),
      run('native-async', 1, { perSecond: 1000 }),
      run('skein-async', 1, { perSecond: 900 }),
    ];
    const [goal] = goals(new Figures(results(runs)));
    expect(goal).toMatchObject({ text: 'throughput: async / native async', reached: false });
    expect(goal?.found?.median).toBeCloseTo(0.9);
  });

  it('count the processor time of all processes, and of the busiest node', () => {
    const native = run('native-async', 0, { cpuMs: { 'n1.server': 1000, 'n2.server': 1000 } });
    const skein = run('skein-majority', 0, {
      cpuMs: { 'n1.server': 1000, 'n1.node': 30, 'n2.server': 1000, 'n2.node': 50 },
    });
    const found = goals(new Figures(results([native, skein]))).filter((one) => one.found !== null);
    const all = found.find(({ text }) => text.startsWith('CPU per transaction, all'));
    expect(all?.found?.median).toBeCloseTo(1.04);
    expect(all?.reached).toBe(true);
    const node = found.find(({ text }) => text.includes('busiest node'));
    expect(node?.found?.median).toBeCloseTo(50);
    expect(node?.reached).toBe(false);
  });

  it('let the largest process of all runs decide about memory', () => {
    const runs = [100, 160, 100].map((mib, round) =>
      run('skein-async', round, { peakBytes: { 'n1.node': mib * 2 ** 20, 'n1.server': 2 ** 40 } }),
    );
    const goal = goals(new Figures(results(runs))).find(({ text }) => text.includes('memory'));
    expect(goal?.reached).toBe(false);
  });

  it('say nothing of what was not run', () => {
    for (const goal of goals(new Figures(results([run('plain', 0, {})])))) expect(goal.reached).toBeNull();
  });
});

describe('report and chart', () => {
  const some = results([run('plain', 0, { perSecond: 3000 }), run('skein-async', 0, { perSecond: 1500 })]);

  it('names each mode once in a case, with its ratio', () => {
    const text = reportOf(some, 'markdown');
    expect(text).toContain('### oltp_write_only, 8 clients');
    expect(text).toMatch(/\| Skein async, 2 replicas \| 1500 \| - \| 0\.50 \|/);
  });

  it('draws one bar for each mode that was run', () => {
    expect(chartOf(some).match(/<path d="M[\d.]+ [\d.]+V/g)).toHaveLength(2);
  });
});

function results(runs: RunFigures[]): Results {
  return {
    format: 1,
    startedAt: '2026-01-01T00:00:00.000Z',
    machine: { cores: 2, cpu: 'x', memoryBytes: 2 ** 30, system: 'y' },
    versions: { node: '20', server: '10.11', sysbench: '1.0' },
    options: {},
    runs,
    drains: [],
  };
}

function run(mode: string, round: number, more: Partial<RunFigures>): RunFigures {
  return {
    mode,
    workload: 'oltp_write_only',
    clients: 8,
    round,
    at: '2026-01-01T00:00:00.000Z',
    seconds: 1,
    transactions: 1000,
    perSecond: 1000,
    ignoredErrors: 0,
    latencyMs: { p50: 1, p95: 2, p99: 3 },
    backlog: { received: 0, applied: 0 },
    lagMs: 0,
    cpuMs: {},
    cpuUnderLoadMs: {},
    peakBytes: {},
    othersShare: 0,
    ...more,
  };
}
