import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../../src/std/signal.js';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { run } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/**
 * DDL is not transactional: a server that dies in the middle of it finishes it at its next start and writes it into its
 * binary log itself (SAFETY H10), and a replica's position is noted apart from it. Neither may need a person.
 */
const KILLS = Number(process.env.SKEIN_TEST_DDL_KILLS ?? 5);

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  await cluster.primary.sql('CREATE DATABASE demo');
});

afterAll(async () => {
  await cluster?.dispose();
});

/** Alters tables again and again; what happens while the server is away is nobody's fault. Returns how often it did. */
async function alterer(number: number, signal: AbortSignal): Promise<number> {
  let done = 0;
  for (let i = 0; !signal.aborted; i++) {
    try {
      const connection = await cluster.primary.connectAs('skein_admin', { database: 'demo' });
      connection.on('error', () => {});
      const table = `t${number}`;
      while (!signal.aborted) {
        await run(connection, `CREATE TABLE IF NOT EXISTS ${table} (a INT PRIMARY KEY, b VARCHAR(20))`);
        await run(connection, `INSERT IGNORE INTO ${table} (a, b) VALUES (${i}, 'x')`);
        await run(
          connection,
          `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS c INT DEFAULT 1, ADD KEY IF NOT EXISTS (b)`,
        );
        await run(connection, `ALTER TABLE ${table} MODIFY b VARCHAR(30), FORCE`);
        await run(connection, `RENAME TABLE IF EXISTS ${table} TO ${table}_old`);
        await run(connection, `DROP TABLE IF EXISTS ${table}_old`);
        done += 6;
        // A replica executes DDL one after the other: three clients together would leave it behind.
        await sleep(200, signal).catch(() => {});
      }
      connection.destroy();
    } catch {
      await sleep(50, signal).catch(() => {});
    }
  }
  return done;
}

it.each(['n2', 'n1'])('%s’s server dies in the middle of DDL, again and again', async (name) => {
  const stop = new AbortController();
  const alterers = [1, 2, 3].map((number) => alterer(number, stop.signal));
  const node = cluster.node(name);
  try {
    for (let i = 0; i < KILLS; i++) {
      await sleep(300 + 137 * i);
      const old = await node.kill('server');
      await node.untilRestarted('server', old);
      for (const each of cluster.nodes) await each.untilReady(30_000);
    }
  } finally {
    stop.abort();
  }
  const done = await Promise.all(alterers);
  expect(Math.max(...done)).toBeGreaterThan(0);
  await until('the primary takes writes', async () => {
    const answer = await cluster.primary.request('POST', '/v1/sql', {
      sql: 'CREATE OR REPLACE TABLE demo.last (a INT)',
    });
    return answer.status === 200;
  });
  await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: 60_000 });
});
