import { afterAll, beforeAll, expect, it } from 'vitest';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { holdServer } from '../kit/no-successor.js';
import { endOf, eventsSince } from '../kit/node-log.js';
import { signalPid } from '../kit/processes.js';
import { stopAll, untilHealed } from '../kit/seeds.js';
import { scalarOf, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';
import { start, untilWaiting } from '../kit/waiting.js';

/**
 * A node is elected because it has the longest log, and its server has more than that: DDL that only this server has logged, so it
 * cannot be taken back at the server's start.
 */
const DEADLINE_MS = 120_000;

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  // Without a supervisor: what is killed stays down.
  cluster = await TestCluster.start({ first: 3 });
  await cluster.untilPrimary();
  await cluster.primary.sql('CREATE DATABASE own');
  await cluster.primary.sql('CREATE TABLE own.t (id INT PRIMARY KEY)');
});

afterAll(() => cluster?.dispose());

it('an elected node whose server is ahead of its log says so, hands over to a node that can serve, and is filled', {
  timeout: 2 * DEADLINE_MS,
}, async () => {
  const { primary: ahead, replicas } = cluster;
  const [behind, away] = replicas as [TestNode, TestNode];
  const last = await behind.pid('server');
  await stopAll(behind);
  // So its log is shorter, and the other one must be elected.
  await ahead.sql('INSERT INTO own.t VALUES (1)');
  await stopAll(away);
  await ahead.kill('node');
  const ddl = await start(ahead.connect(), 'CREATE TABLE own.ahead (id INT PRIMARY KEY)');
  await untilWaiting(ahead, ddl.id);
  const mark = await endOf(ahead);
  await ahead.kill('server');
  expect(await ddl.done).not.toBe('OK');

  cluster.startNode(behind.name);
  const held = await holdServer(behind, last);
  try {
    cluster.startNode(ahead.name);
    const [said] = await until(
      'the elected node says that its server is ahead',
      async () => {
        const events = await eventsSince(ahead, 'replication.error', mark);
        const found = events.filter(({ code }) => code === 'SERVER_AHEAD');
        return found.length > 0 ? found : null;
      },
      { deadlineMs: DEADLINE_MS, context: () => cluster.logs() },
    );
    expect(said?.reason).toContain('which is not in the log of this node');
    expect(await ahead.isOpenPrimary()).toBe(false);
  } finally {
    signalPid(held, 'SIGCONT');
  }
  const after = await cluster.untilPrimary(DEADLINE_MS);
  expect(after.name).toBe(behind.name);
  await after.sql('INSERT INTO own.t VALUES (2)');
  await untilHealed(ahead);
  cluster.startNode(away.name);
  await away.untilReady(DEADLINE_MS);
  await checksumAtRest(after, [ahead, away], { deadlineMs: DEADLINE_MS });
  for (const node of cluster.nodes) {
    expect(await withSql(node, (sql) => scalarOf(sql, 'SELECT COUNT(*) FROM own.t'))).toBe('2');
    const query = "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'ahead'";
    expect(await withSql(node, (sql) => scalarOf(sql, query))).toBe('0');
  }
});
