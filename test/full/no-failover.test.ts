import { afterAll, beforeAll, expect, it } from 'vitest';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { signalPid } from '../kit/processes.js';
import { run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';

/** What happens to a healthy cluster, and is no reason for another primary. */

const MIB = 1024 ** 2;
const TRANSACTION_MIB = 128;
const ROWS = 10_000_000;

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT)');
});

afterAll(() => cluster?.dispose());

async function restart(node: TestNode): Promise<void> {
  const old = await node.pid('node');
  signalPid(old, 'SIGTERM');
  await node.untilRestarted('node', old);
}

async function die(node: TestNode): Promise<void> {
  const old = { node: await node.kill('node'), server: await node.kill('server') };
  await node.untilRestarted('node', old.node);
  await node.untilRestarted('server', old.server);
}

async function largeTransaction({ primary }: TestCluster): Promise<void> {
  await withSql(primary, async (connection) => {
    await run(connection, 'START TRANSACTION');
    for (let i = 0; i < TRANSACTION_MIB; i++)
      await run(connection, "INSERT INTO demo.t (v) VALUES (REPEAT('x', ?))", [MIB]);
    await run(connection, 'COMMIT');
  });
}

/** As fast as this process takes it. */
async function largeResult({ primary, token }: TestCluster): Promise<void> {
  const answer = await fetch(`${primary.url}/v1/sql`, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      accept: 'application/x-ndjson',
    },
    body: JSON.stringify({
      ...{ sql: `SELECT seq FROM demo.seq_1_to_${ROWS}`, read: { level: 'primary' } },
      timeoutMs: 240_000,
    }),
  });
  expect(answer.status).toBe(200);
  let lines = 0;
  for await (const chunk of answer.body ?? [])
    for (const byte of chunk as Uint8Array) if (byte === 10) lines++;
  // The columns come first, and a line says that this was all.
  expect(lines).toBe(ROWS + 2);
}

it.each<[what: string, act: (cluster: TestCluster) => Promise<void>]>([
  ['a replica dies', ({ replicas: [replica] }) => die(replica as TestNode)],
  ['a voter restarts', ({ replicas: [, voter] }) => restart(voter as TestNode)],
  [`a transaction of ${TRANSACTION_MIB} MiB is committed`, largeTransaction],
  [`${ROWS / 1e6} million rows are sent from the node of the primary`, largeResult],
])('%s: the primary stays, in its epoch', { timeout: 400_000 }, async (_what, act) => {
  const { primary } = cluster;
  const { epoch } = await primary.cluster();
  await act(cluster);
  for (const node of cluster.nodes) await node.untilReady(90_000);
  await primary.sql("INSERT INTO demo.t (v) VALUES ('after it')");
  const { primary: name, epoch: after } = await primary.cluster();
  expect([name, after]).toEqual([primary.name, epoch]);
});

it('all nodes are equal', async () => {
  await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: 90_000 });
});
