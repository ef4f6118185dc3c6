import { execFile } from 'node:child_process';
import { cp, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listRecovered } from '../../src/recovered/list.js';
import { skein } from '../kit/cli.js';
import type { Ledger, WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole, LEDGER_DATABASE, startWriters } from '../kit/kill-rounds.js';
import { Reader, removeSpool, seedsOf, stopAll, stopInOrder, untilHealed } from '../kit/seeds.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';
import { verified } from '../kit/verify.js';

/**
 * What befalls a replica, and ends with a healthy one and no person: while clients write, and one reads the replica, which
 * must never show a state that is not the cluster's, nor an earlier one than before.
 */
let cluster: TestCluster;
let ledger: Ledger | undefined;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({
    proxied: true,
    settings: { spoolSegmentBytes: 64 * 1024, hubWindowBytes: 64 * 1024 },
  });
  await createLedger(cluster);
  await cluster.primary.sql(
    `CREATE TABLE ${LEDGER_DATABASE}.accounts (id INT PRIMARY KEY, v INT, note CHAR(200))`,
  );
  for (let id = 1; id <= 20; id++)
    await cluster.primary.sql(`INSERT INTO ${LEDGER_DATABASE}.accounts VALUES (?, 0, 'a')`, [id]);
});
afterAll(() => cluster?.dispose());

const n2 = () => cluster.node('n2');

async function whileInUse(fault: (pool: WriterPool) => Promise<void>, healMs?: number): Promise<void> {
  // A busy machine may have moved it.
  await cluster.makePrimary('n1');
  const pool = startWriters(cluster, { ledger, paceMs: 5 });
  ledger = pool.ledger;
  await ledger.progress(20, 20_000, 'writes go on before the fault');
  const reader = new Reader(cluster, n2());
  try {
    await until('the replica is read', () => reader.answers > 3);
    await fault(pool);
    await untilHealed(n2(), healMs);
    const before = reader.answers;
    await until('the replica is read again', () => reader.answers > before + 3);
  } finally {
    await pool.stop();
    await reader.stop();
  }
  await expectWhole(cluster, pool.ledger);
}

async function startAgain(): Promise<void> {
  cluster.startNode('n2');
  await n2().untilRestarted('node', 0, 30_000);
}

const filled = (node: TestNode, before: number) =>
  until(`${node.name} was filled`, async () => (await seedsOf(node)) === before + 1, {
    deadlineMs: 120_000,
    context: () => node.logs(30),
  });

const writes = (count: number) => (ledger as Ledger).progress(count, 40_000, 'writes go on');

it('the primary has purged what the replica needs', async () => {
  await whileInUse(async () => {
    await stopAll(n2());
    await writes(500);
    // A dump may still read an older file.
    await until('the primary has purged its log', () =>
      withSql(cluster.primary, async (connection) => {
        await run(connection, 'FLUSH BINARY LOGS');
        const logs = await rowsOf(connection, 'SHOW BINARY LOGS');
        await run(connection, `PURGE BINARY LOGS TO '${logs.at(-1)?.Log_name}'`);
        return (await rowsOf(connection, 'SHOW BINARY LOGS')).length === 1;
      }),
    );
    await startAgain();
    await filled(n2(), 0);
  });
  expect(await n2().logs(600)).toMatch(/LOG_PURGED/);
}, 240_000);

it('a transaction that only its server has: it is kept with its rows', async () => {
  await whileInUse(async () => {
    const before = await seedsOf(n2());
    await withSql(n2(), async (connection) => {
      await run(connection, `INSERT INTO ${LEDGER_DATABASE}.accounts VALUES (9999, 7, 'only here')`);
    });
    await filled(n2(), before);
  });
  const kept = (await listRecovered(n2().directory)).at(-1);
  expect(kept).toMatchObject({ transactions: 1, unreadable: null });
  const { stdout } = await skein(['recovered', 'show', n2().directory]);
  expect(stdout).toMatch(/### INSERT INTO `ledger_db`.`accounts`/);
  expect(stdout).toMatch(/@3='only here'/);
}, 240_000);

it('a row was changed behind Skein’s back: the server cannot go on', async () => {
  await whileInUse(async () => {
    const before = await seedsOf(n2());
    await withSql(n2(), async (connection) => {
      await run(connection, 'SET SESSION sql_log_bin = 0');
      await run(connection, `DELETE FROM ${LEDGER_DATABASE}.accounts WHERE id = 7`);
    });
    await cluster.primary.sql(`UPDATE ${LEDGER_DATABASE}.accounts SET v = v + 1 WHERE id = 7`);
    await filled(n2(), before);
  });
}, 240_000);

it('a row was changed behind Skein’s back that nothing touches: it is found by a comparison, and repaired', async () => {
  const table = { database: LEDGER_DATABASE, table: 'accounts' };
  const verdictOf = async (repair: boolean) => {
    const { tables } = await verified(cluster.primary, { ...table, repair });
    return tables.find((each) => each.table === `${table.database}.${table.table}`)?.verdict;
  };
  await whileInUse(async () => {
    await withSql(n2(), async (connection) => {
      await run(connection, 'SET SESSION sql_log_bin = 0');
      await run(connection, `UPDATE ${LEDGER_DATABASE}.accounts SET note = 'other' WHERE id = 11`);
    });
    expect(await verdictOf(false)).toBe('differs');
    expect(await verdictOf(true)).toBe('repaired');
  });
}, 240_000);

/** Executed twice, or half, they leave another table or none; `turn` counts. */
const partitionDdl = (turn: number) => [
  'CREATE TABLE IF NOT EXISTS parts.k (k INT PRIMARY KEY) PARTITION BY KEY (k) PARTITIONS 6',
  `ALTER TABLE parts.k ${turn % 2 ? 'COALESCE PARTITION 1' : 'ADD PARTITION PARTITIONS 1'}`,
  'CREATE OR REPLACE TABLE parts.r (k INT PRIMARY KEY) PARTITION BY RANGE (k) (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20))',
  'INSERT INTO parts.r VALUES (1), (11)',
  'ALTER TABLE parts.r REORGANIZE PARTITION b INTO (PARTITION b1 VALUES LESS THAN (15), PARTITION b2 VALUES LESS THAN (20))',
  'ALTER TABLE parts.r DROP PARTITION b2',
];
const PARTITION_KILLS = 4;

it('its server is killed in the middle of DDL with partitions', async () => {
  await cluster.primary.sql('CREATE DATABASE parts');
  await whileInUse(async () => {
    const stop = new AbortController();
    const alterer = (async () => {
      for (let turn = 0; !stop.signal.aborted; turn++)
        for (const sql of partitionDdl(turn)) await cluster.primary.sql(sql);
    })();
    try {
      for (let kills = 0; kills < PARTITION_KILLS; kills++) {
        const connection = await until('its server answers', () => n2().connect(), { deadlineMs: 120_000 });
        connection.on('error', () => {});
        await until(
          'its server executes such DDL',
          async () =>
            (await rowsOf(connection, 'SHOW FULL PROCESSLIST')).some(({ Info }) =>
              /PARTITION/.test(String(Info)),
            ),
          { deadlineMs: 120_000, intervalMs: 1, context: () => n2().logs(30) },
        );
        const old = await n2().kill('server');
        connection.destroy();
        await n2().untilRestarted('server', old, 120_000);
      }
    } finally {
      stop.abort();
      await alterer;
    }
  }, 240_000);
}, 600_000);

it('the spool is gone: the server’s data is good, and nothing is filled', async () => {
  await whileInUse(async () => {
    await stopAll(n2());
    await removeSpool(n2());
    await startAgain();
    await untilHealed(n2());
    expect(await seedsOf(n2())).toBe(0);
  });
}, 240_000);

/** With the owner of the files, as whom the server runs. */
const copyTree = (from: string, to: string) => promisify(execFile)('cp', ['-a', from, to]);

it('an old copy of the data is put back', async () => {
  const copy = join(n2().directory, 'copy');
  await whileInUse(async () => {
    await stopAll(n2());
    await copyTree(join(n2().directory, 'data'), copy);
    await startAgain();
    await untilHealed(n2());
    await writes(800);
    await untilHealed(n2());
    await stopAll(n2());
    await rm(join(n2().directory, 'data'), { recursive: true });
    await copyTree(copy, join(n2().directory, 'data'));
    await rm(copy, { recursive: true });
    // What came since may still be in the spool: then it is not filled, and not read before it is level.
    await startAgain();
  });
}, 240_000);

it('an old copy of the spool is put back', async () => {
  const copy = join(n2().directory, 'copy');
  await whileInUse(async () => {
    await stopAll(n2());
    await cp(join(n2().directory, 'spool'), copy, { recursive: true });
    await startAgain();
    await untilHealed(n2());
    await writes(500);
    await stopAll(n2());
    await removeSpool(n2());
    await cp(copy, join(n2().directory, 'spool'), { recursive: true });
    await rm(copy, { recursive: true });
    await startAgain();
  });
}, 240_000);

async function overwrite(path: string, from: number, length: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(Buffer.alloc(length, 0xa5), 0, length, from);
    await file.sync();
  } finally {
    await file.close();
  }
}

it('a byte of the spool turns bad: it is set aside', async () => {
  await whileInUse(async () => {
    await stopAll(n2());
    const spool = join(n2().directory, 'spool');
    const first = (await readdir(spool)).filter((name) => name !== 'state.json').sort()[0] ?? '';
    await overwrite(join(spool, first), 300, 64);
    await startAgain();
  });
  expect(await n2().logs(600)).toMatch(/kept as spool.damaged-1/);
}, 240_000);

it('pages of a table file are overwritten', async () => {
  await whileInUse(async () => {
    // A server that was killed would write pages of a small table again from its redo log.
    await stopInOrder(n2());
    const path = join(n2().directory, 'data', LEDGER_DATABASE, 'ledger.ibd');
    const { size } = await stat(path);
    // All but the first page, which names the file.
    await overwrite(path, 16_384, size - 16_384);
    await startAgain();
    await until('n2 was filled', async () => (await seedsOf(n2()).catch(() => 0)) > 0, {
      deadlineMs: 120_000,
      context: () => n2().logs(40),
    });
  });
}, 240_000);

it('the server does not start any more', async () => {
  await whileInUse(async () => {
    await stopAll(n2());
    await truncate(join(n2().directory, 'data', 'ibdata1'), 16_384);
    await startAgain();
    await until('n2 was filled', async () => (await seedsOf(n2()).catch(() => 0)) > 0, {
      deadlineMs: 120_000,
      context: () => n2().logs(40),
    });
  });
}, 240_000);
