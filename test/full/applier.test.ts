import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MemberStatus } from '../../src/model/status.js';
import { checksumAtRest, waitApplied } from '../kit/checksum.js';
import { skein } from '../kit/cli.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { run, scalarOf, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** A replica whose server does not apply: said as a state everywhere, and helped out where that is possible. */

const STALL_MS = 1_500;

let cluster: TestCluster;
let n2: TestNode;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ patient: true, settings: { applierStallMs: STALL_MS } });
  n2 = cluster.node('n2');
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.t (id INT PRIMARY KEY, v VARCHAR(50))');
  await waitApplied(cluster.primary, cluster.replicas);
});

afterAll(async () => {
  await cluster?.dispose();
});

async function memberOn(node: TestNode): Promise<MemberStatus | undefined> {
  return (await node.cluster()).members.find(({ name }) => name === 'n2');
}

/** On all nodes at the same time: the node may soon have helped its server out of this state. */
async function untilState(state: string, reason: RegExp): Promise<void> {
  await Promise.all(
    cluster.nodes.map((node) =>
      until(`${node.name} shows n2 as ${state}`, async () => {
        const member = await memberOn(node);
        return member?.state === state && reason.test(member.reason ?? '');
      }),
    ),
  );
}

const eventsOf = async (node: TestNode) => (await node.request('GET', '/v1/logs?part=events&tail=1000')).text;

it('stopped after an error: its state, not ready, exit code 1; live again when it goes on', async () => {
  // What no client can do: a row that the cluster did not give it.
  await withSql(n2, async (connection) => {
    await run(connection, 'SET SESSION sql_log_bin = 0');
    await run(connection, "INSERT INTO demo.t VALUES (1, 'from elsewhere')");
  });
  await cluster.primary.sql("INSERT INTO demo.t VALUES (1, 'from the cluster')");
  await untilState('stopped', /Duplicate entry.*1062/s);
  for (const path of ['/ready', '/replica']) {
    const { status, body, text } = await n2.request<{ state: string }>('GET', path, undefined, {
      token: null,
    });
    expect([status, body.state], text).toEqual([503, 'stopped']);
  }
  const told = await skein(['status', '--node', cluster.primary.url], {
    env: { SKEIN_TOKEN: cluster.token },
  });
  expect(told.code).toBe(1);
  expect(told.stdout).toMatch(/^n2 +replica +stopped /m);
  const metrics = await cluster.primary.request('GET', '/metrics');
  expect(metrics.text).toMatch(/skein_member_state\{[^}]*n2[^}]*state="stopped"[^}]*\} 1/);

  await withSql(n2, async (connection) => {
    await run(connection, 'SET SESSION sql_log_bin = 0');
    await run(connection, 'DELETE FROM demo.t');
  });
  await untilState('live', /^$/);
  const said = await eventsOf(n2);
  expect(said).toContain('applier.stopped');
  expect(said).toContain('applier.resumed');
  const well = await skein(['status', '--node', cluster.primary.url], {
    env: { SKEIN_TOKEN: cluster.token },
  });
  expect(well.code, well.stdout).toBe(0);
  await checksumAtRest(cluster.primary, cluster.replicas);
});

it('a reader that holds up DDL is disconnected, and the replica goes on', async () => {
  const reader = await n2.connectAs('skein_read');
  reader.on('error', () => {});
  await run(reader, 'START TRANSACTION READ ONLY');
  await run(reader, 'SELECT * FROM demo.t');
  await cluster.primary.sql('ALTER TABLE demo.t ADD COLUMN w INT');
  await until('n2 has the column', async () => {
    const { results } = await n2.sql('SELECT * FROM demo.t LIMIT 0');
    return results[0]?.columns.some(({ name }) => name === 'w');
  });
  await expect(run(reader, 'SELECT 1')).rejects.toThrow();
  reader.destroy();
  await until('the event names it', async () => /APPLIER_BLOCKED.*skein_read/.test(await eventsOf(n2)));
  await untilState('live', /^$/);
  await checksumAtRest(cluster.primary, cluster.replicas);
});

it('workers that do not get on even so: the server is killed, goes on one after the other, then in parallel', async () => {
  // The node's own account, which is not ended like a client.
  const holder = await n2.connect();
  holder.on('error', () => {});
  await run(holder, 'LOCK TABLES demo.t WRITE');
  const pid = await n2.pid('server');
  await cluster.primary.sql("INSERT INTO demo.t (id, v) VALUES (2, 'behind a lock')");
  await untilState('stalled', /every worker waits \(.*metadata lock/s);
  await n2.untilRestarted('server', pid);
  holder.destroy();
  await untilState('live', /^$/);
  expect(await eventsOf(n2)).toContain('APPLIER_SERIAL');
  await until('it applies in parallel again', async () => (await workersOf(n2)) === '8');
  await checksumAtRest(cluster.primary, cluster.replicas);
});

const workersOf = (node: TestNode) =>
  withSql(node, (connection) => scalarOf(connection, 'SELECT @@GLOBAL.slave_parallel_threads'));
