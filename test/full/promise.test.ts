import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { attempt, openApp } from '../kit/app-port.js';
import { checksumAtRest, waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { rowsOf, run, scalarOf, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/** What a client may do and the cluster could not keep its promises for: it is refused, mended at once, or said. */
let cluster: TestCluster;
let app: Connection;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  await cluster.primary.sql('CREATE DATABASE demo');
});

beforeEach(async () => {
  app?.destroy();
  app = await openApp(cluster, { database: 'demo' });
});

afterAll(async () => {
  app?.destroy();
  await cluster?.dispose();
});

async function told(code: string): Promise<string[]> {
  const { text } = await cluster.primary.request('GET', `/v1/logs?text=${code}&part=events&tail=1000`);
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { reason: string }).reason);
}

const isTold = (code: string, name: string) =>
  until(`${code} names ${name}`, async () => (await told(code)).some((reason) => reason.includes(name)));

/** Tables of clients that are not InnoDB's, on any node. */
async function foreignTables(): Promise<string[]> {
  await waitApplied(cluster.primary, cluster.replicas);
  const found = await Promise.all(
    cluster.nodes.map((node) =>
      withSql(node, (connection) =>
        rowsOf(
          connection,
          `SELECT table_schema s, table_name n, engine e FROM information_schema.tables WHERE engine <> 'InnoDB'
            AND table_schema NOT IN ('mysql', 'sys', 'skein', 'information_schema', 'performance_schema')`,
        ),
      ),
    ),
  );
  return found.flat().map(({ s, n, e }) => `${s}.${n} ${e}`);
}

/** Every engine that the server has, and some that it could have. */
async function engines(): Promise<string[]> {
  const known = await withSql(cluster.primary, (connection) => rowsOf(connection, 'SHOW ENGINES'));
  return [...known.map(({ Engine }) => String(Engine)), 'BLACKHOLE', 'ARCHIVE', 'FEDERATED', 'ROCKSDB'];
}

/** `t` is the table's name. */
const WAYS: readonly ((engine: string, t: string) => readonly string[])[] = [
  (e, t) => [`CREATE TABLE ${t} (a INT) ENGINE=${e}`],
  (e, t) => [`CREATE TABLE ${t} (a INT) ENGINE=${e} PARTITION BY HASH (a)`],
  (e, t) => [
    `CREATE TABLE ${t} (a INT) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN MAXVALUE ENGINE=${e})`,
  ],
  (e, t) => [
    `CREATE TABLE ${t} (a INT) PARTITION BY RANGE (a) SUBPARTITION BY HASH (a) (PARTITION p VALUES LESS THAN MAXVALUE (SUBPARTITION s ENGINE=${e}))`,
  ],
  (e, t) => [`SET default_storage_engine=${e}`, `CREATE TABLE ${t} (a INT)`],
  (e, t) => [`SET default_storage_engine=${e}`, `CREATE TABLE ${t} (a INT) PARTITION BY HASH (a)`],
  (e, t) => [`SET default_storage_engine=${e}`, `CREATE TABLE ${t} AS SELECT 1 a`],
  (e, t) => [
    `SET default_storage_engine=${e}`,
    `CREATE TABLE ${t} (a INT) PARTITION BY HASH (a) AS SELECT 1 a`,
  ],
  (e, t) => [`SET storage_engine=${e}`, `CREATE SEQUENCE ${t}`],
  (e, t) => [`CREATE SEQUENCE ${t} ENGINE=${e}`],
  (e, t) => [`CREATE TABLE ${t} (a INT)`, `ALTER TABLE ${t} ENGINE=${e}`],
  (e, t) => [
    `CREATE TABLE ${t} (a INT)`,
    `ALTER TABLE ${t} PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN MAXVALUE ENGINE=${e})`,
  ],
  (e, t) => [
    `CREATE TABLE ${t} (a INT) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (9))`,
    `ALTER TABLE ${t} ADD PARTITION (PARTITION q VALUES LESS THAN (20) ENGINE=${e})`,
  ],
  (e, t) => [
    `CREATE TABLE ${t} (a INT) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (9))`,
    `ALTER TABLE ${t} REORGANIZE PARTITION p INTO (PARTITION q VALUES LESS THAN (20) ENGINE=${e})`,
  ],
  (e, t) => [
    `SET default_tmp_storage_engine=${e}`,
    `CREATE TEMPORARY TABLE tmp_${t} (a INT)`,
    `CREATE TABLE ${t} LIKE tmp_${t}`,
  ],
  (e, t) => [
    `PREPARE s FROM 'CREATE TABLE ${t} (a INT) PARTITION BY HASH (a) (PARTITION p ENGINE=${e})'`,
    'EXECUTE s',
  ],
  (e, t) => [
    `CREATE PROCEDURE make_${t}() CREATE TABLE ${t} (a INT) PARTITION BY HASH (a) (PARTITION p ENGINE=${e})`,
    `CALL make_${t}()`,
  ],
];

it('whatever way an engine is named, no table of another one than InnoDB stays', async () => {
  let accepted = 0;
  const names = await engines();
  for (const mode of ["''", 'DEFAULT']) {
    await run(app, `SET sql_mode = ${mode}`);
    for (const engine of names) {
      for (const [way, statements] of WAYS.entries()) {
        const t = `e${way}_${mode === 'DEFAULT' ? 'd' : 'e'}_${engine.toLowerCase()}`;
        let errno: number | null = null;
        for (const sql of statements(engine, t)) errno = await attempt(app, sql);
        if (errno === null) accepted++;
        await run(app, 'SET default_storage_engine = DEFAULT, default_tmp_storage_engine = DEFAULT');
      }
    }
    await attempt(app, 'CREATE TABLE ls LIKE seq_1_to_5');
  }
  // Else nothing was tried at all.
  expect(accepted).toBeGreaterThan(names.length);
  await until('everything is converted', async () => (await foreignTables()).length === 0, {
    deadlineMs: 90_000,
    context: async () => (await foreignTables()).join('\n'),
  });
  const converted = (await told('ENGINE_CONVERTED')).map(
    (reason) => /^\S+ was a table of \w+/.exec(reason)?.[0],
  );
  for (const engine of ['MyISAM', 'Aria'])
    expect(converted.some((reason) => reason?.endsWith(engine))).toBe(true);
  expect(await told('ENGINE_NOT_CONVERTED')).toEqual([]);
  await checksumAtRest(cluster.primary, cluster.replicas);
});

it('what was written into such a table before it was converted is kept, and then it is transactional', async () => {
  await run(app, 'CREATE TABLE m (a INT PRIMARY KEY) PARTITION BY HASH (a) (PARTITION p ENGINE=MyISAM)');
  await run(app, 'INSERT INTO m VALUES (1), (2)');
  await isTold('ENGINE_CONVERTED', 'demo.m ');
  await run(app, 'START TRANSACTION');
  await run(app, 'INSERT INTO m VALUES (3)');
  await run(app, 'ROLLBACK');
  expect(await scalarOf(app, 'SELECT COUNT(*) FROM m')).toBe('2');
  await checksumAtRest(cluster.primary, cluster.replicas);
});

it('replicas take what a client without innodb_strict_mode made; clients have it unless they switch it off', async () => {
  const wide = Array.from({ length: 40 }, (_, i) => `c${i} VARCHAR(255) NOT NULL DEFAULT ''`).join(', ');
  const lenient = [
    'CREATE TABLE s1 (a INT PRIMARY KEY) KEY_BLOCK_SIZE=3',
    `CREATE TABLE s2 (a INT PRIMARY KEY, ${wide}) CHARACTER SET latin1`,
    "CREATE TABLE s3 (a INT PRIMARY KEY) INDEX DIRECTORY='/nowhere'",
    'CREATE TABLE s4 (a INT PRIMARY KEY) ROW_FORMAT=COMPACT KEY_BLOCK_SIZE=4',
  ];
  for (const sql of lenient) expect(await attempt(app, sql)).not.toBeNull();
  await run(app, 'SET innodb_strict_mode = OFF');
  for (const sql of lenient) expect(await attempt(app, sql)).toBeNull();
  await run(app, 'CREATE TABLE s5 (a INT PRIMARY KEY)');
  await run(app, 'ALTER TABLE s5 KEY_BLOCK_SIZE=5');
  await run(app, 'INSERT INTO s2 (a) VALUES (1)');
  await checksumAtRest(cluster.primary, cluster.replicas);
});

it('a RENAME of temporary tables does not stop the replicas, whatever it stands beside', async () => {
  await run(app, 'CREATE TEMPORARY TABLE r_tmp (i INT)');
  await run(app, 'RENAME TABLE r_tmp TO r_tmp2');
  await run(app, 'CREATE TABLE r_real (i INT PRIMARY KEY)');
  await run(app, '/* app */ RENAME TABLE r_real TO r_moved, r_tmp2 TO r_tmp3');
  await run(app, 'SET STATEMENT lock_wait_timeout = 5 FOR RENAME TABLE r_tmp3 TO r_tmp4');
  await run(app, 'CREATE PROCEDURE r_proc() RENAME TABLE r_tmp4 TO r_tmp5');
  await run(app, 'CALL r_proc()');
  await run(app, 'CREATE TABLE r_x (i INT PRIMARY KEY)');
  await run(app, 'RENAME TABLE r_x TO r_y, r_moved TO r_x, r_y TO r_moved');
  await run(app, 'INSERT INTO r_moved VALUES (5)');
  await checksumAtRest(cluster.primary, cluster.replicas);
  const tables = await rowsOf(app, "SHOW TABLES LIKE 'r\\_%'");
  expect(tables.flatMap(Object.values)).toEqual(['r_moved', 'r_x']);
});

it('a real table keeps its name on every node when the rename that is logged was of it', async () => {
  await run(app, 'CREATE TABLE r_a (i INT PRIMARY KEY)');
  await run(app, 'RENAME TABLE r_a TO r_b');
  await checksumAtRest(cluster.primary, cluster.replicas);
  for (const node of cluster.nodes)
    expect(
      await withSql(node, (connection) => scalarOf(connection, "SHOW TABLES FROM demo LIKE 'r\\_b'")),
    ).toBe('r_b');
});

it('a real table that a renamed temporary one hides gets its name back', async () => {
  await run(app, 'CREATE TABLE `h $1` (i INT PRIMARY KEY)');
  await run(app, 'INSERT INTO `h $1` VALUES (1)');
  // The table is there for longer than the RENAME: told by a look after it, as every table is in the end.
  await run(app, 'CREATE TABLE h_seen (i INT)');
  await isTold('NO_PRIMARY_KEY', 'demo.h_seen');
  await run(app, 'CREATE TEMPORARY TABLE `h $1` (j INT)');
  await run(app, 'RENAME TABLE `h $1` TO h2');
  await isTold('HIDDEN_TABLE_RENAMED', 'demo.h $1 ');
  await checksumAtRest(cluster.primary, cluster.replicas);
  await run(app, 'INSERT INTO `h $1` VALUES (2)');
  // Renamed in earnest, and made again: nothing is taken back.
  await run(app, 'RENAME TABLE `h $1` TO h3');
  await run(app, 'CREATE TABLE `h $1` (i INT PRIMARY KEY)');
  await run(app, 'CREATE TABLE h_seen2 (i INT)');
  await isTold('NO_PRIMARY_KEY', 'demo.h_seen2');
  await checksumAtRest(cluster.primary, cluster.replicas);
  expect(await told('HIDDEN_TABLE_RENAMED')).toHaveLength(1);
  expect(await scalarOf(app, 'SELECT COUNT(*) FROM h3')).toBe('2');
});

it.each(['MYSQL323', 'MYSQL40'])(
  'CREATE TABLE ... SELECT under sql_mode %s reaches the replicas',
  async (mode) => {
    await run(app, 'CREATE TEMPORARY TABLE o_tmp (a INT, b VARCHAR(20), PRIMARY KEY (a))');
    await run(app, 'INSERT INTO o_tmp VALUES (1, "x")');
    await run(app, `SET sql_mode = '${mode}'`);
    await run(app, `CREATE TABLE o_${mode} AS SELECT a, b FROM o_tmp`);
    await run(app, `CREATE TABLE o2_${mode} LIKE o_tmp`);
    await run(app, `INSERT INTO o2_${mode} SELECT a + 1, b FROM o_tmp`);
    await checksumAtRest(cluster.primary, cluster.replicas);
  },
);

it('a table without a usable key is told of once, and in the status until it has one', async () => {
  await run(app, 'CREATE TABLE `k no-$ü` (a INT, KEY (a))');
  await run(app, 'CREATE TABLE k_geo (g POINT NOT NULL, SPATIAL KEY (g))');
  await run(app, 'CREATE TABLE k_unique (a INT NOT NULL UNIQUE)');
  await run(app, 'CREATE TABLE k_primary (a INT PRIMARY KEY)');
  await run(app, 'CREATE SEQUENCE k_sequence');
  await isTold('NO_PRIMARY_KEY', 'demo.k no-$ü');
  await isTold('SPATIAL_KEY_ONLY', 'demo.k_geo');
  const all = [...(await told('NO_PRIMARY_KEY')), ...(await told('SPATIAL_KEY_ONLY'))].join('\n');
  for (const name of ['k_unique', 'k_primary', 'k_sequence']) expect(all).not.toContain(name);
  const warnings = async () => (await cluster.primary.cluster()).warnings.join('\n');
  expect(await warnings()).toContain('demo.k_geo');
  await until('a replica says so too', async () => (await cluster.node('n2').cluster()).warnings.length > 0);
  const { text } = await cluster.primary.request('GET', '/metrics');
  expect(Number(/^skein_tables_without_key (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(1);
  await run(app, 'ALTER TABLE k_geo ADD id INT PRIMARY KEY');
  await until('the warning is gone', async () => !(await warnings()).includes('k_geo'));
});

it('what each node computes for itself is told of', async () => {
  await run(app, 'CREATE TABLE v (id INT PRIMARY KEY)');
  await run(app, 'ALTER TABLE v ADD u VARCHAR(40) DEFAULT (UUID())');
  await isTold('EACH_NODE_ITS_OWN_VALUES', 'TABLE v gave');
});

it('no client can leave the log or change its place in it', async () => {
  const ER_SPECIFIC_ACCESS_DENIED = 1227;
  for (const set of [
    'sql_log_bin = 0',
    "binlog_format = 'STATEMENT'",
    "binlog_row_image = 'MINIMAL'",
    'gtid_domain_id = 5',
    'gtid_seq_no = 5000000',
    'server_id = 7',
    'pseudo_thread_id = 7',
    'binlog_annotate_row_events = 0',
    'binlog_direct_non_transactional_updates = 1',
    "enforce_storage_engine = 'MyISAM'",
  ]) {
    expect([set, await attempt(app, `SET SESSION ${set}`)]).toEqual([set, ER_SPECIFIC_ACCESS_DENIED]);
    const { status } = await cluster.primary.request('POST', '/v1/sql', {
      sql: `SET STATEMENT ${set} FOR DO 1`,
    });
    expect([set, status]).not.toEqual([set, 200]);
  }
});

it('changes that a client marks to be skipped are replicated', async () => {
  await run(app, 'SET SESSION skip_replication = 1');
  await run(app, 'CREATE TABLE skipped (a INT PRIMARY KEY)');
  await run(app, 'INSERT INTO skipped VALUES (1)');
  await checksumAtRest(cluster.primary, cluster.replicas);
  for (const node of cluster.nodes)
    expect(await withSql(node, (connection) => scalarOf(connection, 'SELECT a FROM demo.skipped'))).toBe('1');
});

it('a character set that is not in the log is told of before rows come', async () => {
  const other = await openApp(cluster);
  try {
    await run(app, 'CREATE DATABASE words');
    await run(app, 'USE words');
    await run(app, "SET old_mode = ''");
    await run(app, 'CREATE TABLE w_utf8 (b VARCHAR(20) CHARACTER SET utf8)');
    await run(app, 'SET old_mode = DEFAULT');
    await run(app, 'CREATE TABLE w_fine (b VARCHAR(20) CHARACTER SET utf8)');
    await run(app, 'CREATE TEMPORARY TABLE w_tmp (b VARCHAR(20)) CHARACTER SET latin1');
    await run(app, 'CREATE TABLE w_like LIKE w_tmp');
    await run(app, 'CREATE TABLE w_latin (b VARCHAR(20)) CHARACTER SET latin1');
    await isTold('UTF8_BY_OLD_MODE', 'words.w_utf8 ');
    await isTold('CHARSET_NOT_LOGGED', 'words.w_like ');
    await run(other, 'ALTER DATABASE words CHARACTER SET latin1');
    await run(app, 'CREATE TABLE w_stale (b VARCHAR(20))');
    await isTold('CHARSET_NOT_LOGGED', 'words.w_stale ');
    const all = [...(await told('UTF8_BY_OLD_MODE')), ...(await told('CHARSET_NOT_LOGGED'))].join('\n');
    for (const name of ['w_fine', 'w_latin']) expect(all).not.toContain(name);
  } finally {
    other.destroy();
    // Replicas have these tables, made differently.
    await run(app, 'DROP DATABASE words');
  }
  await checksumAtRest(cluster.primary, cluster.replicas);
});

it('a table of another engine that is there after a crash is converted before a minute is over', async () => {
  // The reader's lock keeps the table from being converted before the crash, if it gets there first.
  await run(
    app,
    'CREATE PROCEDURE held() BEGIN CREATE TABLE crashed (a INT PRIMARY KEY) PARTITION BY HASH (a) (PARTITION p ENGINE=MyISAM); START TRANSACTION; INSERT INTO crashed VALUES (1); END',
  );
  await run(app, 'CALL held()');
  const old = await cluster.primary.kill('server');
  await cluster.primary.untilRestarted('server', old);
  for (const node of cluster.nodes) await node.untilReady();
  await cluster.untilPrimary();
  await until('it is converted', async () => (await foreignTables()).length === 0, { deadlineMs: 60_000 });
  await isTold('ENGINE_CONVERTED', 'demo.crashed ');
});
