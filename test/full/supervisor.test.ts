import { afterAll, beforeAll, expect, it } from 'vitest';
import { checksumAtRest } from '../kit/checksum.js';
import { skein } from '../kit/cli.js';
import type { Ledger } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole, startWriters } from '../kit/kill-rounds.js';
import { signalPid } from '../kit/processes.js';

/** The life of `skein demo` itself: killed and adopted, stopped in order, started again. */

let cluster: TestCluster;
let ledger: Ledger | undefined;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createLedger(cluster);
});

afterAll(async () => {
  await cluster?.dispose();
});

const processes = () => Promise.all(cluster.nodes.flatMap((node) => [node.pid('node'), node.pid('server')]));

it('kill -9 of the demo: nodes and servers go on; the next start adopts them and loses no write', async () => {
  const before = await processes();
  const pool = startWriters(cluster);
  ledger = pool.ledger;
  try {
    expect(await cluster.endDemo('SIGKILL')).toBe('SIGKILL');
    await pool.ledger.progress(50, 60_000, 'writes go on without the demo');
    await cluster.startDemo();
    expect(await processes()).toEqual(before);
    await pool.ledger.progress(50, 60_000, 'writes go on after the adoption');
  } finally {
    await pool.stop();
  }
  expect(pool.ledger.counts).toMatchObject({ unknown: 0, failed: 0 });
  await expectWhole(cluster, pool.ledger);
});

it('an adopted node is still supervised', async () => {
  const node = cluster.node('n2');
  const old = await node.kill('node');
  await node.untilRestarted('node', old);
  await node.untilReady();
});

it('kill -9 of everything at once, the demo too: the next start has every acknowledged row', async () => {
  let pool = startWriters(cluster, { ledger });
  ledger = pool.ledger;
  try {
    await ledger.progress(50, 60_000, 'writes go on');
    for (const pid of await cluster.pids()) signalPid(pid, 'SIGKILL');
    await cluster.endDemo('SIGKILL');
    await pool.stop();
    await cluster.startDemo();
    await cluster.untilPrimary();
    pool = startWriters(cluster, { ledger });
    await ledger.progress(20, 60_000, 'writes go on after the start');
  } finally {
    await pool.stop();
  }
  await expectWhole(cluster, ledger);
});

it('SIGTERM: exit 0 after all nodes and servers have stopped', async () => {
  expect(await cluster.endDemo('SIGTERM')).toBe(0);
  expect(await cluster.pids()).toEqual([]);
});

it('the second start of the same cluster is quick and has all data', async () => {
  const tookMs = await cluster.startDemo();
  console.log(`second start: ${tookMs.toFixed(0)} ms to "skein ready"`);
  for (const node of cluster.nodes) expect(await node.isReady()).toBe(true);
  // 5 s is the promise, measured by a bench on a machine of its own; here others may be at work beside us.
  expect(tookMs).toBeLessThan(60_000);
  await cluster.untilPrimary();
  await checksumAtRest(cluster.primary, cluster.replicas);
});

it('skein status --json prints the document of GET /v1/cluster', async () => {
  const result = await skein(['status', '--json'], {
    env: { SKEIN_URL: cluster.node('n2').url, SKEIN_TOKEN: cluster.token },
  });
  expect(result, result.stderr).toMatchObject({ code: 0 });
  const status = JSON.parse(result.stdout);
  expect(status.members.map(({ name }: { name: string }) => name).sort()).toEqual(['n1', 'n2', 'n3']);
  expect(status.primary).toBe(cluster.primary.name);
});

it('SIGINT: exit 0 too', async () => {
  expect(await cluster.endDemo('SIGINT')).toBe(0);
  expect(await cluster.pids()).toEqual([]);
});
