import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { AcknowledgeLevel } from '../../src/model/status.js';
import { waitApplied } from '../kit/checksum.js';
import { judgeLedger, type Ledger, type LedgerFault, readLedger } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, LEDGER_DATABASE, startWriters } from '../kit/kill-rounds.js';
import { seededRandom } from '../kit/random.js';
import { ledgerInSpool } from '../kit/spool-files.js';
import { until } from '../kit/until.js';

/**
 * The test that can fail: clients insert, the primary's node, server and data are destroyed at a random moment, and what
 * the clients were told is looked for in the replicas' tables and spools together.
 */
const ROUNDS = Number(process.env.SKEIN_TEST_ROUNDS ?? 3);
const CLIENTS = 8;
/** Printed with each round; SKEIN_TEST_SEED plays a run again, as far as its processes do. */
const SEED = Number(process.env.SKEIN_TEST_SEED ?? Date.now());

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.dispose();
  cluster = undefined;
});

// After the hook above: the last one registered runs first.
showLogsOnFailure(() => cluster);

interface Outcome {
  ledger: Ledger;
  faults: LedgerFault[];
}

async function destroyPrimary(options: {
  acknowledge: AcknowledgeLevel;
  seed: number;
  linkDelayMs?: number;
}): Promise<Outcome> {
  const { acknowledge, seed, linkDelayMs = 0 } = options;
  cluster = await TestCluster.start({ acknowledge, proxied: true });
  const { primary, replicas } = cluster;
  await createLedger(cluster);
  await waitApplied(primary, replicas);
  for (const replica of replicas) if (linkDelayMs > 0) cluster.proxy(replica.name).delay(linkDelayMs);
  const pool = startWriters(cluster, { clients: CLIENTS });
  const random = seededRandom(seed);
  await pool.ledger.progress(
    linkDelayMs > 0 ? random.int(30, 100) : random.int(100, 1000),
    60_000,
    'inserts go on',
  );

  // All at once: nothing of the primary may get the chance to finish anything, and what is under way on the network is
  // lost with it.
  const pids = [await primary.pid('node'), await primary.pid('server')];
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  for (const replica of replicas) cluster.proxy(replica.name).refuse();
  await rm(primary.directory, { recursive: true, force: true });
  await until(
    'the primary is gone',
    async () => !(await primary.runs('node')) && !(await primary.runs('server')),
  );
  const ledger = await pool.stop();

  const found = new Map<string, number>();
  for (const replica of replicas) {
    // Gated: the rest lies in the spool and waits for a primary that tells what is committed.
    for (const row of await ledgerInSpool(join(replica.directory, 'spool'))) found.set(row, 1);
    const table = await readLedger(replica, LEDGER_DATABASE);
    for (const [row, times] of table) found.set(row, Math.max(times, found.get(row) ?? 0));
  }
  return { ledger, faults: judgeLedger(ledger, found) };
}

/** With a quick link the race is between processes, with a slow one much is under way when the primary goes. */
const LINK_DELAYS_MS = [0, 5, 50];

it.each(Array.from({ length: ROUNDS }, (_, i) => [i + 1, LINK_DELAYS_MS[i % 3] ?? 0]))(
  'round %i (link %i ms): with majority, every acknowledged INSERT survives the destruction of the primary',
  async (round, linkDelayMs) => {
    console.log(`round ${round}: seed ${SEED} + ${round}`);
    const { ledger, faults } = await destroyPrimary({
      acknowledge: 'majority',
      seed: SEED + round,
      linkDelayMs,
    });
    console.log(`round ${round}: ${ledger.summary()}`);
    expect(faults.slice(0, 10)).toEqual([]);
    expect(ledger.counts.acknowledged).toBeGreaterThan(20);
  },
);

it('the same test fails with acknowledge: async and a slow link', async () => {
  const { ledger, faults } = await destroyPrimary({ acknowledge: 'async', seed: 1, linkDelayMs: 250 });
  console.log(`async: ${ledger.summary()}; ${faults.length} acknowledged rows lost`);
  expect(faults.filter(({ kind }) => kind === 'lost').length).toBeGreaterThan(0);
});
