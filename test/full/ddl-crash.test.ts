import { rm } from 'node:fs/promises';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RECOVERY_SERVER_ID } from '../../src/flavour/mariadb/ddl-recovery.js';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { parsePosition } from '../../src/model/position.js';
import { sleep } from '../../src/std/timing.js';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { gtidIn } from '../kit/gtid.js';
import { LoneServer } from '../kit/lone-server.js';
import { dieWithoutSuccessor } from '../kit/no-successor.js';
import { seedsOf, untilHealed } from '../kit/seeds.js';
import { setBack } from '../kit/set-back.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { throughout, until } from '../kit/until.js';

/**
 * DDL is not transactional: a server that dies in the middle of it finishes it at its next start, or takes it back, and
 * its log and its position need not say which (rule H10). A replica never needs a person.
 */
const KILLS = Number(process.env.SKEIN_TEST_DDL_KILLS ?? 3);

const PAUSE_MS = 600;

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  await cluster.primary.sql('CREATE DATABASE demo');
});

afterAll(async () => {
  await cluster?.dispose();
});

/** Each list can be executed after any part of it: a kill may have left a table or an event of an earlier turn. */
type Statements = (table: string, turn: number) => string[];

const TABLES: Statements = (t, i) => [
  `DROP TABLE IF EXISTS ${t}_old`,
  `CREATE TABLE IF NOT EXISTS ${t} (a INT PRIMARY KEY, b VARCHAR(20))`,
  `INSERT IGNORE INTO ${t} (a, b) VALUES (${i}, 'x')`,
  `ALTER TABLE ${t} ADD COLUMN IF NOT EXISTS c INT DEFAULT 1, ADD KEY IF NOT EXISTS (b)`,
  // Without a name: executed twice it would make a second key, without an error.
  `ALTER TABLE ${t} MODIFY b VARCHAR(30), ADD KEY (c)`,
  `RENAME TABLE IF EXISTS ${t} TO ${t}_old`,
];

/** Executed twice, COALESCE and ADD PARTITION PARTITIONS leave another table, without an error. */
const PARTITIONS: Statements = (t, i) => [
  `CREATE TABLE IF NOT EXISTS ${t} (k INT PRIMARY KEY) PARTITION BY KEY (k) PARTITIONS 6`,
  `INSERT IGNORE INTO ${t} VALUES (${i}), (${i + 1}), (${i + 2})`,
  ...(i % 2 ? [`ALTER TABLE ${t} COALESCE PARTITION 1`] : [`ALTER TABLE ${t} ADD PARTITION PARTITIONS 1`]),
  `CREATE OR REPLACE TABLE ${t}r (k INT PRIMARY KEY) PARTITION BY RANGE (k) (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20))`,
  `ALTER TABLE ${t}r ADD PARTITION (PARTITION c VALUES LESS THAN (30))`,
  `INSERT INTO ${t}r VALUES (1), (11), (21)`,
  `ALTER TABLE ${t}r REORGANIZE PARTITION b INTO (PARTITION b1 VALUES LESS THAN (15), PARTITION b2 VALUES LESS THAN (20))`,
  `ALTER TABLE ${t}r TRUNCATE PARTITION a`,
  `ALTER TABLE ${t}r DROP PARTITION b2`,
];

const ROUTINES: Statements = (t, i) => [
  `DROP PROCEDURE IF EXISTS p_${t}`,
  `CREATE PROCEDURE p_${t}() SELECT ${i}`,
  `DROP EVENT IF EXISTS e_${t}`,
  `CREATE EVENT e_${t} ON SCHEDULE EVERY 1 YEAR DO SELECT ${i}`,
];

/** Executes them again and again, and counts; what happens while the server is away is nobody's fault. */
async function alterer(
  table: string,
  statements: Statements,
  signal: AbortSignal,
  ended: () => void,
  failed: (error: Error) => void,
): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    let connection: Connection | undefined;
    try {
      connection = await cluster.primary.connectAs('skein_admin', { database: 'demo' });
      connection.on('error', () => {});
      while (!signal.aborted) {
        turn += 1;
        for (const sql of statements(table, turn)) await run(connection, sql);
        ended();
        // A replica executes DDL one after the other: one that is away half of the time would be left behind.
        await sleep(PAUSE_MS, signal).catch(() => {});
      }
    } catch (error) {
      failed(error as Error);
      await sleep(50, signal).catch(() => {});
    } finally {
      connection?.destroy();
    }
  }
}

it('what a recovery wrote is known as that also when the log goes back over several epochs', async () => {
  const lone = await LoneServer.start();
  try {
    const as = (serverId: number, ...statements: string[]) =>
      withSql(lone, async (connection) => {
        await run(connection, `SET SESSION server_id = ${serverId}`);
        for (const sql of statements) await run(connection, sql);
      });
    await lone.unlogged('SET GLOBAL rpl_semi_sync_master_enabled = 0');
    await as(mariadb.epochServerId(1), 'CREATE DATABASE d');
    await as(mariadb.epochServerId(2), 'CREATE TABLE d.t (a INT)');
    await lone.unlogged('FLUSH LOCAL BINARY LOGS', `SET GLOBAL gtid_slave_pos = '${gtidIn(2, 2)}'`);
    await as(RECOVERY_SERVER_ID, 'DROP TABLE d.t');
    const nameOf = (ordinal: number) => gtidIn(ordinal === 1 ? 1 : 2, ordinal);
    expect(await lone.control.settleRecovery({ noted: null, nameOf, isDdl: async () => true })).toMatch(
      `${gtidIn(2, 3)} counts as executed`,
    );
    expect(await lone.ask('SELECT @@global.gtid_slave_pos')).toBe(gtidIn(2, 3));
  } finally {
    await lone.dispose();
  }
});

it('a log reset that a crash interrupted is done again', async () => {
  const lone = await LoneServer.start();
  try {
    const after = gtidIn(1, 2);
    await lone.unlogged('SET GLOBAL rpl_semi_sync_master_enabled = 0');
    await withSql(lone, async (connection) => {
      await run(connection, `SET SESSION server_id = ${mariadb.epochServerId(1)}`);
      for (const sql of ['CREATE DATABASE d', 'FLUSH LOCAL BINARY LOGS', 'CREATE TABLE d.t (a INT)'])
        await run(connection, sql);
    });
    await lone.unlogged(`SET GLOBAL gtid_slave_pos = '${after}'`);
    expect(await lone.control.finishLogReset(), 'nothing is missing').toBe(false);
    // RESET MASTER removes the oldest first.
    await rm(lone.dataFile('bin.000001'));
    await expect(lone.control.logBegin()).rejects.toThrow('not found');
    expect(await lone.control.finishLogReset()).toBe(true);
    expect(await lone.control.logBegin()).toBe(after);
    expect(await lone.control.finishLogReset()).toBe(false);
    await lone.unlogged('RESET MASTER');
    expect(await lone.control.logBegin(), 'it died before it was told').toBe('');
    expect(await lone.control.finishLogReset()).toBe(true);
    expect(await lone.control.logBegin()).toBe(after);
  } finally {
    await lone.dispose();
  }
});

it('a replica begins no DDL while a commit before it is still under way', async () => {
  // Two tables: on one the metadata lock would keep the ALTER waiting.
  await cluster.primary.sql('CREATE TABLE demo.filled (a INT PRIMARY KEY)');
  await cluster.primary.sql('CREATE TABLE demo.altered (a INT PRIMARY KEY, b INT)');
  const node = cluster.node('n2');
  await until(
    'n2 has them',
    async () => (await node.rows("SHOW TABLES FROM demo LIKE 'altered'")).length > 0,
  );
  await withSql(node, async (connection) => {
    // No commit ends before it has waited for others.
    await run(connection, 'SET GLOBAL binlog_commit_wait_usec = 8000000');
    await run(connection, 'SET GLOBAL binlog_commit_wait_count = 100');
  });
  await cluster.primary.sql('INSERT INTO demo.filled VALUES (1)');
  const { position } = await cluster.primary.sql('ALTER TABLE demo.altered ADD KEY (b)');
  const { ordinal } = parsePosition(position);
  await until('n2 may apply the ALTER', async () => {
    const { members } = await node.cluster();
    return (members.find(({ name }) => name === 'n2')?.positions.committed ?? 0) >= ordinal;
  });
  await throughout('the INSERT is still under way, and the ALTER is not begun', 700, () =>
    withSql(node, async (connection) => {
      const threads = await rowsOf(connection, 'SHOW FULL PROCESSLIST');
      return !threads.some(({ Info }) => /ALTER TABLE/.test(String(Info)));
    }),
  );
  expect(await node.rows('SELECT COUNT(*) FROM demo.filled')).toEqual([['0']]);
  const old = await node.kill('server');
  await node.untilRestarted('server', old);
  // Its start finished an ALTER that had begun, and the INSERT before it was passed over.
  await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: 60_000 });
});

it.each([
  ['lost', 'is made again', 0],
  ['made', 'is there already, and the replica is filled from another node', 1],
])('a routine that is logged and was %s when the server died %s', async (name, _, seeds) => {
  const node = cluster.node('n2');
  const before = await seedsOf(node);
  await cluster.primary.sql(`CREATE PROCEDURE demo.${name}() SELECT 1`);
  await until(
    'n2 has it',
    async () => (await node.rows(`SHOW PROCEDURE STATUS WHERE name = '${name}'`)).length === 1,
  );
  const undo = name === 'lost' ? ['DROP PROCEDURE demo.lost'] : [];
  await withSql(node, (connection) => setBack(connection, ...undo));
  const old = await node.kill('server');
  await node.untilRestarted('server', old);
  await until('n2 was filled, if need be', async () => (await seedsOf(node)) === before + seeds, {
    deadlineMs: 60_000,
    context: () => node.logs(20),
  });
  await untilHealed(node);
  // Its routines are compared too.
  await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: 60_000 });
  expect(await seedsOf(node)).toBe(before + seeds);
});

/** A replica that is behind is well: the machine is busy, and the statements go on. */
async function untilApplying(node: TestNode): Promise<void> {
  await until(
    `${node.name} applies again`,
    async () => {
      const { status, text } = await node.request('GET', '/ready', undefined, { token: null });
      if (status === 200 || /s behind|applying what its spool holds/.test(text)) return true;
      throw new Error(`/ready says ${status} ${text.slice(0, 300)}`);
    },
    { deadlineMs: REST_MS, context: () => node.logs(20) },
  );
}

/** Each kill costs a start, and a seed perhaps; the machine may be busy. */
const TIME_OUT_MS = 300_000 + KILLS * 30_000;
/** Within this a replica has executed what it was behind by, and was filled if need be. */
const REST_MS = 180_000;

async function killServer(node: TestNode): Promise<void> {
  const old = await node.kill('server');
  await node.untilRestarted('server', old);
}

it.each<[who: string, kill: () => Promise<void>]>([
  // The primary's first: each of its ends begins an epoch, and a replica must know all of them.
  ['the primary', () => killServer(cluster.primary)],
  ['the primary, which nobody can replace,', () => dieWithoutSuccessor(cluster)],
  ['a replica', () => killServer(cluster.replicas[0] as TestNode)],
])(
  'the server of %s dies in the middle of DDL, again and again',
  async (who, kill) => {
    const work = [TABLES, PARTITIONS, ROUTINES];
    const prefix = who.replaceAll(/\W/g, '_');
    const stop = new AbortController();
    const done = work.map(() => 0);
    const errors = work.map(() => '');
    const alterers = work.map((statements, i) =>
      alterer(
        `${prefix}${i}`,
        statements,
        stop.signal,
        () => {
          done[i] = (done[i] ?? 0) + 1;
        },
        ({ message }) => {
          errors[i] = message;
        },
      ),
    );
    try {
      for (let i = 0; i < KILLS; i++) {
        // Not a wait for something: kills at ever other moments of the statements' course.
        await sleep(300 + 137 * i);
        await kill();
        // A server that cannot be opened as it is hands over, and is filled.
        await cluster.untilPrimary();
        for (const each of cluster.replicas) await untilApplying(each);
      }
      await until('each list of statements was executed to its end', () => Math.min(...done) > 0, {
        deadlineMs: REST_MS,
        context: () => JSON.stringify({ done, errors }),
      });
    } finally {
      stop.abort();
    }
    await Promise.all(alterers);
    await until('the primary takes writes', async () => {
      const answer = await cluster.primary.request('POST', '/v1/sql', {
        sql: 'CREATE OR REPLACE TABLE demo.last (a INT)',
      });
      return answer.status === 200;
    });
    for (const each of cluster.replicas) await untilHealed(each, REST_MS);
    await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: REST_MS });
    for (const each of cluster.replicas)
      console.log(`${each.name} was filled ${await seedsOf(each)} times from another node`);
  },
  TIME_OUT_MS,
);
