/** Rounds of comparison that the primary begins by itself, that are cancelled, and that meet XA branches and odd names. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VerifyDocument } from '../../src/model/verify.js';
import { waitApplied } from '../kit/checksum.js';
import { skein } from '../kit/cli.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { run, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';
import { startVerify, verified } from '../kit/verify.js';

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

/** Hours: every three seconds. */
const INTERVAL_HOURS = 3 / 3_600;

beforeAll(async () => {
  cluster = await TestCluster.start({ replicas: 1, settings: { verifyIntervalHours: INTERVAL_HOURS } });
  await sql(
    'CREATE DATABASE d',
    'USE d',
    'CREATE TABLE d.many (id INT PRIMARY KEY, pad CHAR(200) NOT NULL)',
    "INSERT INTO d.many SELECT seq, REPEAT('x', 200) FROM seq_1_to_200000",
    'CREATE TABLE d.xa (id INT PRIMARY KEY AUTO_INCREMENT, n INT)',
    'INSERT INTO d.xa (n) SELECT seq FROM seq_1_to_1000',
  );
});

afterAll(() => cluster?.dispose());

const sql = (...statements: string[]) =>
  withSql(cluster.primary, async (own) => {
    for (const statement of statements) await run(own, statement);
  });

const behind = (...statements: string[]) =>
  withSql(cluster.node('n2'), async (own) => {
    for (const statement of ['SET SESSION sql_log_bin = 0', ...statements]) await run(own, statement);
  });

const read = async () => (await cluster.primary.request<VerifyDocument>('GET', '/v1/verify')).body;

/** The one that asks may find the primary's own round under way, or be in its way. */
async function asked(body: Parameters<typeof verified>[1]): Promise<VerifyDocument> {
  return until(
    'a comparison was done',
    async () => {
      try {
        return await verified(cluster.primary, body);
      } catch (error) {
        if (!/409/.test(String(error))) throw error;
        return null;
      }
    },
    { deadlineMs: 90_000 },
  );
}

it('the primary compares by itself, again and again, and says what differs', async () => {
  const first = await until('a round of its own was done', async () => {
    const { last } = await read();
    return last?.background && last.ended === null && last.tables >= 2 ? last : null;
  });
  expect(first).toMatchObject({ repair: false, only: null, differing: [], skipped: [] });
  await waitApplied(cluster.primary, cluster.replicas);
  await behind("UPDATE d.many SET pad = 'other' WHERE id = 150000");
  const found = await until(
    'a later round has found it',
    async () => {
      const { last, lastCompleteAt } = await read();
      return last?.background && last.differing.length > 0 ? { last, lastCompleteAt } : null;
    },
    { deadlineMs: 90_000 },
  );
  expect(found.last.differing).toEqual(['d.many']);
  expect(found.lastCompleteAt).toBe(found.last.finishedAt);
  const n2 = (await cluster.primary.cluster()).members.find(({ name }) => name === 'n2');
  expect(n2?.reason).toContain('d.many');
  const { text } = await cluster.primary.request('GET', '/metrics');
  expect(text).toMatch(/^skein_verify_tables\{verdict="differs"\} 1$/m);
  const { tables } = await asked({ database: 'd', table: 'many', repair: true });
  expect(tables.find(({ table }) => table === 'd.many')?.verdict).toBe('repaired');
});

it('a round that is cancelled says so, and does not count as complete', async () => {
  const cancelled = await until(
    'a round is cancelled in its middle',
    async () => {
      await startVerify(cluster.primary, { database: 'd', table: 'many' }).catch(() => {});
      const { running, lastCompleteAt } = await read();
      if (!running || running.chunks === 0) return null;
      await cluster.primary.request('DELETE', '/v1/verify');
      const { last } = await until('it has ended', async () => {
        const document = await read();
        return document.running?.startedAt === running.startedAt ? null : document;
      });
      // Another one, or the same that had just ended by itself.
      return last?.startedAt === running.startedAt && last.ended ? { last, lastCompleteAt } : null;
    },
    { deadlineMs: 60_000, intervalMs: 10 },
  );
  expect(cancelled.last).toMatchObject({ ended: 'It was cancelled.' });
  expect(cancelled.last.finishedAt).not.toBe(cancelled.lastCompleteAt);
  const { last } = await asked({ database: 'd', table: 'many' });
  expect(last).toMatchObject({ ended: null, differing: [], skipped: [] });
});

it('finds tables equal while XA branches are prepared, committed and rolled back', async () => {
  const branch = (name: string) => [
    `XA START '${name}'`,
    `INSERT INTO d.xa (n) VALUES (${name.length})`,
    `UPDATE d.xa SET n = n + 1 WHERE id = ${1 + (Number(/\d+/.exec(name)) % 1_000)}`,
    `XA END '${name}'`,
    `XA PREPARE '${name}'`,
  ];
  // Stays prepared all the while.
  await sql(...branch('open0'));
  const stop = new AbortController();
  let ended = 0;
  const writer = withSql(cluster.primary, async (own) => {
    for (let i = 1; !stop.signal.aborted; i++) {
      for (const statement of branch(`b${i}`)) await run(own, statement);
      await run(own, `XA ${i % 3 === 0 ? 'ROLLBACK' : 'COMMIT'} 'b${i}'`);
      ended++;
    }
  });
  try {
    await until('branches are ended', () => ended > 5);
    for (let round = 0; round < 3; round++) {
      const before = ended;
      const { last, tables } = await asked({ database: 'd', table: 'xa' });
      expect(last).toMatchObject({ ended: null, differing: [], skipped: [], unconfirmed: 0 });
      expect(tables.find(({ table }) => table === 'd.xa')).toMatchObject({ verdict: 'equal', nodes: ['n2'] });
      await until('branches are ended beside it', () => ended > before);
    }
  } finally {
    stop.abort();
    await writer;
  }
  await sql("XA COMMIT 'open0'");
  expect((await asked({ database: 'd', table: 'xa' })).last).toMatchObject({ differing: [], unconfirmed: 0 });
});

it('tells tables apart whose names have dots', async () => {
  await sql(
    'CREATE DATABASE `d.e`',
    'CREATE TABLE d.`e.t` (id INT PRIMARY KEY)',
    'CREATE TABLE `d.e`.t (id INT PRIMARY KEY)',
    'INSERT INTO d.`e.t` VALUES (1)',
    'INSERT INTO `d.e`.t VALUES (1)',
  );
  await waitApplied(cluster.primary, cluster.replicas);
  await behind('DELETE FROM d.`e.t`');
  const { tables, last } = await asked({});
  expect(last?.differing).toEqual(['d.`e.t`']);
  expect(tables.find(({ table }) => table === '`d.e`.t')?.verdict).toBe('equal');
  const cli = { env: { SKEIN_URL: cluster.primary.url, SKEIN_TOKEN: cluster.primary.adminToken } };
  const repaired = await until('it is repaired', async () => {
    const result = await skein(['verify', 'd.e.t', '--repair'], { ...cli, deadlineMs: 60_000 });
    return /running already/.test(result.stderr) ? null : result;
  });
  expect([repaired.code, repaired.stdout]).toEqual([0, expect.stringContaining('repaired')]);
});
