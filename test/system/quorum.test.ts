import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checksumAtRest, waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** Who waits for whom: acknowledge levels, lost majorities, and what is seen of it. */

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

async function start(acknowledge: 'majority' | 'all'): Promise<void> {
  cluster = await TestCluster.start({ acknowledge });
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))');
}

const count = async (node: TestNode, v: string): Promise<number> =>
  await withSql(node, async (connection) => {
    const [row] = await rowsOf(connection, 'SELECT COUNT(*) n FROM demo.t WHERE v = ?', [v]);
    return Number(row?.n);
  });

/** An INSERT that runs while the test goes on; `settled` tells whether it was answered. */
function insertMeanwhile(v: string): { settled: () => boolean; done: Promise<unknown> } {
  let settled = false;
  const done = withSql(cluster.primary, (connection) =>
    run(connection, 'INSERT INTO demo.t (v) VALUES (?)', [v]),
  ).finally(() => {
    settled = true;
  });
  done.catch(() => {});
  return { settled: () => settled, done };
}

const aWhile = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('majority', () => {
  beforeAll(() => start('majority'));
  afterAll(async () => {
    await cluster?.dispose();
  });

  it('one Binlog Dump on the primary serves both replicas, as the only semi-sync client', async () => {
    await withSql(cluster.primary, async (connection) => {
      const dumps = (await rowsOf(connection, 'SHOW PROCESSLIST')).filter((row) =>
        /Binlog Dump/.test(String(row.Command)),
      );
      expect(dumps).toHaveLength(1);
      const status = await rowsOf(
        connection,
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Rpl_semi_sync_master_clients', 'Rpl_semi_sync_master_status')",
      );
      expect(status.map((row) => String(row.Value)).sort()).toEqual(['1', 'ON']);
    });
  });

  it('goes on with one replica stopped, which catches up later', async () => {
    const stopped = cluster.node('n3');
    await stopped.freeze('node');
    try {
      await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('with two of three')");
      await waitApplied(cluster.primary, [cluster.node('n2')]);
      await until('n3 is late in the status', async () => {
        const { members } = await cluster.primary.cluster();
        return members.find(({ name }) => name === 'n3')?.state !== 'live';
      });
    } finally {
      await stopped.unfreeze('node');
    }
    await checksumAtRest(cluster.primary, cluster.replicas);
  });

  it('without a majority: writes wait, reads go on, quorum.lost is said; then everything goes on', async () => {
    for (const replica of cluster.replicas) await replica.freeze('node');
    const insert = insertMeanwhile('without a majority');
    try {
      await until('the quorum is lost in the status', async () => {
        const { quorum } = await cluster.primary.cluster();
        return quorum.attached < quorum.needed;
      });
      await until('the primary is not ready', async () => !(await cluster.primary.isReady()));
      expect(insert.settled(), 'answered without a quorum').toBe(false);
      const rows = await cluster.primary.rows("SELECT COUNT(*) FROM demo.t WHERE v = 'with two of three'");
      expect(rows).toEqual([['1']]);
      const http = await cluster.primary.request('POST', '/v1/sql', {
        sql: "INSERT INTO demo.t (v) VALUES ('by HTTP without a majority')",
        timeoutMs: 1_000,
      });
      expect([503, 504], http.text).toContain(http.status);
      expect(['no', 'unknown']).toContain(http.body.error?.applied);
    } finally {
      for (const replica of cluster.replicas) await replica.unfreeze('node');
    }
    await insert.done;
    await until('the primary is ready again', () => cluster.primary.isReady());
    await checksumAtRest(cluster.primary, cluster.replicas);
    const log = await cluster.primary.logs(500);
    expect(log).toContain('quorum.lost');
    expect(log).toContain('quorum.regained');
  });
});

describe('all', () => {
  beforeAll(() => start('all'));
  afterAll(async () => {
    await cluster?.dispose();
  });

  it('with one replica stopped COMMIT waits, the other replica shows no row before it is committed everywhere it must', async () => {
    const stopped = cluster.node('n3');
    await stopped.freeze('node');
    const insert = insertMeanwhile('for all');
    try {
      await aWhile(2_500);
      expect(insert.settled(), 'answered although one of all has not got it').toBe(false);
      expect(
        await count(cluster.primary, 'for all'),
        'AFTER_SYNC: not visible before it is acknowledged',
      ).toBe(0);
      const { members, quorum } = await cluster.primary.cluster();
      expect(members.find(({ name }) => name === 'n3')?.state).not.toBe('live');
      expect(quorum.attached).toBeLessThan(3);
    } finally {
      await stopped.unfreeze('node');
    }
    await insert.done;
    await checksumAtRest(cluster.primary, cluster.replicas);
    for (const node of cluster.nodes) expect(await count(node, 'for all')).toBe(1);
  });
});
