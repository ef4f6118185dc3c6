/**
 * Where the node processes spend their time: CPU profiles of all nodes of a `majority` cluster under load, what costs
 * most by self time, and what the profiles do not see (threads, wake-ups). Run: npm run bench -- profile
 *   --mode=skein-majority|skein-async|...   --workload=oltp_write_only  --clients=8  --seconds=10  --out=bench/results
 * The .cpuprofile files can be opened in a browser's developer tools.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { sleep } from '../src/std/timing.js';
import { until } from '../test/kit/until.js';
import { type SelfTime, summarise } from './throughput/cpu-profile.js';
import { freshTables } from './throughput/measure.js';
import { modeOf } from './throughput/modes.js';
import {
  callsOf,
  cpuBetween,
  cpuOf,
  MAIN_THREAD,
  switchesOf,
  threadsOf,
} from './throughput/process-figures.js';
import { SkeinTarget } from './throughput/skein-target.js';
import { runLoad } from './throughput/sysbench.js';
import { Workshop } from './throughput/workshop.js';

const TOP = 20;
/** Enough that V8 has optimised what is hot. */
const WARMUP_SECONDS = 10;
const IDLE_MS = 3000;

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'skein-majority' },
    workload: { type: 'string', default: 'oltp_write_only' },
    clients: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '10' },
    out: { type: 'string', default: join('bench', 'results') },
    short: { type: 'boolean', default: false },
  },
});

await Workshop.open(async (workshop) => {
  const mode = modeOf(values.mode);
  if (mode.kind !== 'skein') throw new Error(`${mode.id} has no node processes`);
  const out = resolve(values.out);
  mkdirSync(out, { recursive: true });
  const fileOf = (node: string) => join(out, `${mode.id}-${node}.cpuprofile`);
  const preload = pathToFileURL(
    join(fileURLToPath(new URL('.', import.meta.url)), 'throughput', 'profile-on-signal.js'),
  );
  const target = workshop.keep(
    await SkeinTarget.start(mode, {
      directory: join(workshop.directory, mode.id),
      nodeArgs: (node) => ['--import', `${preload.href}?out=${encodeURIComponent(fileOf(node))}`],
    }),
  );
  const { workload } = values;
  const clients = Number(values.clients);
  const load = { workload, clients, tables: 4, tableRows: values.short ? 10_000 : 50_000, seed: 1 };
  await freshTables(target, workshop.sysbench, load, workshop.signal);
  const run = (seconds: number, seed: number) =>
    runLoad(workshop.sysbench, target.endpoint, { ...load, seconds, seed }, workshop.signal);
  await run(values.short ? 4 : WARMUP_SECONDS, 2);

  const names = [target.primary, ...target.replicas].map(({ name }) => name);
  for (const name of names) rmSync(fileOf(name), { force: true });
  const signalNodes = () => {
    for (const name of names) process.kill(target.nodePid(name), 'SIGUSR2');
  };
  const processes = await target.processes();
  const idle = await lookAt();
  await sleep(IDLE_MS, workshop.signal);
  const seconds = values.short ? 4 : Number(values.seconds);
  // Figures are taken without the profiler: its signals wake a process that has nothing to do, and cost as much again.
  const before = await lookAt();
  const figures = await run(seconds, 3);
  const after = await lookAt();
  signalNodes();
  await run(seconds, 4);
  signalNodes();
  for (const name of names)
    await until(`the profile of ${name}`, () => existsSync(fileOf(name)), { deadlineMs: 60_000 });

  const each = (ms: number) => `${((ms * 1000) / figures.transactions).toFixed(1).padStart(8)} us/trx`;
  console.log(
    `\n${mode.label}, ${workload}, ${clients} clients: ${figures.transactions} transactions, ${(figures.transactions / figures.seconds).toFixed(0)}/s, p50 ${figures.latencyMs.p50} ms`,
  );
  const idleMs = cpuBetween(idle.cpu, before.cpu);
  console.log('\nCPU by process, and when idle');
  for (const [name, ms] of Object.entries(cpuBetween(before.cpu, after.cpu)))
    console.log(
      `  ${name.padEnd(12)} ${each(ms)}  ${(((idleMs[name] ?? 0) / IDLE_MS) * 100).toFixed(1).padStart(5)} % of a core`,
    );
  for (const [at, name] of names.entries()) {
    const threads = cpuBetween(before.threads[at] ?? {}, after.threads[at] ?? {});
    const waits = cpuBetween(before.switches[at] ?? {}, after.switches[at] ?? {});
    const count = (value = 0) => (value / figures.transactions).toFixed(2);
    console.log(`\n${name} (${at === 0 ? 'primary' : 'replica'}): threads`);
    for (const [thread, ms] of Object.entries(threads)) {
      if (ms === 0 && waits[thread] === 0) continue;
      console.log(`  ${thread.padEnd(20)} ${each(ms)}  ${count(waits[thread])} waits/trx`);
    }
    const calls = (kind: 'reads' | 'writes') =>
      count((after.calls[at]?.[kind] ?? 0) - (before.calls[at]?.[kind] ?? 0));
    console.log(`  ${calls('reads')} reads and ${calls('writes')} writes/trx`);
    const profile = summarise(fileOf(name));
    console.log(
      `main thread at work ${((profile.busyMs / profile.totalMs) * 100).toFixed(0)} % of the time (or waiting for a core); its time above, shared out as the profile says:`,
    );
    const list = (what: string, entries: readonly SelfTime[], most: number) => {
      console.log(what);
      for (const one of entries.slice(0, most))
        console.log(`  ${each(((threads[MAIN_THREAD] ?? 0) * one.ms) / profile.busyMs)}  ${one.name}`);
    };
    list('by room', profile.rooms, 14);
    list(`by self time, the first ${TOP}`, profile.functions, TOP);
    list('the same with what Node.js did for them', profile.callers, TOP);
    console.log(`  ${fileOf(name)}`);
  }

  async function lookAt() {
    const pids = names.map((name) => target.nodePid(name));
    return {
      cpu: await cpuOf(processes),
      threads: await Promise.all(pids.map(threadsOf)),
      switches: await Promise.all(pids.map(switchesOf)),
      calls: await Promise.all(pids.map(callsOf)),
    };
  }
});
