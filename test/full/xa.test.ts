import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/std/timing.js';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { seedsOf } from '../kit/seeds.js';
import { setBack } from '../kit/set-back.js';
import { rowsOf, run, type SqlNode, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** XA is logged before the engine does it: a crash in between must not make nodes differ (rule H11). */
const KILLS = Number(process.env.SKEIN_TEST_XA_KILLS ?? 4);

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

async function start(replicas: number): Promise<void> {
  cluster = await TestCluster.start({ replicas });
  await cluster.primary.sql('CREATE DATABASE x');
  await cluster.primary.sql('CREATE TABLE x.t (id INT PRIMARY KEY)');
}

const branch = (name: string, row: number) => [
  `XA START '${name}'`,
  `INSERT INTO t VALUES (${row})`,
  `XA END '${name}'`,
  `XA PREPARE '${name}'`,
];

async function session(): Promise<Connection> {
  const connection = await cluster.primary.connectAs('skein_write', { database: 'x' });
  connection.on('error', () => {});
  return connection;
}

async function execute(...statements: string[]): Promise<void> {
  const connection = await session();
  for (const sql of statements) await run(connection, sql);
  await connection.end();
}

const branches = (node: SqlNode) =>
  withSql(node, async (connection) =>
    (await rowsOf(connection, 'XA RECOVER')).map(({ data }) => String(data)).sort(),
  );

async function expectEverywhere(names: string[]): Promise<void> {
  await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: 60_000 });
  for (const node of cluster.nodes) {
    let last: string[] = [];
    await until(
      `${node.name} has exactly these branches: ${names}`,
      async () => {
        last = await branches(node);
        return last.join() === names.join();
      },
      { context: () => last.join() },
    );
  }
}

/** The server dies while its node stands still, so commits have waited for that. */
async function dieBehindNode(): Promise<void> {
  const old = await cluster.primary.kill('server');
  await cluster.primary.unfreeze('node');
  await cluster.primary.untilRestarted('server', old);
}

async function crash(): Promise<void> {
  const old = await cluster.primary.kill('server');
  await cluster.primary.untilRestarted('server', old);
}

/** The server of a lost primary is filled from another node. Only that of a node which is alone opens again with what it has. */
describe('a node that is alone', () => {
  beforeAll(() => start(0));
  afterAll(() => cluster?.dispose());

  it('branches that were answered survive a crash, and are ended everywhere', async () => {
    await execute(...branch('a', 1));
    await execute(...branch('b', 2));
    await execute(...branch('c', 3));
    await crash();
    await cluster.primary.untilReady();
    await expectEverywhere(['a', 'b', 'c']);
    await execute("XA COMMIT 'a'", "XA ROLLBACK 'b'");
    await expectEverywhere(['c']);
    expect(await cluster.primary.rows('SELECT id FROM x.t')).toEqual([[1]]);
  });

  it.each([
    ['commit', "XA COMMIT 'c'", [[1], [3]]],
    ['rollback', "XA ROLLBACK 'd'", [[1], [3]]],
  ])('a %s and a prepare that wait when the server dies', async (_, end, rows) => {
    if (end.includes("'d'")) await execute(...branch('d', 4));
    await execute(...branch('old', 9));
    await cluster.primary.freeze('node');
    const sessions = [await session(), await session()];
    const ending = run(sessions[0] as Connection, end).then(
      () => 'answered',
      () => 'lost',
    );
    const logged = () =>
      withSql(cluster.primary, async (connection) =>
        Number(
          String(Object.values((await rowsOf(connection, 'SELECT @@global.gtid_binlog_pos'))[0] ?? {})[0])
            .split('-')
            .at(-1),
        ),
      );
    const waiting = (count: number) => async () =>
      withSql(cluster.primary, async (connection) => {
        const list = await rowsOf(
          connection,
          "SELECT id FROM information_schema.processlist WHERE info LIKE 'XA %' AND state <> ''",
        );
        return list.length === count;
      });
    await until('the end waits', waiting(1));
    const before = await logged();
    const preparing = (async () => {
      for (const sql of branch('lost', 5)) await run(sessions[1] as Connection, sql);
      return 'answered';
    })().catch(() => 'lost');
    await until('the prepare is in the log too', async () => (await logged()) === before + 1);
    await dieBehindNode();
    expect(await Promise.all([ending, preparing])).toEqual(['lost', 'lost']);
    await cluster.primary.untilReady();
    // The server had logged more than its node had read.
    const { failover } = await cluster.primary.cluster();
    expect(failover?.last?.reason).toContain(`after ordinal ${before + 1}.`);
    await expectEverywhere(['old']);
    expect(await cluster.primary.rows('SELECT id FROM x.t ORDER BY id')).toEqual(rows);
    await execute("XA ROLLBACK 'old'");
    // Its name and its rows are free again.
    await execute(...branch('lost', 5));
    await expectEverywhere(['lost']);
    await execute("XA ROLLBACK 'lost'");
    await expectEverywhere([]);
  });

  it('a commit in one phase names no branch in the log: a person decides', async () => {
    await cluster.primary.freeze('node');
    const connection = await session();
    const ended = (async () => {
      const [start, insert, end] = branch('one', 6);
      for (const sql of [start, insert, end, "XA COMMIT 'one' ONE PHASE"]) await run(connection, String(sql));
    })().catch(() => 'lost');
    await until('it waits', () =>
      withSql(cluster.primary, async (other) => {
        const list = await rowsOf(
          other,
          "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for semi-sync ACK%'",
        );
        return list.length === 1;
      }),
    );
    await dieBehindNode();
    expect(await ended).toBe('lost');
    await until('the primary says what to do', async () =>
      JSON.stringify(await cluster.primary.request('GET', '/ready')).includes('ONE PHASE'),
    );
    const path = join(cluster.primary.directory, 'state', 'xa.json');
    const agreement = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...agreement, decided: { "X'6f6e65',X'',1": 'commit' } }));
    await cluster.primary.untilReady();
    await expectEverywhere([]);
    expect(await cluster.primary.rows('SELECT id FROM x.t WHERE id = 6')).toEqual([[6]]);
  });
});

describe('a replica', () => {
  beforeAll(() => start(2));
  afterAll(() => cluster?.dispose());

  const WIDE_ROWS = [
    "INSERT INTO wide (id, v) VALUES (3, REPEAT('x', 300000)), (4, NULL)",
    "UPDATE wide SET v = 'new' WHERE id = 1",
    'DELETE FROM wide WHERE id = 2',
  ];

  async function prepareWide(): Promise<void> {
    await expectEverywhere([]);
    await cluster.primary.sql(
      'CREATE OR REPLACE TABLE x.wide (id INT PRIMARY KEY, v LONGBLOB, n INT AS (id * 2) STORED)',
    );
    await cluster.primary.sql("INSERT INTO x.wide (id, v) VALUES (1, 'old'), (2, 'gone')");
    await execute("XA START 'q'", ...WIDE_ROWS, "XA END 'q'", "XA PREPARE 'q'");
    await expectEverywhere(['q']);
  }

  async function commitWide(node: TestNode): Promise<void> {
    await execute("XA COMMIT 'q'");
    await expectEverywhere([]);
    expect(await node.rows('SELECT id, LENGTH(v) FROM x.wide ORDER BY id')).toEqual([
      [1, 3],
      [3, 300000],
      [4, null],
    ]);
  }

  it('a replica’s server died before its engine had prepared what it had logged: it executes that again', async () => {
    await prepareWide();
    const replica = cluster.node('n3');
    await withSql(replica, (connection) => setBack(connection, "XA ROLLBACK 'q'"));
    const old = await replica.kill('server');
    await replica.untilRestarted('server', old);
    await replica.untilReady();
    await expectEverywhere(['q']);
    const { text } = await replica.request('GET', '/v1/logs?text=XA_SETTLED&part=events&tail=1');
    expect(text).toContain('are executed again');
    expect(await seedsOf(replica)).toBe(0);
    await commitWide(replica);
  });

  it('a replica’s server has lost a branch, and has gone on since: it is filled from another node', async () => {
    await prepareWide();
    await cluster.primary.sql('INSERT INTO x.t VALUES (4711)');
    await expectEverywhere(['q']);
    const replica = cluster.node('n3');
    await withSql(replica, async (connection) => {
      await run(connection, 'SET SESSION sql_log_bin = 0');
      await run(connection, "XA ROLLBACK 'q'");
      // The server does not bring a rollback to the disk by itself.
      await run(connection, 'FLUSH LOCAL ENGINE LOGS');
    });
    const old = await replica.kill('server');
    await replica.untilRestarted('server', old);
    await until('n3 was filled', async () => (await seedsOf(replica)) === 1, {
      deadlineMs: 60_000,
      context: () => replica.logs(20),
    });
    await replica.untilReady();
    await expectEverywhere(['q']);
    await commitWide(replica);
  });

  /** Prepares and ends branches, two or three of them at a time. Returns how many it ended. */
  async function xaWriter(writer: number, signal: AbortSignal): Promise<number> {
    const open: string[] = [];
    let ended = 0;
    for (let i = 0; !signal.aborted || open.length > 0; i++) {
      if (!signal.aborted) {
        // A session that has a prepared branch begins no other.
        await execute(...branch(`w${writer}-${i}`, 1_000_000 * writer + i));
        open.push(`w${writer}-${i}`);
        if (open.length < 3) continue;
      }
      await execute(`XA ${i % 3 === 2 ? 'ROLLBACK' : 'COMMIT'} '${open.shift()}'`);
      ended++;
    }
    return ended;
  }

  it('a replica’s server that dies while it applies XA goes on with the same branches', async () => {
    await expectEverywhere([]);
    const stop = new AbortController();
    const writers = [1, 2, 3].map((writer) => xaWriter(writer, stop.signal));
    const replica = cluster.node('n2');
    try {
      for (let i = 0; i < KILLS; i++) {
        // Not a wait for something: kills at ever other moments of the branches' course.
        await sleep(200 + 61 * i);
        const old = await replica.kill('server');
        await replica.untilRestarted('server', old);
        await replica.untilReady();
      }
    } finally {
      stop.abort();
    }
    const counts = await Promise.all(writers);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    await expectEverywhere([]);
    const { text } = await replica.request('GET', '/v1/logs?text=XA_SETTLED&part=events&tail=1000');
    console.log(
      `${counts.join(' + ')} branches, ${KILLS} kills, settled ${text.trim().split('\n').length} times, filled ${await seedsOf(replica)} times`,
    );
  });
});
