/**
 * Whether a replica that is slow on purpose costs the primary anything while the other one keeps up: load with both well
 * and with one whose node and server get a tenth of the time, by turns. Run: npm run bench -- slow-replica
 *   --modes=skein-async,skein-majority  --workload=oltp_write_only  --clients=8  --seconds=8  --rounds=3
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep } from '../src/std/timing.js';
import { waitApplied } from '../test/kit/checksum.js';
import { freshTables } from './throughput/measure.js';
import { modeOf } from './throughput/modes.js';
import { signalAll } from './throughput/process-figures.js';
import { SkeinTarget } from './throughput/skein-target.js';
import { type Spread, spreadOf } from './throughput/statistics.js';
import { type LoadOptions, type LoadResult, runLoad } from './throughput/sysbench.js';
import { Workshop } from './throughput/workshop.js';

const SLOW = 'n3';
/** Short enough that nobody takes the replica for dead. */
const HALTED_MS = 90;
const RUNNING_MS = 10;
const APPLIED_DEADLINE_MS = 300_000;

const { values } = parseArgs({
  options: {
    modes: { type: 'string', default: 'skein-async,skein-majority' },
    workload: { type: 'string', default: 'oltp_write_only' },
    clients: { type: 'string', default: '8' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds ?? (values.short ? 4 : 8));
const rounds = Number(values.rounds ?? (values.short ? 2 : 3));

await Workshop.open(async (workshop) => {
  const clients = Number(values.clients);
  const load = { workload: values.workload, clients, tables: 4, tableRows: 20_000, seed: 1 };
  for (const id of values.modes.split(',')) {
    const mode = modeOf(id);
    if (mode.kind !== 'skein') throw new Error(`${id} is not a mode of Skein`);
    const directory = join(workshop.directory, id);
    const target = workshop.keep(await SkeinTarget.start(mode, { directory }));
    await freshTables(target, workshop.sysbench, load, workshop.signal);
    const run = (options: LoadOptions) =>
      runLoad(workshop.sysbench, target.endpoint, options, workshop.signal);
    await run({ ...load, seconds: 2 });
    const both: { well: LoadResult; slow: LoadResult }[] = [];
    for (let round = 0; round < rounds; round++) {
      const options = { ...load, seconds, seed: 2 + round };
      const well = await run(options);
      await waitApplied(target.primary, target.replicas, APPLIED_DEADLINE_MS);
      const slow = await slowed(target, () => run(options), workshop.signal);
      await waitApplied(target.primary, target.replicas, APPLIED_DEADLINE_MS);
      both.push({ well, slow });
    }
    const perSecond = ({ transactions, seconds }: LoadResult) => transactions / seconds;
    const show = (pick: (pair: (typeof both)[number]) => number, digits: number) =>
      text(spreadOf(both.map(pick)), digits);
    console.log(
      `${mode.label}, ${values.workload}, ${clients} clients: ${show(({ well }) => perSecond(well), 0)}/s with both well, ` +
        `${show(({ slow }) => perSecond(slow), 0)}/s with ${SLOW} slow, ratio ${show(({ well, slow }) => perSecond(slow) / perSecond(well), 2)}; ` +
        `p99 ${show(({ well }) => well.latencyMs.p99, 1)} and ${show(({ slow }) => slow.latencyMs.p99, 1)} ms`,
    );
    // The next mode has the machine to itself.
    await target.pause();
  }
});

/** The whole replica, node and server, runs for a tenth of the time while `work` goes on. */
async function slowed<T>(target: SkeinTarget, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const replica = (await target.processes()).filter(({ name }) => name.startsWith(`${SLOW}.`));
  const done = new AbortController();
  const ends = AbortSignal.any([done.signal, signal]);
  const slowing = (async () => {
    while (!ends.aborted) {
      signalAll(replica, 'SIGSTOP');
      await sleep(HALTED_MS, ends);
      signalAll(replica, 'SIGCONT');
      await sleep(RUNNING_MS, ends);
    }
  })()
    .catch(() => {})
    .finally(() => signalAll(replica, 'SIGCONT'));
  try {
    return await work();
  } finally {
    done.abort();
    await slowing;
  }
}

function text(spread: Spread | null, digits: number): string {
  if (spread === null) return '-';
  return `${spread.median.toFixed(digits)} (${spread.least.toFixed(digits)}-${spread.most.toFixed(digits)})`;
}
