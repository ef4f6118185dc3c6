import { slopeOf, spreadOf } from '../throughput/statistics.js';
import { range, type Table } from '../throughput/table.js';
import type { CostFigures } from './cost.js';

/** A way of replicating, and which one of MariaDB's own it stands beside. */
export const KINDS = [
  { id: 'native-async', label: 'native async', beside: null },
  { id: 'skein-async', label: 'Skein async', beside: 'native-async' },
  { id: 'native-semisync', label: 'native semi-sync', beside: null },
  { id: 'skein-majority', label: 'Skein majority', beside: 'native-semisync' },
] as const;

interface Measure {
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
  readonly pick: (figures: CostFigures) => number;
}

const MIB = 2 ** 20;
const MEASURES: readonly Measure[] = [
  {
    title: "CPU of the primary's server and node",
    unit: 'us for each transaction',
    digits: 0,
    pick: ({ serverCpuUs, nodeCpuUs }) => serverCpuUs + nodeCpuUs,
  },
  {
    title: "Memory of the primary's server and node",
    unit: 'MiB at most',
    digits: 1,
    pick: ({ serverMemory, nodeMemory }) => (serverMemory + nodeMemory) / MIB,
  },
  {
    title: 'Sent to all replicas',
    unit: 'bytes for each transaction',
    digits: 0,
    pick: ({ sentBytes }) => sentBytes,
  },
];
/** Parts of the first, and what a client sees: they have no goal. */
const DETAILS: readonly Measure[] = [
  {
    title: "CPU of the primary's server alone",
    unit: 'us for each transaction',
    digits: 0,
    pick: ({ serverCpuUs }) => serverCpuUs,
  },
  { title: 'Transactions', unit: 'a second', digits: 0, pick: ({ perSecond }) => perSecond },
  { title: 'p50 of a transaction', unit: 'ms', digits: 2, pick: ({ p50Ms }) => p50Ms },
];

export function costTables(all: readonly CostFigures[]): Table[] {
  return [...MEASURES, ...DETAILS].map((measure) => measureTable(all, measure));
}

function measureTable(all: readonly CostFigures[], measure: Measure): Table {
  const counts = countsOf(all);
  const { title, unit, digits, pick } = measure;
  return {
    title: `${title}, ${unit}`,
    head: ['replicas', ...counts.map(String), 'for each more'],
    rows: KINDS.map(({ id, label }) => [
      label,
      ...counts.map((count) => range(spreadOf(at(all, id, count).map(pick)), digits)),
      number(growth(all, id, measure), digits + 1),
    ]),
  };
}

/** Whether each more replica costs the primary less than with native replication. */
export function goalTable(all: readonly CostFigures[]): Table {
  return {
    title: 'Goals: each more replica costs the primary less than with native replication',
    head: ['figure', 'Skein', 'native', 'ratio', ''],
    rows: MEASURES.flatMap((measure) =>
      KINDS.flatMap(({ id, label, beside }) => {
        if (beside === null) return [];
        const [skein, native] = [growth(all, id, measure), growth(all, beside, measure)];
        if (!Number.isFinite(skein) || !Number.isFinite(native)) return [];
        return [
          [
            `${measure.title}, ${measure.unit}: ${label}`,
            number(skein, measure.digits + 1),
            number(native, measure.digits + 1),
            native > 0 ? number(skein / native, 2) : '-',
            skein < native ? 'reached' : 'NOT reached',
          ],
        ];
      }),
    ),
  };
}

/** For each more replica: the slope of the line through the medians. */
function growth(all: readonly CostFigures[], kind: string, { pick }: Measure): number {
  const points = countsOf(all).flatMap((count) => {
    const median = spreadOf(at(all, kind, count).map(pick))?.median;
    return median === undefined ? [] : [[count, median] as const];
  });
  return slopeOf(points);
}

const countsOf = (all: readonly CostFigures[]) =>
  [...new Set(all.map(({ replicas }) => replicas))].sort((a, b) => a - b);

const at = (all: readonly CostFigures[], kind: string, count: number) =>
  all.filter(({ mode, replicas }) => mode === kind && replicas === count);

const number = (value: number, digits: number) => (Number.isFinite(value) ? value.toFixed(digits) : '-');
