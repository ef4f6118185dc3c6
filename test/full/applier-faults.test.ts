import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { seededRandom } from '../kit/random.js';
import { run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** Loads that make MariaDB's own appliers stand still, or crawl: what Skein makes of them. */

const STALL_MS = 2_000;

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ patient: true, settings: { applierStallMs: STALL_MS } });
  await cluster.primary.sql('CREATE DATABASE demo');
});

afterAll(async () => {
  await cluster?.dispose();
});

const stateOf = async (node: TestNode) =>
  (await node.cluster()).members.find(({ name }) => name === node.name);

const eventsOf = async (node: TestNode) => (await node.request('GET', '/v1/logs?part=events&tail=1000')).text;

it('a SERIALIZABLE reader on a replica is ended, and the replica goes on', async () => {
  await cluster.primary.sql('CREATE TABLE demo.s (id INT PRIMARY KEY, v INT)');
  await cluster.primary.sql('INSERT INTO demo.s VALUES (1, 0), (2, 0)');
  await waitApplied(cluster.primary, cluster.replicas);
  const n2 = cluster.node('n2');
  const reader = await n2.connectAs('skein_read');
  reader.on('error', () => {});
  await run(reader, 'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE');
  await run(reader, 'START TRANSACTION READ ONLY');
  await run(reader, 'SELECT * FROM demo.s');
  await cluster.primary.sql('UPDATE demo.s SET v = v + 1');
  await waitApplied(cluster.primary, cluster.replicas);
  await expect(run(reader, 'SELECT 1')).rejects.toThrow();
  reader.destroy();
  await until('the event says it', async () => (await eventsOf(n2)).includes('APPLIER_BLOCKED'));
});

it('parallel workers that wait for each other on a history table go on', async () => {
  await cluster.primary.sql(
    'CREATE TABLE demo.h (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME LIMIT 100 AUTO',
  );
  await cluster.primary.sql(
    `INSERT INTO demo.h VALUES ${Array.from({ length: 64 }, (_, i) => `(${i}, 0)`).join()}`,
  );
  const ends = performance.now() + 6_000;
  const writer = (seed: number) =>
    withSql(cluster.primary, async (connection) => {
      const random = seededRandom(seed);
      while (performance.now() < ends)
        await run(connection, `UPDATE demo.h SET v = v + 1 WHERE id = ${random.int(0, 63)}`).catch(() => {});
    });
  await Promise.all(Array.from({ length: 8 }, (_, i) => writer(i + 1)));
  await waitApplied(cluster.primary, cluster.replicas, 60_000);
  for (const node of cluster.replicas) {
    await until(`${node.name} is live`, async () => (await stateOf(node))?.state === 'live');
    const said = (await eventsOf(node)).match(
      /APPLIER_(SERIAL|PARALLEL|BLOCKED)|applier\.(stopped|stalled|resumed)/g,
    );
    console.log(`${node.name}: ${(said ?? ['nothing was to be done']).join(', ')}`);
  }
  // Each server adds history partitions by itself, so the definitions differ; rows and history do not.
  const all = 'SELECT COUNT(*), SUM(v) FROM demo.h FOR SYSTEM_TIME ALL';
  const rows = await Promise.all(
    cluster.nodes.map((node) => node.rows(`${all} UNION ALL SELECT COUNT(*), SUM(v) FROM demo.h`)),
  );
  expect(rows.slice(1)).toEqual([rows[0], rows[0]]);
});

it('a long UPDATE of a table without a key is called slow, not stalled', async () => {
  await cluster.primary.sql('CREATE TABLE demo.k (a INT, b INT)');
  await cluster.primary.sql('INSERT INTO demo.k SELECT seq, 0 FROM seq_1_to_8000', [], { database: 'demo' });
  await cluster.primary.sql('UPDATE demo.k SET b = 1');
  const n2 = cluster.node('n2');
  const seen = await until('n2 says what it is at', async () => {
    const member = await stateOf(n2);
    expect(member?.state).toBe('live');
    return member?.reason?.includes('has been executing one transaction') && member.reason;
  });
  expect(seen).toContain('without a primary key');
  await waitApplied(cluster.primary, cluster.replicas, 90_000);
  expect(await eventsOf(n2)).not.toMatch(/applier\.stalled[^\n]*demo\.k/);
});
