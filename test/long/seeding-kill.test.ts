import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../../src/std/timing.js';
import type { Ledger } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole, startWriters } from '../kit/kill-rounds.js';
import { seededRandom } from '../kit/random.js';
import { SEED_FAULTS, seedFault } from '../kit/seed-faults.js';
import {
  Reader,
  removeData,
  seedsOf,
  stopAll,
  untilHealed,
  untilPurged,
  untilSeeding,
} from '../kit/seeds.js';

/**
 * Kills and cuts at random moments of a seed, under load, with a client that reads the replica all along. It goes on by itself,
 * ends with equal data, and the reader never sees a state that is not the cluster's.
 */
const ROUNDS = Number(process.env.SKEIN_TEST_ROUNDS ?? 30);
/** About what a seed takes here, so that faults fall into all of its phases. */
const SEED_TAKES_MS = 6_000;
const SEED = Number(process.env.SKEIN_TEST_SEED ?? Date.now() % 1_000_000);

let cluster: TestCluster;
let ledger: Ledger | undefined;
const random = seededRandom(SEED);
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  console.log(`SKEIN_TEST_SEED=${SEED}`);
  cluster = await TestCluster.start({
    proxied: true,
    settings: { spoolSegmentBytes: 64 * 1024, seedRateMiBs: 24 },
  });
  await createLedger(cluster);
});
afterAll(() => cluster?.dispose());

it(`goes on by itself after ${ROUNDS} faults at random moments`, { timeout: ROUNDS * 120_000 }, async () => {
  const n2 = cluster.node('n2');
  for (let round = 0; round < ROUNDS; round++) {
    // A busy machine may have moved it.
    await cluster.makePrimary('n1');
    const pool = startWriters(cluster, { ledger, paceMs: 10 });
    ledger = pool.ledger;
    const reader = new Reader(cluster, n2);
    // Every other time there is no good data any more.
    const isLost = round % 2 === 1;
    // Each has its turn.
    const name = SEED_FAULTS[round % SEED_FAULTS.length] ?? SEED_FAULTS[0];
    const afterMs = Math.floor(random.next() * SEED_TAKES_MS);
    const filledBefore = await seedsOf(n2);
    try {
      await ledger.progress(20, 30_000, 'writes go on');
      if (isLost) {
        await untilPurged(n2);
        await stopAll(n2);
        await removeData(n2);
        cluster.startNode('n2');
      } else {
        expect((await cluster.primary.request('POST', '/v1/nodes/n2/reseed')).status).toBe(202);
      }
      await untilSeeding(n2, isLost ? 0 : filledBefore);
      await sleep(afterMs);
      await seedFault(cluster, name);
      await untilHealed(n2, 180_000);
      await cluster.node('n3').untilReady(60_000);
      await ledger.progress(20, 30_000, 'writes go on afterwards');
    } catch (error) {
      throw new Error(`round ${round}: ${name} after ${afterMs} ms${isLost ? ', data lost' : ''}`, {
        cause: error,
      });
    } finally {
      await pool.stop();
      await reader.stop();
    }
    await expectWhole(cluster, pool.ledger);
    console.log(
      `round ${round}: ${name} after ${afterMs} ms; read ${reader.answers}, refused ${reader.refusals}`,
    );
  }
});
