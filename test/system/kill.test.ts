import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Ledger } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, everyProcess, expectWhole, killUnderLoad, startWriters } from '../kit/kill-rounds.js';

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
