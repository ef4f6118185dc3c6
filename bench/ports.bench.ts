/**
 * What the read-write port costs: the same queries straight to the primary's server, through the primary's port,
 * through a replica's port (which leads to the primary's port), by turns, and as a peer through HAProxy.
 * Run: npm run bench -- ports
 *   --clients=8  --seconds=5  --rounds=5  --workload=oltp_point_select
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Haproxy } from './throughput/haproxy.js';
import { freshTables } from './throughput/measure.js';
import { modeOf } from './throughput/modes.js';
import { obtainHaproxy } from './throughput/obtain-tool.js';
import { cpuBetween, cpuOf } from './throughput/process-figures.js';
import { SkeinTarget } from './throughput/skein-target.js';
import { type Spread, spreadOf, sum } from './throughput/statistics.js';
import { runLoad } from './throughput/sysbench.js';
import { Workshop } from './throughput/workshop.js';

const GOAL = 0.85;

const { values } = parseArgs({
  options: {
    workload: { type: 'string', default: 'oltp_point_select' },
    clients: { type: 'string', default: '8' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds ?? (values.short ? 3 : 5));
const rounds = Number(values.rounds ?? (values.short ? 2 : 5));

await Workshop.open(async (workshop) => {
  const mode = modeOf('skein-majority');
  if (mode.kind !== 'skein') throw new Error('not a mode of Skein');
  const directory = join(workshop.directory, mode.id);
  const target = workshop.keep(await SkeinTarget.start(mode, { directory }));
  const { command, version } = await obtainHaproxy(workshop.cacheDir);
  const haproxy = await Haproxy.start(command, workshop.directory, target.endpoint.port);
  try {
    await compare(workshop, target, haproxy, `HAProxy ${version.replace(/-.*/, '')}`);
  } finally {
    await haproxy.dispose();
  }
});

async function compare(
  workshop: Workshop,
  target: SkeinTarget,
  haproxy: Haproxy,
  peer: string,
): Promise<void> {
  const ways = [
    { name: 'direct', endpoint: target.endpoint },
    { name: peer, endpoint: { ...target.endpoint, port: haproxy.port } },
    { name: "primary's port", endpoint: target.readWritePort('n1') },
    { name: "replica's port", endpoint: target.readWritePort('n2') },
  ];
  const clients = Number(values.clients);
  const load = { workload: values.workload, clients, tables: 4, tableRows: 10_000, seed: 1 };
  await freshTables(target, workshop.sysbench, load, workshop.signal);
  const rows = new Map(ways.map(({ name }) => [name, [] as Row[]]));
  // The first round only warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, endpoint } of ways) {
      const processes = [...(await target.processes()), haproxy.process];
      const before = await cpuOf(processes);
      const options = { ...load, seconds: round === 0 ? 1 : seconds, seed: 1 + round };
      const figures = await runLoad(workshop.sysbench, endpoint, options, workshop.signal);
      const cpu = Object.entries(cpuBetween(before, await cpuOf(processes)));
      const betweenMs = sum(cpu.filter(([process]) => !process.endsWith('.server')).map(([, ms]) => ms));
      if (round === 0) continue;
      rows.get(name)?.push({
        perSecond: figures.transactions / figures.seconds,
        p50: figures.latencyMs.p50,
        p99: figures.latencyMs.p99,
        betweenUs: (betweenMs * 1000) / figures.transactions,
      });
    }
  }
  const direct = rows.get('direct') ?? [];
  console.log(
    `${values.workload}, ${clients} clients, ${rounds} rounds of ${seconds} s, 2 replicas attached`,
  );
  for (const { name } of ways) {
    const mine = rows.get(name) ?? [];
    const spread = (pick: (row: Row, round: number) => number) => spreadOf(mine.map(pick));
    const ratio = spread((row, round) => row.perSecond / (direct[round]?.perSecond ?? Number.NaN));
    console.log(
      `  ${name.padEnd(16)} ${show(
        spread((row) => row.perSecond),
        0,
      )}/s, to direct ${show(ratio, 2)}, p50 ${show(
        spread((row) => row.p50),
        3,
      )} ms, ` +
        `p99 ${show(
          spread((row) => row.p99),
          3,
        )} ms, CPU between client and server ${show(
          spread((row) => row.betweenUs),
          1,
        )} us each`,
    );
    if (name === "primary's port") {
      const verdict = (ratio?.median ?? 0) >= GOAL ? 'reached' : 'NOT reached';
      console.log(`  goal: at least ${GOAL} of direct: ${verdict}`);
    }
  }
}

interface Row {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly betweenUs: number;
}

function show(spread: Spread | null, digits: number): string {
  if (spread === null) return '-';
  return `${spread.median.toFixed(digits)} (${spread.least.toFixed(digits)}-${spread.most.toFixed(digits)})`;
}
