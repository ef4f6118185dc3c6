import { afterAll, beforeAll, expect, it } from 'vitest';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** With `all`, writes wait for a voter that is lost. Everything else goes on at another primary, which can remove that voter. */

const DEADLINE_MS = 60_000;

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  // Without a supervisor, so that a node that was killed stays away.
  cluster = await TestCluster.start({ replicas: 2, first: 3, acknowledge: 'all' });
});
afterAll(() => cluster?.dispose());

const run = (node: TestNode, sql: string, timeoutMs = 10_000) =>
  node.request('POST', '/v1/sql', { sql, timeoutMs, read: { level: 'primary' } }, { timeoutMs: 30_000 });

it('a primary that is lost is replaced; reads go on, and writes when it was removed (rule M5)', async () => {
  const lost = await cluster.untilPrimary();
  for (const sql of [
    'CREATE DATABASE d',
    'CREATE TABLE d.t (id INT PRIMARY KEY)',
    'INSERT INTO d.t VALUES (1)',
  ])
    expect((await run(lost, sql)).status).toBe(200);
  await lost.kill('node');
  await lost.kill('server');
  const primary = await until(
    'another primary is open',
    async () => {
      for (const node of cluster.nodes) if (node !== lost && (await node.isOpenPrimary())) return node;
      return null;
    },
    { deadlineMs: DEADLINE_MS, intervalMs: 100, context: () => cluster.logs() },
  );
  expect((await run(primary, 'SELECT id FROM d.t')).status).toBe(200);
  const waits = await run(primary, 'INSERT INTO d.t VALUES (2)', 3_000);
  expect([waits.status, waits.text]).toEqual([504, expect.stringContaining('OUTCOME_UNKNOWN')]);
  const path = `/v1/members/${lost.name}`;
  const removed = await primary.request('DELETE', path, undefined, { timeoutMs: 30_000 });
  expect([removed.status, removed.text]).toEqual([200, expect.anything()]);
  expect((await run(primary, 'INSERT INTO d.t VALUES (3)')).status).toBe(200);
});
