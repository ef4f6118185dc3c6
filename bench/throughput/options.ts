import { parseArgs } from 'node:util';
import { MODES, modeOf, SHORT_MODES, USUAL_MODE_IDS } from './modes.js';

export interface BenchOptions {
  readonly short: boolean;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly rounds: number;
  readonly clients: readonly number[];
  readonly workloads: readonly string[];
  /** Given by name: then one-replica modes run every workload too. */
  readonly allWorkloads: boolean;
  readonly modes: readonly string[];
  readonly tables: number;
  readonly tableRows: number;
  /** Rows of the prepared backlog; 0 leaves that part out. */
  readonly backlogRows: number;
  /** Where raw values go. */
  readonly out: string | null;
  /** Files of earlier runs: their figures are put together, and nothing is run. */
  readonly report: readonly string[];
  /** Writes the chart and table of the documentation. */
  readonly publish: boolean;
}

export const USAGE = `npm run bench -- throughput [options]
  --short              about two minutes: 8 clients, oltp_write_only, 2 rounds, modes ${SHORT_MODES.join(', ')}
  --seconds=10         of each measured run (after a warm-up of --warmup=5)
  --rounds=3           each round runs every mode once, in a changing order; ratios are taken within a round
  --clients=1,8,32
  --workloads=oltp_write_only,oltp_insert,oltp_read_write
  --modes=...          of ${MODES.map(({ id }) => id).join(', ')}
  --tables=4 --table-rows=50000
  --backlog=500000     rows that are written while the replicas are down; 0 leaves this part out
  --out=<file>         raw values (default: bench/results/throughput-<time>.json)
  --report=<file,...>  only puts together what earlier runs have kept
  --publish            also writes docs/pictures/throughput.svg and docs/throughput.md`;

const DEFAULT_WORKLOADS = ['oltp_write_only', 'oltp_insert', 'oltp_read_write'];

/** @throws with a text for people */
export function benchOptions(argv: readonly string[]): BenchOptions {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      short: flag,
      publish: flag,
      seconds: text,
      warmup: text,
      rounds: text,
      clients: text,
      workloads: text,
      modes: text,
      tables: text,
      'table-rows': text,
      backlog: text,
      out: text,
      report: text,
    },
  });
  const { short } = values;
  const number = (name: string, value: string | undefined, otherwise: number) => {
    const parsed = value === undefined ? otherwise : Number(value);
    if (!Number.isFinite(parsed) || parsed < 0) throw new Error(`--${name} is not a number: ${value}`);
    return parsed;
  };
  const list = (value: string | undefined, otherwise: readonly string[]) =>
    value === undefined ? otherwise : value.split(',').filter((part) => part !== '');
  const modes = list(values.modes, short ? SHORT_MODES : USUAL_MODE_IDS);
  for (const id of modes) modeOf(id);
  return {
    short,
    seconds: number('seconds', values.seconds, short ? 6 : 10),
    warmupSeconds: number('warmup', values.warmup, 5),
    rounds: number('rounds', values.rounds, short ? 2 : 3),
    clients: list(values.clients, short ? ['8'] : ['1', '8', '32']).map((one) => number('clients', one, 1)),
    workloads: list(values.workloads, short ? ['oltp_write_only'] : DEFAULT_WORKLOADS),
    allWorkloads: values.workloads !== undefined,
    modes,
    tables: number('tables', values.tables, 4),
    tableRows: number('table-rows', values['table-rows'], short ? 10_000 : 50_000),
    backlogRows: number('backlog', values.backlog, short ? 0 : 500_000),
    out: values.out ?? null,
    report: list(values.report, []),
    publish: values.publish,
  };
}
