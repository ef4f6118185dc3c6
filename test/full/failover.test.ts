import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Chain } from '../../src/model/chain.js';
import { listRecovered } from '../../src/recovered/list.js';
import { checksumAtRest } from '../kit/checksum.js';
import { checkLedger, Ledger, type WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, LEDGER_DATABASE } from '../kit/kill-rounds.js';
import { endOf, eventsSince } from '../kit/node-log.js';
import { startRoleWriters } from '../kit/role-writers.js';
import { run, scalarOf, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';
import { start, untilWaiting } from '../kit/waiting.js';

/** A primary that is lost in one way or another is replaced, under load: nothing acknowledged is lost, and all come back. */

/** Of each way to lose it. */
const ROUNDS = Number(process.env.SKEIN_TEST_ROUNDS ?? 1);
/** Writes between two losses: proof that the cluster serves again, and something to lose. */
const WRITES_BETWEEN = 30;
/** The kill is noticed within a second and a half; the rest is a machine that does other things too. */
const ELECTED_MAX_MS = 30_000;

let cluster: TestCluster;
let ledger: Ledger;
let pool: WriterPool;
let gaps: number[] = [];
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createLedger(cluster);
  await withSql(await primary(), async (sql) => {
    await run(sql, 'CREATE DATABASE own');
    await run(sql, 'CREATE TABLE own.t (id INT PRIMARY KEY)');
    await run(sql, 'INSERT INTO own.t VALUES (1)');
  });
  ledger = new Ledger();
  pool = startRoleWriters(cluster, ledger, { http: 2, mysql: 2, gap: (ms) => gaps.push(ms) });
});

afterAll(async () => {
  await pool?.stop();
  await cluster?.dispose();
});

const primary = () =>
  until('a primary is open', () => cluster.electedPrimary(), {
    deadlineMs: ELECTED_MAX_MS,
    context: () => cluster.logs(),
  });

const epochOf = async (node: TestNode) => (await node.cluster()).epoch;

/** The node that serves in a later epoch. One that was just lost may still say that it is the primary. */
const primaryAfter = (epoch: number) =>
  until(
    `a primary after epoch ${epoch}`,
    async () => {
      const found = await cluster.electedPrimary();
      return found && (await epochOf(found)) > epoch ? found : null;
    },
    { deadlineMs: ELECTED_MAX_MS, context: () => cluster.logs() },
  );

interface Lost {
  readonly before: TestNode;
  readonly mark: number;
}

/** Loses the primary. Resolves when all nodes are ready, with the old primary, and a mark in its log of before. */
async function lose(how: string, act: (node: TestNode) => Promise<void>): Promise<Lost> {
  await ledger.progress(WRITES_BETWEEN, 40_000, `writes before: ${how}`);
  const before = await primary();
  const epoch = await epochOf(before);
  const mark = await endOf(before);
  gaps = [];
  await act(before);
  const after = await primaryAfter(epoch);
  await ledger.progress(WRITES_BETWEEN, 40_000, `writes after: ${how}`);
  console.log(
    `${how}: ${before.name} -> ${after.name}, nothing acknowledged for ${Math.round(Math.max(...gaps))} ms`,
  );
  for (const node of cluster.nodes) await node.untilReady(90_000);
  return { before, mark };
}

it.each<[how: string, act: (node: TestNode) => Promise<void>]>([
  [
    'node and server killed',
    async (node) => {
      await Promise.all([node.kill('node'), node.kill('server')]);
    },
  ],
  ['server killed', async (node) => void (await node.kill('server'))],
  ['node killed', async (node) => void (await node.kill('node'))],
  [
    'node and server stopped for a while',
    async (node) => {
      await Promise.all([node.freeze('node'), node.freeze('server')]);
      await until(
        'another node serves',
        async () => {
          for (const other of cluster.nodes) if (other !== node && (await other.isOpenPrimary())) return true;
          return false;
        },
        { deadlineMs: ELECTED_MAX_MS, context: () => cluster.logs() },
      );
      await Promise.all([node.unfreeze('server'), node.unfreeze('node')]);
    },
  ],
])('%s', { timeout: 60_000 + ROUNDS * 200_000 }, async (how, act) => {
  for (let round = 0; round < ROUNDS; round++) {
    const { before, mark } = await lose(how, act);
    expect(await eventsSince(before, 'seed.started', mark), 'its own data was exact').toEqual([]);
  }
});

it('one that emptied a table without logging it is filled, and only such a one', async () => {
  const { before, mark } = await lose(
    'node and server killed after a TRUNCATE that is not logged',
    async (node) => {
      // As a server leaves it that is killed between the two.
      await withSql(node, async (sql) => {
        await run(sql, 'SET sql_log_bin = 0');
        await run(sql, 'TRUNCATE TABLE own.t');
      });
      await Promise.all([node.kill('node'), node.kill('server')]);
    },
  );
  const [started] = await eventsSince(before, 'seed.started', mark);
  expect(JSON.stringify(started)).toContain('may have been emptied without being logged');
});

it('three primaries in a row, before the first is back', { timeout: 60_000 + ROUNDS * 200_000 }, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    let node = await primary();
    for (let loss = 0; loss < 3; loss++) {
      await ledger.progress(5, 40_000, `writes before loss ${loss}`);
      const epoch = await epochOf(node);
      // One that had to be started again may be elected before its file names the new process.
      const dying = node;
      await until(`the server of ${dying.name} was killed`, () => dying.kill('server'));
      node = await primaryAfter(epoch);
    }
    await ledger.progress(WRITES_BETWEEN, 90_000, 'writes after three losses');
    for (const node of cluster.nodes) await node.untilReady(90_000);
  }
});

it('nothing that was acknowledged is lost, and all nodes are equal', async () => {
  await pool.stop();
  for (const node of cluster.nodes) await node.untilReady(90_000);
  const leader = await primary();
  const others = cluster.nodes.filter((node) => node !== leader);
  await checksumAtRest(leader, others, { deadlineMs: 60_000 });
  for (const node of cluster.nodes) await checkLedger(ledger, node, LEDGER_DATABASE);
  const chainOf = async (node: TestNode): Promise<Chain> =>
    JSON.parse(await readFile(join(node.directory, 'state', 'chain.json'), 'utf8'));
  await until('all have the same chain', async () => {
    const [first, ...rest] = (await Promise.all(cluster.nodes.map(chainOf))).map((chain) =>
      JSON.stringify(chain),
    );
    return rest.every((chain) => chain === first);
  });
  console.log(ledger.summary());
});

it('what only a killed primary has is taken back without a fill, and kept to be read', async () => {
  // One that was opened in order: of the last one, nobody may have been able to tell that it is equal.
  const last = await primary();
  const [before] = cluster.nodes.filter((node) => node !== last) as [TestNode];
  await cluster.makePrimary(before.name);
  const others = cluster.nodes.filter((node) => node !== before);
  const epoch = await epochOf(before);
  const mark = await endOf(before);
  // Its node sends nothing any more, so the write stays in the log of this server.
  await before.freeze('node');
  const write = await start(before.connect(), 'INSERT INTO own.t VALUES (77)');
  await untilWaiting(before, write.id);
  await Promise.all([before.kill('node'), before.kill('server')]);
  expect(await write.done).not.toBe('OK');
  const after = await primaryAfter(epoch);
  for (const node of cluster.nodes) await node.untilReady(90_000);

  expect(await eventsSince(before, 'seed.started', mark)).toEqual([]);
  const kept = (await listRecovered(before.directory)).at(-1);
  expect(kept).toMatchObject({ transactions: 1 });
  const text = await readFile(
    join(before.directory, 'recovered', kept?.name ?? '', 'transactions.sql'),
    'latin1',
  );
  expect(text).toContain('@1=77');
  for (const node of cluster.nodes)
    expect(await withSql(node, (sql) => scalarOf(sql, 'SELECT COUNT(*) FROM own.t WHERE id = 77'))).toBe('0');
  await checksumAtRest(after, [before, ...others.filter((node) => node !== after)], { deadlineMs: 60_000 });
});
