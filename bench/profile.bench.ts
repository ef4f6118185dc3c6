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
import { sleep } from '../src/std/signal.js';
import { until } from '../test/kit/until.js';
import { type SelfTime, summarise } from './throughput/cpu-profile.js';
import { freshTables } from './throughput/measure.js';
import { modeOf } from './throughput/modes.js';
import { cpuBetween, cpuOf, MAIN_THREAD, switchesOf, threadsOf } from './throughput/process-figures.js';
import { SkeinTarget } from './throughput/skein-target.js';
import { runLoad } from './throughput/sysbench.js';
import { Workshop } from './throughput/workshop.js';

const TOP = 20;
/** Enough that V8 has optimised what is hot. */
const WARMUP_SECONDS = 4;
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
  await run(WARMUP_SECONDS, 2);

  const names = [target.primary, ...target.replicas].map(({ name }) => name);
  for (const name of names) rmSync(fileOf(name), { force: true });
  const signalNodes = () => {
    for (const name of names) process.kill(target.nodePid(name), 'SIGUSR2');
  };
  const processes = await target.processes();
  const idle = await lookAt();
  await sleep(IDLE_MS, workshop.signal);
  const before = await lookAt();
  signalNodes();
  const figures = await run(values.short ? 4 : Number(values.seconds), 3);
  signalNodes();
  const after = await lookAt();
  for (const name of names)
    await until(`the profile of ${name}`, () => existsSync(fileOf(name)), { deadlineMs: 60_000 });

  const each = (ms: number) => `${((ms * 1000) / figures.transactions).toFixed(1).padStart(8)} us/trx`;
  console.log(
    `\n${mode.label}, ${workload}, ${clients} clients, profiled: ${figures.transactions} transactions, ${(figures.transactions / figures.seconds).toFixed(0)}/s, p50 ${figures.latencyMs.p50} ms`,
  );
  const idleMs = cpuBetween(idle.cpu, before.cpu);
  console.log('\nCPU by process (with what the profiler itself takes), and when idle');
  for (const [name, ms] of Object.entries(cpuBetween(before.cpu, after.cpu)))
    console.log(
      `  ${name.padEnd(12)} ${each(ms)}  ${(((idleMs[name] ?? 0) / IDLE_MS) * 100).toFixed(1).padStart(5)} % of a core`,
    );
  for (const [at, name] of names.entries()) {
    const profile = summarise(fileOf(name));
    console.log(`\n${name} (${at === 0 ? 'primary' : 'replica'}): threads`);
    for (const [thread, ms] of Object.entries(
      cpuBetween(before.threads[at] ?? {}, after.threads[at] ?? {}),
    )) {
      const wakes =
        ((after.switches[at]?.[thread] ?? 0) - (before.switches[at]?.[thread] ?? 0)) / figures.transactions;
      if (ms > 0 || wakes > 0.01)
        console.log(`  ${thread.padEnd(20)} ${each(ms)}  ${wakes.toFixed(2)} waits/trx`);
    }
    const cpuMs = (after.threads[at]?.[MAIN_THREAD] ?? 0) - (before.threads[at]?.[MAIN_THREAD] ?? 0);
    // A profile counts the clock's time, also while another process has the core; shares are right all the same.
    const share = Math.min(1, cpuMs / profile.busyMs);
    const list = (what: string, entries: readonly SelfTime[], count: number) => {
      console.log(what);
      for (const one of entries.slice(0, count)) console.log(`  ${each(one.ms * share)}  ${one.name}`);
    };
    console.log(
      `main thread: at work ${((profile.busyMs / profile.totalMs) * 100).toFixed(0)} % of the time, of which it had a core ${(share * 100).toFixed(0)} %`,
    );
    list('main thread by room', profile.rooms, 14);
    list(`main thread by self time, the first ${TOP}`, profile.functions, TOP);
    list('the same with what Node.js did for them', profile.callers, TOP);
    console.log(`  ${fileOf(name)}`);
  }

  async function lookAt() {
    const pids = names.map((name) => target.nodePid(name));
    return {
      cpu: await cpuOf(processes),
      threads: await Promise.all(pids.map(threadsOf)),
      switches: await Promise.all(pids.map(switchesOf)),
    };
  }
});
