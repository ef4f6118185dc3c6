import type { DrainFigures } from './drain.js';
import {
  type Case,
  cpuEach,
  cpuOfBusiestNode,
  type Figures,
  peakOfNodes,
  throughputRatio,
} from './figures.js';
import { type Spread, spreadOf } from './statistics.js';

/** One line of what was promised: a figure where it was measured, and whether it is good enough. */
export interface Goal {
  readonly text: string;
  readonly where: string;
  readonly wanted: string;
  /** Null: not measured in this run. */
  readonly found: Spread | null;
  readonly digits: number;
  readonly reached: boolean | null;
}

type Limit =
  | { readonly least: number }
  | { readonly above: number }
  | { readonly most: number }
  | { readonly below: number };

const MAJORITY_OVER_SEMI_SYNC = 'throughput: majority / native semi-sync';
const MAJORITY_OVER_DURABLE = 'throughput: majority / native semi-sync with durable replicas';
const NODE_CPU_MOST_US = 40;
const NODE_MEMORY_BELOW_MIB = 150;

/** All with two replicas. The median decides. */
export function goals(figures: Figures): Goal[] {
  const cases = figures.cases();
  const at = (clients: readonly number[]) => cases.filter((one) => clients.includes(one.clients));
  const writeOnly = (one: Case) => one.workload === 'oltp_write_only';
  const ratio = (mode: string, base: string, one: Case) => figures.paired(mode, base, one, throughputRatio);
  return [
    ...at([8, 32]).map((one) =>
      goal(
        'throughput: async / native async',
        one,
        { least: 0.95 },
        ratio('skein-async', 'native-async', one),
      ),
    ),
    ...at([1, 8, 32]).map((one) =>
      goal(
        MAJORITY_OVER_DURABLE,
        one,
        { above: 1.5 },
        ratio('skein-majority', 'native-semisync-durable', one),
      ),
    ),
    ...at([1, 8]).map((one) =>
      goal(MAJORITY_OVER_SEMI_SYNC, one, { least: 0.9 }, ratio('skein-majority', 'native-semisync', one)),
    ),
    ...at([32]).map((one) =>
      goal(MAJORITY_OVER_SEMI_SYNC, one, { above: 1 }, ratio('skein-majority', 'native-semisync', one)),
    ),
    ...at([8])
      .filter(writeOnly)
      .map((one) =>
        goal(
          'throughput: majority / one server',
          one,
          { above: 0.43 },
          ratio('skein-majority', 'plain', one),
        ),
      ),
    ...at([8, 32])
      .filter(writeOnly)
      .flatMap((one) =>
        ['skein-async', 'skein-majority'].map((mode) =>
          goal(
            `CPU per transaction, all processes: ${mode} / native async`,
            one,
            { most: 1.1 },
            figures.paired(mode, 'native-async', one, (skein, native) => cpuEach(skein) / cpuEach(native)),
          ),
        ),
      ),
    ...at([8, 32])
      .filter(writeOnly)
      .flatMap((one) =>
        ['skein-async', 'skein-majority'].map((mode) =>
          goal(
            `CPU per transaction of the busiest node process, ${mode}, us`,
            one,
            { most: NODE_CPU_MOST_US },
            figures.spread(mode, one, cpuOfBusiestNode),
            0,
          ),
        ),
      ),
    ...at([1])
      .filter(({ workload }) => workload === 'oltp_insert')
      .map((one) =>
        goal(
          'commit p50 added by majority over native async, ms',
          one,
          { most: 0.4 },
          figures.paired(
            'skein-majority',
            'native-async',
            one,
            (skein, native) => skein.latencyMs.p50 - native.latencyMs.p50,
          ),
        ),
      ),
    drainGoal(figures),
    {
      ...limit({ below: NODE_MEMORY_BELOW_MIB }, memory(figures)),
      text: 'peak memory of a node process, MiB',
      where: 'all runs, the largest counts',
      digits: 0,
    },
  ];
}

function drainGoal(figures: Figures): Goal {
  const rate = (drain: DrainFigures) => drain.transactions / drain.applyingMs;
  const found = figures.pairedDrains(
    'skein-async',
    'native-async',
    (skein, native) => rate(skein) / rate(native),
  );
  const rows = figures.drains('skein-async')[0]?.rows ?? 0;
  return {
    ...limit({ least: 1 }, found),
    text: 'drain rate of a prepared backlog / native',
    where: rows === 0 ? 'not run' : `${rows.toLocaleString('en')} rows`,
    digits: 2,
  };
}

/** Not the median but the worst of all has to be below. */
function memory(figures: Figures): Spread | null {
  const peaks = [...figures.all, ...figures.drains('skein-async')]
    .filter(({ mode }) => mode.startsWith('skein'))
    .map(({ peakBytes }) => peakOfNodes(peakBytes) / 2 ** 20);
  const spread = spreadOf(peaks);
  return spread && { ...spread, median: spread.most };
}

function goal(text: string, one: Case, wanted: Limit, found: Spread | null, digits = 2): Goal {
  return {
    ...limit(wanted, found),
    text,
    where: `${one.workload}, ${one.clients} client${one.clients === 1 ? '' : 's'}`,
    digits,
  };
}

function limit(wanted: Limit, found: Spread | null): Pick<Goal, 'wanted' | 'found' | 'reached'> {
  const value = found?.median ?? Number.NaN;
  const [text, reached] =
    'least' in wanted
      ? [`at least ${wanted.least}`, value >= wanted.least]
      : 'above' in wanted
        ? [`above ${wanted.above}`, value > wanted.above]
        : 'most' in wanted
          ? [`at most ${wanted.most}`, value <= wanted.most]
          : [`below ${wanted.below}`, value < wanted.below];
  return { wanted: text, found, reached: found === null ? null : reached };
}
