import { afterAll, beforeAll, expect, it } from 'vitest';
import { checksumAtRest, checksumWhileWriting } from '../kit/checksum.js';
import { Ledger } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { loadDataset } from '../kit/dataset/load.js';
import { mixedWorkload } from '../kit/dataset/workload.js';
import { createLedger, expectWhole } from '../kit/kill-rounds.js';
import { signalPid } from '../kit/processes.js';
import { seededRandom } from '../kit/random.js';
import { startRoleWriters } from '../kit/role-writers.js';
import { run, withSql } from '../kit/sql-node.js';

/**
 * Real input and real faults together: mixed work (DDL included) and counted INSERTs, while processes are killed and
 * stopped at random. The seed is printed, so that a schedule can be run again.
 */
const MINUTES = Number(process.env.SKEIN_TEST_MINUTES ?? 10);
const SEED = Number(process.env.SKEIN_TEST_SEED ?? Date.now() % 1_000_000);

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({
    settings: { hubWindowBytes: 2 * 1024 * 1024, spoolSegmentBytes: 1024 * 1024 },
  });
  await createLedger(cluster);
  // Not as `skein`: what it defines runs with all rights, on a server that is closed too.
  const connection = await cluster.primary.connectAs('skein_admin');
  await loadDataset(connection, { rows: 30_000 });
  connection.destroy();
});

afterAll(async () => {
  await cluster?.dispose();
});

it(`${MINUTES} minutes of faults, seed ${SEED}`, async () => {
  const random = seededRandom(SEED);
  console.log(`chaos: seed ${SEED}`);
  const stop = new AbortController();
  const pool = startRoleWriters(cluster, new Ledger(), { http: 2, mysql: 2 });
  const workers = [1, 2, 3].map((seed) =>
    mixedWorkload({
      connect: async () => (await cluster.untilPrimary()).connectAs('skein_admin'),
      seed: SEED + seed,
      signal: stop.signal,
      ddl: seed === 1,
      outages: true,
    }),
  );
  let failure: unknown;
  for (const worker of workers) {
    worker.catch((error: unknown) => {
      failure ??= error;
    });
  }
  const end = performance.now() + MINUTES * 60_000;
  let faults = 0;
  try {
    while (performance.now() < end && failure === undefined) {
      const node = random.pick(cluster.nodes);
      const kind = random.chance(0.5) ? 'node' : 'server';
      const pid = await node.pid(kind).catch(() => 0);
      if (pid > 1) {
        faults += 1;
        if (random.chance(0.6)) {
          signalPid(pid, 'SIGKILL');
        } else {
          signalPid(pid, 'SIGSTOP');
          await aWhile(random.int(100, 6_000));
          signalPid(pid, 'SIGCONT');
        }
      }
      await aWhile(random.int(0, 4_000));
      if (faults % 12 === 0) {
        await pool.ledger.progress(10, 60_000, 'writes go on');
        for (const each of cluster.nodes) await each.untilReady(60_000);
        await cluster.untilPrimary();
        const { gtid } = await checksumWhileWriting(cluster.primary, cluster.replicas, {
          deadlineMs: 60_000,
        });
        console.log(`chaos: equal at ${gtid} after ${faults} faults; ${pool.ledger.summary()}`);
      }
    }
    await pool.ledger.progress(10, 60_000, 'writes go on at the end');
  } finally {
    stop.abort();
    await pool.stop();
  }
  const results = await Promise.allSettled(workers);
  expect(failure).toBeUndefined();
  console.log(
    `chaos: ${faults} faults, ${JSON.stringify(results.map((result) => (result.status === 'fulfilled' ? result.value : 'failed')))}`,
  );
  for (const node of cluster.nodes) await node.untilReady(60_000);
  await cluster.untilPrimary();
  await withSql(cluster.primary, (connection) => run(connection, 'DROP EVENT IF EXISTS bazaar.tick'));
  await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: 60_000 });
  await expectWhole(cluster, pool.ledger);
});

/** Nothing is waited for: faults come at random moments, and last for random times. */
function aWhile(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
