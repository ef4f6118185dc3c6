import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Chain } from '../../src/model/chain.js';
import { checksumAtRest } from '../kit/checksum.js';
import { checkLedger, Ledger, type WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, LEDGER_DATABASE } from '../kit/kill-rounds.js';
import { startRoleWriters } from '../kit/role-writers.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** A primary that is lost in one way or another is replaced, under load: nothing acknowledged is lost, and all come back. */

/** Of each way to lose it. */
const ROUNDS = Number(process.env.SKEIN_TEST_ROUNDS ?? 1);
/** Writes between two losses: proof that the cluster serves again, and something to lose. */
const WRITES_BETWEEN = 30;
/** The kill is noticed within a second and a half; the rest is a machine that does other things too. */
const ELECTED_MAX_MS = 30_000;

let cluster: TestCluster;
let ledger: Ledger;
let pool: WriterPool;
let gaps: number[] = [];
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ failover: 'automatic' });
  await createLedger(cluster);
  ledger = new Ledger();
  pool = startRoleWriters(cluster, ledger, { http: 2, mysql: 2, gap: (ms) => gaps.push(ms) });
});

afterAll(async () => {
  await pool?.stop();
  await cluster?.dispose();
});

const primary = () =>
  until('a primary is open', () => cluster.electedPrimary(), {
    deadlineMs: ELECTED_MAX_MS,
    context: () => cluster.logs(),
  });

const epochOf = async (node: TestNode) => (await node.cluster()).epoch;

/** The node that serves in a later epoch. One that was just lost may still say that it is the primary. */
const primaryAfter = (epoch: number) =>
  until(
    `a primary after epoch ${epoch}`,
    async () => {
      const found = await cluster.electedPrimary();
      return found && (await epochOf(found)) > epoch ? found : null;
    },
    { deadlineMs: ELECTED_MAX_MS, context: () => cluster.logs() },
  );

async function lose(how: string, act: (node: TestNode) => Promise<void>): Promise<void> {
  await ledger.progress(WRITES_BETWEEN, 40_000, `writes before: ${how}`);
  const before = await primary();
  const epoch = await epochOf(before);
  gaps = [];
  await act(before);
  const after = await primaryAfter(epoch);
  await ledger.progress(WRITES_BETWEEN, 40_000, `writes after: ${how}`);
  console.log(
    `${how}: ${before.name} -> ${after.name}, nothing acknowledged for ${Math.round(Math.max(...gaps))} ms`,
  );
  for (const node of cluster.nodes) await node.untilReady(90_000);
}

it.each<[how: string, act: (node: TestNode) => Promise<void>]>([
  [
    'node and server killed',
    async (node) => {
      await Promise.all([node.kill('node'), node.kill('server')]);
    },
  ],
  ['server killed', async (node) => void (await node.kill('server'))],
  ['node killed', async (node) => void (await node.kill('node'))],
  [
    'node and server stopped for a while',
    async (node) => {
      await Promise.all([node.freeze('node'), node.freeze('server')]);
      await until(
        'another node serves',
        async () => {
          for (const other of cluster.nodes) if (other !== node && (await other.isOpenPrimary())) return true;
          return false;
        },
        { deadlineMs: ELECTED_MAX_MS, context: () => cluster.logs() },
      );
      await Promise.all([node.unfreeze('server'), node.unfreeze('node')]);
    },
  ],
])('%s', { timeout: 60_000 + ROUNDS * 200_000 }, async (how, act) => {
  for (let round = 0; round < ROUNDS; round++) await lose(how, act);
});

it('three primaries in a row, before the first is back', { timeout: 60_000 + ROUNDS * 200_000 }, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    let node = await primary();
    for (let loss = 0; loss < 3; loss++) {
      await ledger.progress(5, 40_000, `writes before loss ${loss}`);
      const epoch = await epochOf(node);
      await node.kill('server');
      node = await primaryAfter(epoch);
    }
    await ledger.progress(WRITES_BETWEEN, 90_000, 'writes after three losses');
    for (const node of cluster.nodes) await node.untilReady(90_000);
  }
});

it('nothing that was acknowledged is lost, and all nodes are equal', { timeout: 120_000 }, async () => {
  await pool.stop();
  for (const node of cluster.nodes) await node.untilReady(90_000);
  const leader = await primary();
  const others = cluster.nodes.filter((node) => node !== leader);
  await checksumAtRest(leader, others, { deadlineMs: 60_000 });
  for (const node of cluster.nodes) await checkLedger(ledger, node, LEDGER_DATABASE);
  const chainOf = async (node: TestNode): Promise<Chain> =>
    JSON.parse(await readFile(join(node.directory, 'state', 'chain.json'), 'utf8'));
  const chains = await Promise.all(cluster.nodes.map(chainOf));
  expect(chains[1]).toEqual(chains[0]);
  expect(chains[2]).toEqual(chains[0]);
  console.log(ledger.summary());
});
