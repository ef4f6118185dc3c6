/**
 * What replicas cost the primary's machine: CPU and memory of its server and its node, and bytes sent, with 1, 2, 4 and 8
 * replicas, beside MariaDB's own replication with as many. All replicas run on this machine too, so the load is modest and
 * of a fixed rate; only the primary's processes are counted. With each number of replicas the ways take turns.
 * Run: npm run bench -- replicas [--short] [--counts=1,2,4,8] [--rate=300] [--seconds=15] [--rounds=2]
 *   --rate      transactions a second (oltp_write_only, 4 clients)
 *   --short     --counts=1,2,4 --seconds=6 --rounds=1
 */
import { parseArgs } from 'node:util';
import { type CostFigures, costOf } from './replicas/cost.js';
import { costTables, goalTable, KINDS } from './replicas/report.js';
import { freshTables } from './throughput/measure.js';
import { type Mode, modeOf } from './throughput/modes.js';
import { machineText, thisMachine } from './throughput/results.js';
import { refuseDifferentSettings } from './throughput/same-settings.js';
import { spreadOf } from './throughput/statistics.js';
import { asMarkdown, range } from './throughput/table.js';
import type { Target } from './throughput/target.js';
import { Workshop } from './throughput/workshop.js';

const CLIENTS = 4;
const WARM_UP_SECONDS = 3;

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    counts: { type: 'string' },
    rate: { type: 'string', default: '300' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
  },
});
const counts = (values.counts ?? (values.short ? '1,2,4' : '1,2,4,8')).split(',').map(whole);
const seconds = whole(values.seconds ?? (values.short ? '6' : '15'));
const rounds = whole(values.rounds ?? (values.short ? '1' : '2'));
const load = {
  ...{ workload: 'oltp_write_only', clients: CLIENTS, tables: 4, tableRows: 10_000 },
  ...{ rate: whole(values.rate), seconds, warmupSeconds: WARM_UP_SECONDS },
};

await Workshop.open(async (workshop) => {
  const startedAt = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const all: CostFigures[] = [];
  for (const count of counts) {
    const targets = await startAll(workshop, count);
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < targets.length; turn++) {
        const { kind, target } = targets[(turn + round) % targets.length] as (typeof targets)[number];
        await target.resume();
        const figures = await costOf(workshop, target, { ...load, kind, seed: 1 + 10 * round });
        await target.pause();
        all.push(figures);
        const { serverCpuUs, nodeCpuUs } = figures;
        say(`${count} replicas, ${kind}: ${(serverCpuUs + nodeCpuUs).toFixed(0)} us for each transaction`);
      }
    }
    for (const { target } of targets) await target.dispose();
  }
  const others = spreadOf(all.map(({ othersShare }) => othersShare * 100));
  const about = [
    `${startedAt} UTC; ${machineText(thisMachine())}; MariaDB ${workshop.binary.version}, Node.js ${process.versions.node}, sysbench ${workshop.sysbench.version}.`,
    `oltp_write_only at ${load.rate} transactions a second, ${CLIENTS} clients, ${seconds} s; medians with least and most of ${rounds} rounds. "For each more" is the slope of the line through the medians. A quorum of Skein's majority grows with the replicas (5 of 9 nodes); semi-sync waits for one replica. Checksums of all servers were equal after each run. Other programs had ${range(others, 0)} % of the machine.`,
  ].join('\n');
  console.log(`\n${[about, ...[...costTables(all), goalTable(all)].map(asMarkdown)].join('\n\n')}`);
});

/** All ways with so many replicas, with the same tables; each is halted when it is not measured. */
async function startAll(workshop: Workshop, count: number): Promise<{ kind: string; target: Target }[]> {
  const targets: { kind: string; target: Target }[] = [];
  for (const { id, label } of KINDS) {
    const mode: Mode = { ...modeOf(id), id: `${id}-of-${count}`, label, replicas: count };
    const target = await workshop.start(mode);
    await freshTables(target, workshop.sysbench, { ...load, seed: 1 }, workshop.signal);
    await target.pause();
    targets.push({ kind: id, target });
    say(`started: ${label}, ${count} replicas`);
  }
  for (const { target } of targets) await target.resume();
  await refuseDifferentSettings(targets.map(({ target }) => target));
  for (const { target } of targets) await target.pause();
  return targets;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`"${text}" is no whole number above 0`);
  return value;
}

function say(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
}
