import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TableReport, VerifyDocument } from '../../src/model/verify.js';
import { sleep } from '../../src/std/timing.js';
import { waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { loadDataset } from '../kit/dataset/load.js';
import { mixedWorkload } from '../kit/dataset/workload.js';
import { run, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';
import { startVerify, verified } from '../kit/verify.js';

/** Rows of every type are compared on all nodes while clients write and change tables; what differs is found and repaired. */
let cluster: TestCluster;
showLogsOnFailure(() => cluster);

const ROWS = 5_000;
/** Replicas must be able to follow on a machine that does other things too. */
const PACE_MS = 10;

beforeAll(async () => {
  cluster = await TestCluster.start({ settings: { verifyIntervalHours: 0 } });
  await withSql(cluster.primary, async (connection) => {
    await loadDataset(connection, { rows: ROWS });
    await run(connection, 'CREATE DATABASE held');
    await run(connection, 'USE held');
    await run(connection, 'CREATE TABLE held.orders (id INT PRIMARY KEY, item VARCHAR(40), n INT, KEY (n))');
    await run(connection, "INSERT INTO held.orders SELECT seq, CONCAT('item ', seq), 0 FROM seq_1_to_20000");
    await run(connection, 'CREATE TABLE held.keyless (a INT, b TEXT)');
    await run(connection, "INSERT INTO held.keyless SELECT seq % 7, REPEAT('x', seq % 5) FROM seq_1_to_500");
  });
  await waitApplied(cluster.primary, cluster.replicas);
});

afterAll(async () => {
  await cluster?.dispose();
});

/** Behind Skein's back. */
const behind = (node: string, ...statements: string[]) =>
  withSql(cluster.node(node), async (connection) => {
    await run(connection, 'SET SESSION sql_log_bin = 0');
    for (const sql of statements) await run(connection, sql);
  });

/** Clients that write while `work` runs; `mixed`: everywhere, and they change tables too. */
async function underLoad<T>(work: () => Promise<T>, { mixed = false }: { mixed?: boolean } = {}): Promise<T> {
  const stop = new AbortController();
  const { signal } = stop;
  const connect = () => cluster.primary.connect({ database: 'held' });
  const workers: Promise<{ actions: number }>[] = [writeOrders(connect, signal)];
  if (mixed)
    workers.push(
      mixedWorkload({
        connect: () => cluster.primary.connect(),
        seed: 1,
        signal,
        ddl: true,
        paceMs: PACE_MS,
      }),
      changeTables(connect, signal),
    );
  let failure: unknown;
  for (const worker of workers)
    worker.catch((error: unknown) => {
      failure ??= error;
    });
  try {
    return await work();
  } finally {
    stop.abort();
    const actions = (await Promise.allSettled(workers)).map((each) =>
      each.status === 'fulfilled' ? each.value.actions : 0,
    );
    expect(failure).toBeUndefined();
    // The comparison is only worth something if there was work meanwhile.
    expect(Math.min(...actions)).toBeGreaterThan(0);
  }
}

async function writeOrders(
  connect: () => Promise<Connection>,
  signal: AbortSignal,
): Promise<{ actions: number }> {
  const connection = await connect();
  let actions = 0;
  while (!signal.aborted) {
    const from = (actions * 104_729) % 15_000;
    await run(connection, `UPDATE held.orders SET n = n + 1 WHERE id BETWEEN ${from + 1} AND ${from + 20}`);
    await run(connection, `UPDATE held.keyless SET a = a + 1 WHERE a = ${actions % 7}`);
    actions++;
    await sleep(PACE_MS);
  }
  connection.destroy();
  return { actions };
}

/** TRUNCATE, DROP, CREATE, RENAME, and maintenance of partitions, on tables that are compared meanwhile. */
async function changeTables(
  connect: () => Promise<Connection>,
  signal: AbortSignal,
): Promise<{ actions: number }> {
  const connection = await connect();
  const some = 'SELECT seq, seq FROM seq_1_to_3000';
  const statements = (i: number) => [
    'CREATE TABLE IF NOT EXISTS held.parts (id INT PRIMARY KEY, n INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (1000), PARTITION p1 VALUES LESS THAN MAXVALUE)',
    `REPLACE INTO held.parts ${some}`,
    'ALTER TABLE held.parts REORGANIZE PARTITION p1 INTO (PARTITION p1 VALUES LESS THAN (2000), PARTITION p2 VALUES LESS THAN MAXVALUE)',
    'ALTER TABLE held.parts TRUNCATE PARTITION p0',
    'ALTER TABLE held.parts REORGANIZE PARTITION p1, p2 INTO (PARTITION p1 VALUES LESS THAN MAXVALUE)',
    `CREATE OR REPLACE TABLE held.fresh (id INT PRIMARY KEY, n INT) AS ${some.replace('seq, seq', 'seq AS id, seq AS n')}`,
    `ALTER TABLE held.fresh ADD COLUMN c${i} INT DEFAULT ${i}`,
    'RENAME TABLE held.fresh TO held.swapped, held.parts TO held.fresh, held.swapped TO held.parts',
    'TRUNCATE TABLE held.fresh',
    'DROP TABLE held.fresh, held.parts',
  ];
  let actions = 0;
  for (let i = 0; !signal.aborted; i++) {
    for (const sql of statements(i)) {
      await run(connection, sql);
      actions++;
      await sleep(10 * PACE_MS);
    }
  }
  for (const name of ['fresh', 'parts', 'swapped'])
    await run(connection, `DROP TABLE IF EXISTS held.${name}`);
  connection.destroy();
  return { actions };
}

/** Of a table that is changed more often than the nodes agree on a position. */
const CHANGED = /DDL on the table/;

const reportOf = (document: VerifyDocument, table: string): TableReport => {
  const found = document.tables.find((report) => report.table === table);
  if (!found) throw new Error(`no report of ${table}`);
  return found;
};

it('finds all tables equal, of every type and kind of key, while clients write and change tables', async () => {
  const document = await underLoad(() => verified(cluster.primary, {}), { mixed: true });
  const { last } = document;
  console.log(
    `${last?.tablesDone} tables, ${last?.rows} rows in ${last?.chunks} chunks at ${last?.positions} positions, held ${last?.heldMsMax.toFixed(1)} ms at most`,
  );
  expect(
    document.tables.filter(({ verdict, reason }) => verdict !== 'equal' && !CHANGED.test(reason ?? '')),
  ).toEqual([]);
  expect(last).toMatchObject({ ended: null, differing: [], unconfirmed: 0 });
  expect(document.tables.length).toBeGreaterThanOrEqual(19);
  expect(reportOf(document, 'held.orders')).toMatchObject({ rows: 20_000, nodes: ['n2', 'n3'] });
});

it('names rows that were changed, deleted and added on a replica, under load, and repairs them', async () => {
  await underLoad(async () => {
    await behind(
      'n2',
      "UPDATE held.orders SET item = 'other' WHERE id = 16500",
      'DELETE FROM held.orders WHERE id = 17001',
      "INSERT INTO held.orders VALUES (30000, 'extra', 0)",
    );
    await behind('n3', "UPDATE held.orders SET item = 'third' WHERE id = 18000");
    const { tables } = await verified(cluster.primary, { database: 'held', table: 'orders' });
    const [report] = tables.filter(({ table }) => table === 'held.orders');
    expect(report).toMatchObject({ verdict: 'differs', more: 0 });
    const named = report?.differences.map(({ key, after, upTo, rows, nodes }) => ({
      holds: [16_500, 17_001, 18_000, 30_000].filter(
        (id) => (after === null || id > Number(after[0])) && (upTo === null || id <= Number(upTo[0])),
      ),
      key,
      rows,
      nodes: nodes.map(({ node, rows: has }) => `${node} ${has - rows}`),
    }));
    const range = { key: ['id'], rows: expect.any(Number) };
    expect(named).toEqual([
      { ...range, holds: [16_500], nodes: ['n2 0'] },
      { ...range, holds: [17_001], nodes: ['n2 -1'] },
      { ...range, holds: [18_000], nodes: ['n3 0'] },
      { ...range, holds: [30_000], nodes: ['n2 1'] },
    ]);
    const status = await cluster.primary.cluster();
    expect(status.members.map(({ reason }) => reason)).toEqual([
      null,
      expect.stringContaining('held.orders'),
      expect.stringContaining('held.orders'),
    ]);
    const after = await verified(cluster.primary, { database: 'held', table: 'orders', repair: true });
    expect(reportOf(after, 'held.orders').differences.map(({ repair }) => repair)).toEqual(
      Array(4).fill('repaired'),
    );
    expect(reportOf(after, 'held.orders').verdict).toBe('repaired');
  });
  const again = await verified(cluster.primary, { database: 'held', table: 'orders' });
  expect(reportOf(again, 'held.orders').verdict).toBe('equal');
  expect((await cluster.primary.cluster()).members.map(({ reason }) => reason)).toEqual([null, null, null]);
});

it('finds a change of one value of each type, and repairs it', async () => {
  await behind(
    'n3',
    'UPDATE bazaar.every_type SET t_bit_64 = t_bit_64 ^ 1, t_decimal_wide = 1 ORDER BY id LIMIT 1',
    'DELETE FROM bazaar.every_type ORDER BY id DESC LIMIT 5',
  );
  const document = await verified(cluster.primary, { database: 'bazaar', table: 'every_type', repair: true });
  expect(reportOf(document, 'bazaar.every_type')).toMatchObject({ verdict: 'repaired' });
});

it('finds rows of a table without a key, and that a table is defined otherwise, missing or additional', async () => {
  await behind(
    'n2',
    'DELETE FROM held.keyless LIMIT 1',
    'CREATE TABLE held.own (a INT)',
    'CREATE TABLE held.own_view_source (a INT)',
  );
  await withSql(cluster.primary, async (connection) => {
    await run(connection, 'CREATE TABLE held.defined (id INT PRIMARY KEY, a INT)');
    await run(connection, 'CREATE TABLE held.missing (id INT PRIMARY KEY)');
  });
  await waitApplied(cluster.primary, cluster.replicas);
  await behind('n3', 'ALTER TABLE held.defined ADD KEY (a)', 'DROP TABLE held.missing');
  const document = await verified(cluster.primary, {});
  expect(document.last?.differing.sort()).toEqual([
    'held.defined',
    'held.keyless',
    'held.missing',
    'held.own',
    'held.own_view_source',
  ]);
  expect(reportOf(document, 'held.defined').reason).toMatch(/n3 has another definition of the table/);
  expect(reportOf(document, 'held.missing').reason).toMatch(/n3 does not have the table/);
  expect(reportOf(document, 'held.own').reason).toMatch(/n2 has the table, and the primary does not/);
  const [keyless] = reportOf(document, 'held.keyless').differences;
  expect(keyless).toMatchObject({ key: [], after: null, upTo: null, nodes: [{ node: 'n2', rows: 499 }] });
  await behind('n2', 'DROP TABLE held.own, held.own_view_source');
  await behind('n3', 'ALTER TABLE held.defined DROP KEY a', 'CREATE TABLE held.missing (id INT PRIMARY KEY)');
  const after = await verified(cluster.primary, { repair: true });
  expect(after.last).toMatchObject({ differing: [], skipped: [], ended: null });
  expect(reportOf(after, 'held.keyless').verdict).toBe('repaired');
});

it('refuses a repair that would execute triggers, and says what to do', async () => {
  await withSql(cluster.primary, async (connection) => {
    await run(connection, 'CREATE TABLE held.fires (id INT PRIMARY KEY, n INT)');
    await run(connection, 'INSERT INTO held.fires VALUES (1, 1), (2, 2)');
    await run(
      connection,
      'CREATE TRIGGER held.fired BEFORE INSERT ON held.fires FOR EACH ROW SET NEW.n = NEW.n + 1',
    );
  });
  await waitApplied(cluster.primary, cluster.replicas);
  await behind('n2', 'DELETE FROM held.fires WHERE id = 2');
  const document = await verified(cluster.primary, { database: 'held', table: 'fires', repair: true });
  const report = reportOf(document, 'held.fires');
  expect(report.verdict).toBe('differs');
  expect(report.differences[0]?.repair).toMatch(/triggers.*Seed that node again/);
  await withSql(cluster.primary, (connection) => run(connection, 'DROP TABLE held.fires'));
});

it('goes on by itself when a replica and its server are killed in the middle', async () => {
  await underLoad(async () => {
    const { startedAt } = await startVerify(cluster.primary, {});
    const node = await cluster.node('n2').kill('node');
    await cluster.node('n2').untilRestarted('node', node);
    const server = await cluster.node('n3').kill('server');
    await cluster.node('n3').untilRestarted('server', server);
    const document = await until(
      'the comparison ends',
      async () => {
        const { body } = await cluster.primary.request<VerifyDocument>('GET', '/v1/verify');
        return body.running === null && body.last?.startedAt === startedAt ? body : null;
      },
      { deadlineMs: 120_000 },
    );
    expect(document.last).toMatchObject({ ended: null, differing: [], unconfirmed: 0 });
    expect(document.tables.filter(({ verdict }) => verdict === 'differs')).toEqual([]);
  });
});

it('ends when the node of the primary is killed, and keeps what was found', async () => {
  const before = (await verified(cluster.primary, {})).tables.length;
  await startVerify(cluster.primary, {});
  const node = await cluster.primary.kill('node');
  await cluster.primary.untilRestarted('node', node);
  // Each node keeps what it found as the primary.
  await cluster.makePrimary('n1');
  for (const each of cluster.nodes) await each.untilReady();
  await until('the reports are read again', async () => {
    const { body } = await cluster.primary.request<VerifyDocument>('GET', '/v1/verify');
    return body.tables.length >= before;
  });
  const document = await verified(cluster.primary, {});
  expect(document.last).toMatchObject({ ended: null, differing: [], skipped: [] });
});
