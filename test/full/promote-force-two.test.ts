import { afterAll, beforeAll, expect, it } from 'vitest';
import { checksumAtRest } from '../kit/checksum.js';
import { skein } from '../kit/cli.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** Two voters, and one is lost: the other has everything, may serve nobody, and says what an operator can do. */

const DEADLINE_MS = 120_000;

let cluster: TestCluster;
let left: TestNode;
let lost: TestNode;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  // Without a supervisor: what is killed stays down.
  cluster = await TestCluster.start({ replicas: 1, first: 2 });
  left = await cluster.untilPrimary();
  [lost] = cluster.replicas as [TestNode];
  await left.sql('CREATE DATABASE forced');
  await left.sql('CREATE TABLE forced.t (id INT PRIMARY KEY)');
});

afterAll(() => cluster?.dispose());

const killed = (node: TestNode) => Promise.all([node.kill('node'), node.kill('server')]);

const byCli = (...args: string[]) =>
  skein([...args, '--node', left.url], { env: { SKEIN_TOKEN: left.adminToken }, deadlineMs: 90_000 });

/** Until the status of the node that is left names the command, and then with `--yes`. */
async function force(): Promise<void> {
  const command = `skein promote ${left.name} --force`;
  await until('its status says what to do', async () => (await byCli('status')).stdout.includes(command), {
    deadlineMs: 60_000,
    context: () => cluster.logs(),
  });
  const done = await byCli('promote', left.name, '--force', '--yes', (await left.cluster()).cluster);
  expect(done.code, done.stderr).toBe(0);
}

async function untilBack(): Promise<void> {
  cluster.startNode(lost.name);
  await until('both are voters', async () => (await left.cluster()).quorum.voters === 2, {
    deadlineMs: DEADLINE_MS,
    context: () => cluster.logs(),
  });
  for (const node of cluster.nodes) await node.untilReady(60_000);
  await checksumAtRest(left, [lost], { deadlineMs: 60_000 });
}

it('the primary is left, and a write waits', { timeout: 2 * DEADLINE_MS }, async () => {
  await left.sql('INSERT INTO forced.t VALUES (1)');
  await killed(lost);
  const waits = left.request('POST', '/v1/sql', { sql: 'INSERT INTO forced.t VALUES (2)', timeoutMs: 5_000 });
  expect([503, 504]).toContain((await waits).status);
  await force();
  await left.sql('INSERT INTO forced.t VALUES (3)');
  const ids = (await left.rows('SELECT id FROM forced.t ORDER BY id')).map(([id]) => id);
  // The second one was answered as unknown, or as not done.
  expect(ids.filter((id) => id !== 2)).toEqual([1, 3]);
  await untilBack();
});

it('both were lost, and one comes back without a server that may run', {
  timeout: 2 * DEADLINE_MS,
}, async () => {
  const { epoch } = await left.cluster();
  await Promise.all([killed(left), killed(lost)]);
  cluster.startNode(left.name);
  await force();
  expect((await left.cluster()).epoch).toBeGreaterThan(epoch);
  await left.sql('INSERT INTO forced.t VALUES (4)');
  await untilBack();
  expect((await lost.rows('SELECT MAX(id) FROM forced.t'))[0]).toEqual([4]);
});
