import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Ledger } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, everyProcess, expectWhole, killUnderLoad, startWriters } from '../kit/kill-rounds.js';
import { signalPid } from '../kit/processes.js';

/** Kill -9 of each process in turn while 4 clients insert: everything resumes by itself, nothing lost, nothing doubled. */
const ROUNDS = Number(process.env.SKEIN_TEST_ROUNDS ?? 2);

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

it.each(Array.from({ length: ROUNDS }, (_, i) => i + 1))('round %i', async (round) => {
  const pool = startWriters(cluster, 4, ledger);
  ledger = pool.ledger;
  try {
    for (const [name, kind] of everyProcess(cluster)) {
      const result = await killUnderLoad(cluster, pool, name, kind);
      console.log(
        `round ${round}: ${name}'s ${kind} killed; writes again after ${result.writesAgainMs.toFixed(0)} ms, all ready after ${result.allReadyMs.toFixed(0)} ms`,
      );
    }
  } finally {
    await pool.stop();
  }
  console.log(`round ${round}: ${ledger.summary()}`);
  await expectWhole(cluster, ledger);
  expect(ledger.counts.acknowledged).toBeGreaterThan(200);
});

it('the primary’s node and server at once: commits that waited are on the quorum or were never acknowledged', async () => {
  const pool = startWriters(cluster, 4, ledger);
  ledger = pool.ledger;
  const { primary } = cluster;
  try {
    await pool.ledger.progress(20, 20_000, 'writes go on');
    const old = { node: await primary.pid('node'), server: await primary.pid('server') };
    for (const pid of Object.values(old)) process.kill(pid, 'SIGKILL');
    await primary.untilRestarted('node', old.node);
    await primary.untilRestarted('server', old.server);
    await pool.ledger.progress(20, 40_000, 'writes go on again');
  } finally {
    await pool.stop();
  }
  for (const node of cluster.nodes) await node.untilReady(40_000);
  await expectWhole(cluster, ledger);
});

it('everything at once, the demo too: the next start has every acknowledged row', async () => {
  const pool = startWriters(cluster, 4, ledger);
  ledger = pool.ledger;
  try {
    await pool.ledger.progress(50, 20_000, 'writes go on');
    for (const pid of await cluster.pids()) signalPid(pid, 'SIGKILL');
    await cluster.endDemo('SIGKILL');
    await cluster.startDemo();
    await pool.ledger.progress(20, 40_000, 'writes go on after the start');
  } finally {
    await pool.stop();
  }
  await expectWhole(cluster, ledger);
});
