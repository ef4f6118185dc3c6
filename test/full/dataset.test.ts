import { afterAll, beforeAll, expect, it } from 'vitest';
import { checksumAtRest, checksumWhileWriting } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { loadDataset } from '../kit/dataset/load.js';
import { mixedWorkload } from '../kit/dataset/workload.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/**
 * Real input through the primary: every column type, keys of all kinds, generated columns, views, triggers, procedures,
 * an event, partitions, sequences. The same with a million rows is in test/long.
 */
const ROWS = Number(process.env.SKEIN_TEST_ROWS ?? 60_000);

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ patient: true });
});

afterAll(async () => {
  await cluster?.dispose();
});

it(`loads ${ROWS} rows, and every table has the same checksum on all nodes while writes go on`, async () => {
  // With the rights of an application: views, triggers and events then run with them too.
  const loader = await cluster.primary.connectAs('skein_admin');
  const loaded = await loadDataset(loader, { rows: ROWS });
  loader.destroy();
  console.log(
    `loaded ${loaded.rows} rows, ${(loaded.bytes / 2 ** 20).toFixed(0)} MiB of SQL in ${(loaded.durationMs / 1000).toFixed(1)} s`,
  );

  const stop = new AbortController();
  const workers = [1, 2, 3, 4].map((seed) =>
    mixedWorkload({
      connect: () => cluster.primary.connectAs('skein_admin'),
      seed,
      signal: stop.signal,
      ddl: seed === 1,
    }),
  );
  let failure: unknown;
  for (const worker of workers) {
    worker.catch((error: unknown) => {
      failure ??= error;
    });
  }
  try {
    for (let i = 0; i < 3; i++) {
      const report = await checksumWhileWriting(cluster.primary, cluster.replicas, { deadlineMs: 60_000 });
      expect(report.tables.size).toBeGreaterThanOrEqual(17);
      console.log(
        `${report.tables.size} tables equal at ${report.gtid} while writing (${report.durationMs.toFixed(0)} ms)`,
      );
    }
  } finally {
    stop.abort();
  }
  const results = await Promise.allSettled(workers);
  expect(failure).toBeUndefined();
  const actions = results.map((result) => (result.status === 'fulfilled' ? result.value.actions : 0));
  // The checks are only worth something if there was work meanwhile.
  expect(Math.min(...actions)).toBeGreaterThan(10);
});

it('an event runs on the primary only', async () => {
  const ticks = await withSql(cluster.primary, (connection) =>
    rowsOf(connection, 'SELECT COUNT(*) n FROM bazaar.ticker'),
  );
  expect(Number(ticks[0]?.n)).toBeGreaterThan(0);
  for (const node of cluster.replicas) {
    const [row] = await withSql(node, (connection) =>
      rowsOf(connection, 'SELECT @@GLOBAL.event_scheduler e'),
    );
    expect(row?.e).toBe('OFF');
  }
});

it('at rest, rows and definitions are equal on all nodes', async () => {
  await withSql(cluster.primary, (connection) => run(connection, 'DROP EVENT bazaar.tick'));
  const report = await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: 60_000 });
  console.log(`${report.tables.size} tables equal at ${report.gtid} at rest`);
});

it('a difference of one value would have been found', async () => {
  await withSql(cluster.node('n2'), async (connection) => {
    await run(connection, 'SET SESSION sql_log_bin = 0');
    await run(
      connection,
      'UPDATE bazaar.every_type SET t_bit_64 = t_bit_64 ^ 1, t_decimal_wide = 1 ORDER BY id LIMIT 1',
    );
  });
  await expect(checksumAtRest(cluster.primary, cluster.replicas)).rejects.toThrow(/every_type/);
});

it('lag goes back to 0 when all is applied', async () => {
  for (const node of cluster.replicas) {
    await until(`${node.name} has no lag`, async () => {
      const { members } = await cluster.primary.cluster();
      return members.find(({ name }) => name === node.name)?.lagMs === 0;
    });
  }
});
