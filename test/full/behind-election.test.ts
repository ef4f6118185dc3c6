import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { untilPurged } from '../kit/seeds.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** The primary is lost for good when one of the two others is so far behind that no log reaches back to it. */

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  // Without a supervisor, so that a node that was killed stays away.
  cluster = await TestCluster.start({
    ...{ replicas: 2, first: 3 },
    settings: { spoolSegmentBytes: 64 * 1024, hubWindowBytes: 64 * 1024 },
  });
});
afterAll(() => cluster?.dispose());

it('it is filled from the node that was elected, although that one can open only then (rules E3, E12)', async () => {
  const lost = await cluster.untilPrimary();
  const [next, behind] = cluster.replicas as [TestNode, TestNode];
  await lost.sql('CREATE DATABASE d');
  await lost.sql('CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, v MEDIUMTEXT)');
  await waitApplied(lost, [next, behind]);
  for (const kind of ['node', 'server'] as const) await behind.kill(kind);
  await withSql(lost, async (connection) => {
    for (let i = 0; i < 32; i++) await run(connection, "INSERT INTO d.t (v) VALUES (REPEAT('x', 32768))");
  });
  await waitApplied(lost, [next]);
  await untilPurged(next);
  await withSql(next, async (connection) => {
    await run(connection, 'FLUSH LOCAL BINARY LOGS');
    const logs = await rowsOf(connection, 'SHOW BINARY LOGS');
    await run(connection, `PURGE BINARY LOGS TO '${logs.at(-1)?.Log_name}'`);
  });
  for (const kind of ['node', 'server'] as const) await lost.kill(kind);
  cluster.startNode(behind.name);
  await until('there is a primary again', () => next.isOpenPrimary(), {
    deadlineMs: 120_000,
    intervalMs: 200,
    context: () => cluster.logs(),
  });
  await next.sql("INSERT INTO d.t (v) VALUES ('y')");
  // Its server is filled first.
  await waitApplied(next, [behind], 120_000);
  expect(await behind.rows('SELECT COUNT(*) FROM d.t')).toEqual([['33']]);
});
