/**
 * Skein beside MariaDB's own replication, with the same servers and settings, interleaved in one run: throughput,
 * latency, backlog, CPU and memory for each way of replicating. Run: npm run bench -- throughput [--short]
 * All of it needs about 80 minutes; `--help` tells what can be chosen.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chartOf } from './throughput/chart.js';
import { drain } from './throughput/drain.js';
import { measure } from './throughput/measure.js';
import { MODES, type Mode, ONE_REPLICA_WORKLOAD } from './throughput/modes.js';
import { type BenchOptions, benchOptions, USAGE } from './throughput/options.js';
import { reportOf } from './throughput/report.js';
import { keepResults, newResults, type Results, readResults } from './throughput/results.js';
import { refuseDifferentSettings } from './throughput/same-settings.js';
import type { Target } from './throughput/target.js';
import { Workshop } from './throughput/workshop.js';

const DRAINED = ['native-async', 'skein-async'];

if (process.argv.includes('--help')) console.log(USAGE);
else await main(benchOptions(process.argv.slice(2)));

async function main(options: BenchOptions): Promise<void> {
  if (options.report.length > 0) {
    tell(readResults(options.report), options);
    return;
  }
  const file = options.out ?? join('bench', 'results', `throughput-${stamp()}.json`);
  reserve(file);
  await Workshop.open(async (workshop) => {
    const versions = { server: workshop.binary.version, sysbench: workshop.sysbench.version };
    const results = newResults(versions, options);
    const targets = await startAll(workshop, options);
    for (const workload of options.workloads) {
      for (const clients of options.clients) {
        await runCase(workshop, options, targets, { workload, clients }, (run) => {
          results.runs.push(run);
          keepResults(file, results);
        });
      }
    }
    await runDrains(workshop, options, targets, results);
    keepResults(file, results);
    tell(results, options);
  });
  console.log(`raw values: ${file}`);
}

/** Two runs that write the same file would each have half of what it says. */
function reserve(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  try {
    writeFileSync(file, '', { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Error(`${file} is there already, of another run perhaps: move it away, or name another --out`);
  }
}

async function startAll(workshop: Workshop, options: BenchOptions): Promise<Map<Mode, Target>> {
  const targets = new Map<Mode, Target>();
  for (const mode of MODES.filter(({ id }) => options.modes.includes(id))) {
    const target = await workshop.start(mode);
    targets.set(mode, target);
    say(`started: ${mode.label}`);
  }
  await refuseDifferentSettings([...targets.values()]);
  for (const target of targets.values()) await target.pause();
  return targets;
}

/** One workload with one number of clients: each round runs every mode once, each time another one first. */
async function runCase(
  workshop: Workshop,
  options: BenchOptions,
  targets: ReadonlyMap<Mode, Target>,
  { workload, clients }: { workload: string; clients: number },
  done: (run: Awaited<ReturnType<typeof measure>>) => void,
): Promise<void> {
  const wanted = [...targets].filter(
    ([mode]) => mode.replicas !== 1 || options.allWorkloads || workload === ONE_REPLICA_WORKLOAD,
  );
  const { tables, tableRows, seconds, warmupSeconds } = options;
  for (let round = 0; round < options.rounds; round++) {
    for (const [mode, target] of rotated(wanted, round)) {
      const run = await awake(target, () =>
        measure(
          target,
          workshop.sysbench,
          { workload, clients, tables, tableRows, seconds, warmupSeconds, round, seed: 1 + 10 * round },
          workshop.signal,
        ),
      );
      done(run);
      say(
        `${workload} ${clients} clients, round ${round + 1}, ${mode.label}: ${run.perSecond.toFixed(0)} transactions/s`,
      );
    }
  }
}

async function runDrains(
  workshop: Workshop,
  options: BenchOptions,
  targets: ReadonlyMap<Mode, Target>,
  results: Results,
): Promise<void> {
  if (options.backlogRows === 0) return;
  const wanted = [...targets].filter(([mode]) => DRAINED.includes(mode.id));
  const { tables, tableRows, backlogRows: rows } = options;
  for (let round = 0; round < options.rounds; round++) {
    for (const [mode, target] of rotated(wanted, round)) {
      const load = { workload: 'oltp_write_only', clients: tables, tables, tableRows, seed: 1 + 10 * round };
      const figures = await awake(target, () =>
        drain(target, workshop.sysbench, { ...load, round, rows }, workshop.signal),
      );
      results.drains.push(figures);
      say(
        `backlog, round ${round + 1}, ${mode.label}: applied in ${(figures.appliedMs / 1000).toFixed(1)} s`,
      );
    }
  }
}

/** Only the target under test has running processes. */
async function awake<T>(target: Target, work: () => Promise<T>): Promise<T> {
  await target.resume();
  const result = await work();
  await target.pause();
  return result;
}

function rotated<T>(list: readonly T[], by: number): T[] {
  return list.map((_, at) => list[(at + by) % list.length] as T);
}

function tell(results: Results, options: BenchOptions): void {
  console.log(`\n${reportOf(results, 'text')}`);
  if (!options.publish) return;
  mkdirSync(join('docs', 'pictures'), { recursive: true });
  writeFileSync(join('docs', 'pictures', 'throughput.svg'), chartOf(results));
  writeFileSync(join('docs', 'throughput.md'), `# Throughput\n\n${reportOf(results, 'markdown')}`);
  console.log('written: docs/pictures/throughput.svg, docs/throughput.md');
}

function say(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
}

function stamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(':', '');
}
