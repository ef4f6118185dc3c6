/**
 * How long a cluster of three takes no writes when it loses its primary: clients write every 20 ms through the read-write
 * ports and over HTTP, and the primary is killed, stopped or cut off again and again. At the end each acknowledged write must be
 * there once, and none that was refused.
 * Run: npm run bench -- failover [--short] [--rounds=20] [--only=both,server,node,stop,cut]
 *   --rounds  of each way to lose it; --short: 3
 *   --only    both: kill -9 of node and server; server, node: of one of them; stop: SIGSTOP of both; cut: what it and the others
 *             send each other is lost, in a cluster of its own whose links go through proxies
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep } from '../src/std/timing.js';
import { LocalCluster, type LocalNode } from './failover/local-cluster.js';
import { CREATE_TABLE, judgeRows, TABLE, type Way, Writers } from './failover/writers.js';
import { spreadOf } from './throughput/statistics.js';
import { asMarkdown, range } from './throughput/table.js';

const PACE_MS = 20;
const NODES = 3;
/** Between two losses, so that each finds a cluster at work. */
const SETTLED_MS = 1_000;
const POLL_MS = 5;
const GIVE_UP_MS = 120_000;
/** Longer than the longest election. */
const AWAY_MS = 4_000;
const PROXY_SEED = 1;

type Loss = 'both' | 'server' | 'node' | 'stop' | 'cut';
const LOSSES: Readonly<Record<Loss, { readonly title: string; readonly goal: string }>> = {
  both: { title: 'kill -9 of node and server', goal: '1.0, worst 2.5' },
  server: { title: 'kill -9 of the server', goal: '0.5' },
  node: { title: 'kill -9 of the node', goal: '-' },
  stop: { title: 'SIGSTOP of node and server', goal: '2.0, worst 3.5' },
  cut: { title: 'its links cut', goal: '2.0, worst 3.5' },
};

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string' },
  },
});
const rounds = Number(values.rounds ?? (values.short ? 3 : 20));
const only = (values.only?.split(',') ?? Object.keys(LOSSES)) as Loss[];
for (const loss of only) if (!(loss in LOSSES)) throw new Error(`There is no such way: ${loss}`);

interface Round {
  readonly pausesMs: Record<Way, number>;
  readonly backMs: number;
}

const found = new Map<Loss, Round[]>();
const wrong = [
  ...(await measure(only.filter((loss) => loss !== 'cut'))),
  ...(await measure(only.filter((loss) => loss === 'cut'))),
];
console.log(asMarkdown(tableOf(found)));
for (const line of wrong) console.log(line);
// Connections of clients whose primary was stopped or cut off may wait for a long time yet.
process.exit(wrong.length > 0 ? 1 : 0);

/** In a cluster of their own. Returns what is wrong with the rows at the end. */
async function measure(losses: readonly Loss[]): Promise<string[]> {
  if (losses.length === 0) return [];
  const directory = mkdtempSync(join(tmpdir(), 'skein-bench-failover-'));
  const proxySeed = losses.includes('cut') ? PROXY_SEED : null;
  const cluster = await LocalCluster.start(join(directory, 'cluster'), {
    ...{ httpPort: await freePorts(), nodes: NODES, proxySeed },
  });
  try {
    return await cluster.during(measureIn(cluster, losses));
  } finally {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function measureIn(cluster: LocalCluster, losses: readonly Loss[]): Promise<string[]> {
  const first = await cluster.primary();
  await cluster.sql(first, 'CREATE DATABASE bench');
  await cluster.sql(first, CREATE_TABLE);
  const writers = new Writers(cluster.nodes, cluster, PACE_MS);
  for (const loss of losses) {
    const of: Round[] = [];
    found.set(loss, of);
    for (let round = 1; round <= rounds; round++) {
      await sleep(SETTLED_MS);
      of.push(await lose(cluster, loss, writers));
      console.error(`skein: ${LOSSES[loss].title}, ${round} of ${rounds}: ${shown(of.at(-1))}`);
    }
  }
  await writers.stop();
  await cluster.allReady();
  const rows = await cluster.sql(await cluster.primary(), `SELECT id FROM ${TABLE}`);
  const { acknowledged, refused, unknown } = writers;
  const faults = judgeRows(
    writers,
    rows.map(([id]) => Number(id)),
  );
  const load = loadavg()[0]?.toFixed(1);
  console.log(
    `${losses.join(', ')}: ${acknowledged.length} acknowledged writes, ${refused.length} refused, ${unknown.length} without an answer; ` +
      `${faults.length === 0 ? 'none lost, none doubled' : 'see below'}; load average of this machine at the end: ${load}\n`,
  );
  return faults;
}

async function lose(cluster: LocalCluster, loss: Loss, writers: Writers): Promise<Round> {
  const node = await cluster.primary();
  const killed = {
    both: ['node', 'server'],
    stop: ['node', 'server'],
    server: ['server'],
    node: ['node'],
    cut: [],
  } as const;
  const pids = killed[loss].map((kind) => cluster.pid(node, kind));
  // A process that has just been started again writes its file in a moment.
  if (!pids.every(isAlive)) {
    await sleep(SETTLED_MS);
    return lose(cluster, loss, writers);
  }
  const sinceMs = performance.now();
  if (loss === 'cut') cluster.cut(node);
  else for (const pid of pids) process.kill(pid, loss === 'stop' ? 'SIGSTOP' : 'SIGKILL');
  const pausesMs = {
    port: await pause('port', writers, sinceMs),
    http: await pause('http', writers, sinceMs),
  };
  let backSinceMs = sinceMs;
  if (loss === 'stop' || loss === 'cut') {
    await sleep(Math.max(0, AWAY_MS - (performance.now() - sinceMs)));
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    cluster.heal();
    backSinceMs = performance.now();
  }
  await untilReplica(cluster, node);
  return { pausesMs, backMs: performance.now() - backSinceMs };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function pause(way: Way, writers: Writers, sinceMs: number): Promise<number> {
  for (;;) {
    const found = writers.pauseSince(way, sinceMs);
    if (found !== null) return found;
    if (performance.now() - sinceMs > GIVE_UP_MS)
      throw new Error(`No write was acknowledged for ${GIVE_UP_MS / 1000} s.`);
    await sleep(POLL_MS);
  }
}

/** The node that was the primary is a healthy replica, and so are all others. */
async function untilReplica(cluster: LocalCluster, node: LocalNode): Promise<void> {
  const deadlineMs = performance.now() + GIVE_UP_MS;
  for (;;) {
    const status = await cluster.status(await cluster.primary()).catch(() => null);
    const own = status?.members.find(({ name }) => name === node.name);
    if (own?.role === 'replica' && own.state === 'live' && own.reason === null && own.server.up) break;
    if (performance.now() > deadlineMs) throw new Error(`${node.name} did not come back: ${own?.reason}`);
    await sleep(50);
  }
  await cluster.allReady();
}

function shown(round: Round | undefined): string {
  if (!round) return '';
  const { pausesMs, backMs } = round;
  return `no writes for ${seconds(pausesMs.port)} s (ports), ${seconds(pausesMs.http)} s (HTTP); back after ${seconds(backMs)} s`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}

function tableOf(found: ReadonlyMap<Loss, readonly Round[]>) {
  const spread = (ms: readonly number[]) => range(spreadOf(ms.map((each) => each / 1000)), 2);
  return {
    title: 'Seconds without a write: median (least-most)',
    head: [
      'the primary is lost by',
      'rounds',
      'through the ports',
      'over HTTP',
      'goal',
      'a healthy replica again after',
    ],
    rows: [...found].map(([loss, of]) => [
      LOSSES[loss].title,
      String(of.length),
      spread(of.map(({ pausesMs }) => pausesMs.port)),
      spread(of.map(({ pausesMs }) => pausesMs.http)),
      LOSSES[loss].goal,
      spread(of.map(({ backMs }) => backMs)),
    ]),
  };
}

async function freePorts(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  // Not among those that the system gives to others at any time.
  return port > 32_000 ? port - 20_000 : port;
}
