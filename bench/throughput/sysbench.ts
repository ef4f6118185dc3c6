import { run } from '../../src/std/run.js';
import type { SysbenchBinary } from './obtain-tool.js';

/** Where load goes to, as which account. */
export interface Endpoint {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

export interface LoadOptions {
  readonly workload: string;
  readonly clients: number;
  readonly tables: number;
  readonly tableRows: number;
  readonly seed: number;
  /** Either a time or a number of transactions. */
  readonly seconds?: number;
  readonly transactions?: number;
  /** Transactions a second that begin; without it, each client begins one as soon as the one before is answered. */
  readonly rate?: number;
}

export interface LoadResult {
  /** As sysbench measured it. */
  readonly seconds: number;
  readonly transactions: number;
  /** Deadlocks and duplicates that were met and repeated. */
  readonly ignoredErrors: number;
  /** Of whole transactions as a client sees them (for oltp_insert that is one autocommitted INSERT), milliseconds. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
}

export const DATABASE = 'bench';

/** Fills fresh tables; with the same seed the rows are the same on every target. */
export async function prepareTables(
  sysbench: SysbenchBinary,
  endpoint: Endpoint,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<void> {
  await sysbenchRun(sysbench, endpoint, { ...options, clients: options.tables }, 'prepare', [], signal);
}

export async function runLoad(
  sysbench: SysbenchBinary,
  endpoint: Endpoint,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<LoadResult> {
  const limits =
    options.transactions === undefined
      ? [`--time=${options.seconds ?? 10}`, '--events=0']
      : ['--time=0', `--events=${options.transactions}`];
  const text = await sysbenchRun(sysbench, endpoint, options, 'run', [...limits, '--histogram=on'], signal);
  return parseReport(text);
}

async function sysbenchRun(
  sysbench: SysbenchBinary,
  endpoint: Endpoint,
  options: LoadOptions,
  command: 'prepare' | 'run',
  more: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const args = [
    `${options.workload}.lua`,
    '--db-driver=mysql',
    '--mysql-host=127.0.0.1',
    `--mysql-port=${endpoint.port}`,
    `--mysql-user=${endpoint.user}`,
    `--mysql-password=${endpoint.password}`,
    `--mysql-db=${DATABASE}`,
    `--tables=${options.tables}`,
    `--table-size=${options.tableRows}`,
    `--threads=${options.clients}`,
    `--rand-seed=${options.seed}`,
    // The default distribution hits few rows: then row locks are measured, not replication.
    '--rand-type=uniform',
    '--verbosity=3',
    ...(options.rate === undefined ? [] : [`--rate=${options.rate}`]),
    ...more,
    command,
  ];
  const result = await run(sysbench.command, args, { cwd: sysbench.scripts, signal });
  if (result.code !== 0) {
    const said = `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => /FATAL|error/i.test(line));
    throw new Error(
      `sysbench ${options.workload} ${command} failed (${result.code ?? result.killedBy}): ${said.slice(0, 5).join(' | ')}`,
    );
  }
  return result.stdout;
}

/** @throws when a figure is missing: a report that is not understood must not become a zero in a table. */
export function parseReport(text: string): LoadResult {
  const number = (pattern: RegExp, what: string) => {
    const found = pattern.exec(text)?.[1];
    if (found === undefined) throw new Error(`sysbench's report has no ${what}:\n${text.slice(-2000)}`);
    return Number(found);
  };
  const counts = histogram(text);
  return {
    seconds: number(/total time:\s+([\d.]+)s/, 'total time'),
    transactions: number(/transactions:\s+(\d+)/, 'number of transactions'),
    ignoredErrors: number(/ignored errors:\s+(\d+)/, 'number of errors'),
    latencyMs: {
      p50: percentile(counts, 0.5),
      p95: percentile(counts, 0.95),
      p99: percentile(counts, 0.99),
    },
  };
}

type Bucket = readonly [valueMs: number, count: number];

/** Buckets lie 1.8 % apart (1024 of them from 0.001 ms to 100 s). */
function histogram(text: string): Bucket[] {
  const part = text.slice(text.indexOf('Latency histogram'));
  const buckets = [...part.matchAll(/^\s+([\d.]+) \|\**\s+(\d+)$/gm)].map(
    ([, value, count]): Bucket => [Number(value), Number(count)],
  );
  if (buckets.length === 0) throw new Error(`sysbench's report has no histogram:\n${text.slice(-2000)}`);
  return buckets;
}

function percentile(buckets: readonly Bucket[], share: number): number {
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [value, count] of buckets) {
    seen += count;
    if (seen >= total * share) return value;
  }
  return buckets.at(-1)?.[0] ?? Number.NaN;
}
