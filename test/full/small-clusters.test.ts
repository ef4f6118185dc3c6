import { afterEach, expect, it } from 'vitest';
import { checkLedger, Ledger, type WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole, LEDGER_DATABASE } from '../kit/kill-rounds.js';
import { startRoleWriters } from '../kit/role-writers.js';
import type { TestNode } from '../kit/test-node.js';

/** Clusters of one and of two nodes: every node that was killed serves again by itself, with everything acknowledged. */

/** Writes between two kills: proof that it serves again, and something to lose. */
const WRITES_BETWEEN = 30;
const SERVES_AGAIN_MS = 60_000;

let cluster: TestCluster | undefined;
let pool: WriterPool | undefined;
showLogsOnFailure(() => cluster);

afterEach(async () => {
  await pool?.stop();
  await cluster?.dispose();
  [pool, cluster] = [undefined, undefined];
});

type Kill = [how: string, act: (node: TestNode) => Promise<unknown>];

const KILLS: readonly Kill[] = [
  ['its server', (node) => node.kill('server')],
  ['its node', (node) => node.kill('node')],
  ['both', (node) => Promise.all([node.kill('node'), node.kill('server')])],
];

async function start(replicas: number): Promise<{ cluster: TestCluster; ledger: Ledger }> {
  const started = await TestCluster.start({ replicas });
  cluster = started;
  await createLedger(started);
  const ledger = new Ledger();
  pool = startRoleWriters(started, ledger, { http: 2, mysql: 2 });
  return { cluster: started, ledger };
}

async function killAll(ledger: Ledger, victims: () => Promise<TestNode[]>): Promise<void> {
  for (const [how, act] of KILLS) {
    for (const node of await victims()) {
      await ledger.progress(
        WRITES_BETWEEN,
        SERVES_AGAIN_MS,
        `writes before ${how} of ${node.name} is killed`,
      );
      await act(node);
      await ledger.progress(
        WRITES_BETWEEN,
        SERVES_AGAIN_MS,
        `writes after ${how} of ${node.name} was killed`,
      );
      await node.untilReady(SERVES_AGAIN_MS);
    }
  }
  await pool?.stop();
}

it('one node: opens again by itself, and has what was acknowledged', async () => {
  const { cluster, ledger } = await start(0);
  await killAll(ledger, async () => [await cluster.untilPrimary()]);
  await checkLedger(ledger, cluster.primary, LEDGER_DATABASE);
  console.log(ledger.summary());
});

it('two nodes: either may be killed and comes back; alone, neither acknowledges', {
  timeout: 600_000,
}, async () => {
  const { cluster, ledger } = await start(1);
  await killAll(ledger, async () => {
    const primary = await cluster.untilPrimary();
    return [...cluster.replicas, primary];
  });
  await cluster.untilPrimary();
  for (const node of cluster.nodes) await node.untilReady(SERVES_AGAIN_MS);
  await expectWhole(cluster, ledger);
  console.log(ledger.summary());

  const [other] = cluster.replicas as [TestNode];
  await other.freeze('node');
  try {
    const alone = await cluster.primary.request('POST', '/v1/sql', {
      sql: 'CREATE DATABASE alone',
      timeoutMs: 3_000,
    });
    expect([503, 504]).toContain(alone.status);
  } finally {
    await other.unfreeze('node');
  }
});
