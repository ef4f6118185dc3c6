import { afterEach, describe, expect, it } from 'vitest';
import { checkLedger, Ledger, type WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole, LEDGER_DATABASE } from '../kit/kill-rounds.js';
import { startRoleWriters } from '../kit/role-writers.js';
import { removeData, removeSpool, stopAll, untilHealed, untilPurged } from '../kit/seeds.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

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

describe('two nodes, one of which has lost its disk, while the log of the other does not reach back', () => {
  /** n2 is as if it were new; n1 has everything. */
  async function losesDisk({ waits }: { waits: boolean }) {
    const started = await TestCluster.start({
      ...{ first: 2, replicas: 1 },
      settings: { spoolSegmentBytes: 64 * 1024, hubWindowBytes: 64 * 1024 },
    });
    cluster = started;
    const [lost] = started.replicas as [TestNode];
    await createLedger(started);
    const ledger = new Ledger();
    const writers = startRoleWriters(started, ledger, { http: 2, mysql: 2 });
    pool = writers;
    await untilPurged(started.primary);
    await purgeLog(started.primary);
    if (!waits) await writers.stop();
    await stopAll(lost);
    await removeData(lost);
    await removeSpool(lost);
    started.startNode(lost.name);
    return { cluster: started, ledger, lost };
  }

  it('it is filled, and counts again', { timeout: 400_000 }, async () => {
    const { cluster, ledger, lost } = await losesDisk({ waits: false });
    await untilHealed(lost, 180_000);
    await expectWhole(cluster, ledger);
  });

  it('commits that wait for it are in the way, until an operator decides', { timeout: 400_000 }, async () => {
    const { cluster, ledger, lost } = await losesDisk({ waits: true });
    const { primary } = cluster;
    await until(
      'it says why it cannot be filled',
      async () => {
        const { members } = await lost.cluster();
        return /Commits wait for their quorum/.test(JSON.stringify(members));
      },
      { deadlineMs: 120_000, context: () => lost.logs(30) },
    );
    await stopAll(lost);
    const { cluster: name } = await primary.cluster();
    const forced = await primary.request(
      'POST',
      `/v1/nodes/${primary.name}/promote`,
      { force: true, confirm: name },
      { timeoutMs: 60_000 },
    );
    expect(forced.status, forced.text).toBe(200);
    cluster.startNode(lost.name);
    await untilHealed(lost, 180_000);
    await ledger.progress(WRITES_BETWEEN, SERVES_AGAIN_MS, 'writes after it was filled');
    await pool?.stop();
    await expectWhole(cluster, ledger);
  });
});

/** The server keeps what its node still reads. */
function purgeLog(node: TestNode): Promise<void> {
  return withSql(node, async (connection) => {
    await run(connection, 'FLUSH LOCAL BINARY LOGS');
    await until('the binary log is purged', async () => {
      const names = (await rowsOf(connection, 'SHOW BINARY LOGS')).map((row) => row.Log_name);
      await run(connection, 'PURGE BINARY LOGS TO ?', [names.at(-1)]);
      return !names.includes('bin.000001') && names.length < 3;
    });
  });
}
