import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readDefinitions } from '../../src/flavour/mariadb/definitions.js';
import { sleep } from '../../src/std/timing.js';
import { waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { LoneServer } from '../kit/lone-server.js';
import { dieWithoutSuccessor } from '../kit/no-successor.js';
import { type Row, rowsOf, run, type SqlNode, scalarOf, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/**
 * Ordinary statements after which a primary and its replicas define a table otherwise. Whenever the primary's server dies
 * then and no other node can take over, it opens again by itself.
 */
let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  await cluster.primary.sql('CREATE DATABASE demo');
});

afterAll(async () => {
  await cluster?.dispose();
});

/** Far less than the primary needs to find the difference itself. */
const CRASH_AFTER_MS = 10;

/** A session's statements, and the server's end right after the last was answered. */
async function dieRightAfter(...statements: readonly string[]): Promise<void> {
  await dieWithoutSuccessor(cluster, {
    last: async () => {
      await withSql(cluster.primary, async (connection: Connection) => {
        for (const sql of statements) await run(connection, sql);
      });
      await sleep(CRASH_AFTER_MS);
    },
  });
}

const shown = (node: SqlNode, table: string) =>
  withSql(node, async (connection) => {
    const [row] = await rowsOf(connection, `SHOW CREATE TABLE demo.${table}`);
    return String(row?.['Create Table']);
  });

async function told(text: string): Promise<boolean> {
  const path = '/v1/logs?text=DEFINITIONS_DIFFER&part=events&tail=1000';
  return (await cluster.primary.request('GET', path)).text.includes(text);
}

/** Past the log. */
const addHistory = (node: SqlNode) =>
  withSql(node, async (connection) => {
    await run(connection, 'SET sql_log_bin = 0');
    for (const table of Object.keys(HISTORY))
      await run(connection, `ALTER TABLE demo.${table} ADD PARTITION PARTITIONS 1`);
  });

const partitions = (node: SqlNode, table: string) =>
  withSql(node, async (connection) =>
    Number(
      await scalarOf(
        connection,
        `SELECT COUNT(*) FROM information_schema.partitions WHERE table_schema = 'demo' AND table_name = '${table}'`,
      ),
    ),
  );

/** Also where the definitions differ. */
async function untilSame(query: string): Promise<void> {
  const { primary, replicas } = cluster;
  await waitApplied(primary, replicas);
  const all = (node: SqlNode) => withSql(node, (connection) => rowsOf(connection, query));
  const expected = JSON.stringify(sorted(await all(primary)));
  for (const replica of replicas) expect(JSON.stringify(sorted(await all(replica)))).toBe(expected);
}

const sorted = (rows: readonly Row[]) => rows.map((row) => JSON.stringify(row)).sort();

const HISTORY = { timed: 'INTERVAL 1 HOUR', counted: 'LIMIT 3' };

it.each<[string, string, string[]]>([
  [
    'an encryption key',
    'crypt',
    ['SET innodb_default_encryption_key_id = 5', 'CREATE TABLE demo.crypt (a INT)'],
  ],
  ['compression', 'comp', ['SET innodb_compression_default = ON', 'CREATE TABLE demo.comp (a INT)']],
  ['defaults', 'copied', ['CREATE TABLE demo.copied AS SELECT * FROM information_schema.columns']],
])(
  'a crash right after a CREATE TABLE whose log leaves out %s does not keep the primary closed',
  async (_, table, statements) => {
    const { primary, replicas } = cluster;
    await dieRightAfter(...statements);
    await primary.untilReady();
    const [replica] = replicas;
    if (!replica) throw new Error('no replica');
    expect(await shown(primary, table), 'the input makes a difference').not.toBe(await shown(replica, table));
    await until('it is told', () =>
      told(`The definition of table \`demo\`.\`${table}\` differs from that on`),
    );
    const { warnings } = (await primary.cluster()) as unknown as { warnings: string[] };
    expect(warnings.join()).toContain(`demo\`.\`${table}`);
    // It stops no replica.
    if (table === 'copied')
      await primary.sql('INSERT INTO demo.copied SELECT * FROM information_schema.columns LIMIT 9');
    else await primary.sql(`INSERT INTO demo.${table} VALUES (1), (NULL)`);
    await primary.sql(`DELETE FROM demo.${table} LIMIT 1`);
    await untilSame(`SELECT * FROM demo.${table}`);
  },
);

it('history partitions that a server has added by itself are no damage, and none is dropped', async () => {
  const { primary, replicas } = cluster;
  const [first] = replicas;
  if (!first) throw new Error('no replica');
  const history = (t: string, by: string) =>
    `CREATE TABLE demo.${t} (a INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME ${by} AUTO`;
  await withSql(primary, async (connection) => {
    for (const [table, by] of Object.entries(HISTORY)) {
      await run(connection, history(table, by));
      await run(connection, `INSERT INTO demo.${table} VALUES (1, 1), (2, 2), (3, 3), (4, 4)`);
      await run(connection, `UPDATE demo.${table} SET v = v + 1`);
    }
  });
  await waitApplied(primary, replicas);
  // As a server adds them that rolls back and tries again, which replicas do: they have more than the primary then.
  for (const replica of replicas) await addHistory(replica);
  for (const t of Object.keys(HISTORY))
    expect(await partitions(first, t)).toBeGreaterThan(await partitions(primary, t));
  await dieRightAfter('SELECT 1');
  await primary.untilReady();
  for (const t of Object.keys(HISTORY))
    expect(await partitions(first, t), 'nothing was dropped').toBeGreaterThan(await partitions(primary, t));
  // Here more than there.
  await addHistory(primary);
  await dieRightAfter('SELECT 1');
  await primary.untilReady();
  for (const t of Object.keys(HISTORY)) {
    await primary.sql(`UPDATE demo.${t} SET v = v + 1`);
    await untilSame(`SELECT a, v FROM demo.${t} FOR SYSTEM_TIME ALL`);
  }
  const { text } = await primary.request('GET', '/v1/logs?text=DEFINITIONS_MENDED&part=events&tail=1000');
  expect(text).toBe('');
});

it('DDL that is done and not logged yet cannot be seen; what asks for it keeps no heartbeat waiting', async () => {
  const lone = await LoneServer.start();
  const waiting: Connection[] = [];
  const begin = async (sql: string, state: string) => {
    const connection = await lone.connect({ database: 'd' });
    connection.on('error', () => {});
    waiting.push(connection);
    connection.query(sql).catch(() => {});
    const info = `SELECT state FROM information_schema.processlist WHERE info = '${sql}'`;
    await until(`${sql}: ${state}`, async () => (await lone.ask(info)) === state);
  };
  try {
    await lone.unlogged(
      'CREATE DATABASE d',
      'CREATE TABLE d.w (k INT PRIMARY KEY)',
      'CREATE TABLE d.t (k INT)',
    );
    // The first waits for its quorum, and the second behind it keeps the log to itself.
    await begin('INSERT INTO w VALUES (1)', 'Waiting for semi-sync ACK from slave');
    await begin('INSERT INTO w VALUES (2)', 'Commit');
    await begin('ALTER TABLE t ADD COLUMN v INT', 'Writing to binlog');
    const order: string[] = [];
    const definitions = lone.control.definitions().catch((error: Error) => order.push(error.message));
    const look =
      "SELECT state FROM information_schema.processlist WHERE info LIKE 'SELECT 1 FROM `d`.`t` LIMIT 0'";
    await until('the look waits', async () => (await lone.ask(look)) === 'Waiting for table metadata lock');
    await lone.control.status();
    order.push('status');
    await definitions;
    // A table that cannot be looked at now is not one without a definition.
    expect(order).toEqual(['status', expect.stringContaining('Lock wait timeout')]);
  } finally {
    for (const connection of waiting) connection.destroy();
    await lone.dispose();
  }
});

it('a routine and a trigger made under NO_DIR_IN_CREATE, which a replica does not take over, are no difference', async () => {
  await withSql(cluster.primary, async (connection) => {
    await run(connection, "SET sql_mode = 'ANSI_QUOTES,NO_DIR_IN_CREATE,NO_ZERO_DATE'");
    await run(connection, 'CREATE TABLE demo.dirs (a INT PRIMARY KEY)');
    await run(connection, 'CREATE FUNCTION demo.nodir() RETURNS INT RETURN 1');
    await run(connection, 'CREATE TRIGGER demo.nodir BEFORE INSERT ON demo.dirs FOR EACH ROW SET NEW.a = 1');
  });
  await waitApplied(cluster.primary, cluster.replicas);
  const modes = (node: SqlNode) =>
    withSql(node, (connection) =>
      scalarOf(connection, "SELECT sql_mode FROM mysql.proc WHERE name = 'nodir'"),
    );
  const [replica] = cluster.replicas;
  if (!replica) throw new Error('the cluster has no replica');
  expect(String(await modes(cluster.primary))).toContain('NO_DIR_IN_CREATE');
  expect(String(await modes(replica))).not.toContain('NO_DIR_IN_CREATE');
  const read = (node: SqlNode) =>
    withSql(node, (connection) => readDefinitions((sql) => rowsOf(connection, sql)));
  const own = (found: Awaited<ReturnType<typeof read>>) =>
    [...found].filter(([object]) => object.includes('nodir'));
  const found = own(await read(cluster.primary));
  expect(found).toHaveLength(2);
  expect(found).toEqual(own(await read(replica)));
});

it('a look at all definitions ends nobody’s ALTER under LOCK TABLES, as every dump has it', async () => {
  const lone = await LoneServer.start();
  try {
    await lone.unlogged('CREATE DATABASE d', 'CREATE TABLE d.t (k INT PRIMARY KEY AUTO_INCREMENT)');
    let isLoading = true;
    let looks = 0;
    const looking = Promise.all(
      [1, 2, 3].map(async () => {
        for (; isLoading; looks++) await lone.control.definitions();
      }),
    );
    await withSql(lone, async (connection) => {
      await run(connection, 'SET sql_log_bin = 0');
      while (looks < 400) {
        await run(connection, 'LOCK TABLES d.t WRITE');
        await run(connection, 'ALTER TABLE d.t DISABLE KEYS');
        await run(connection, 'INSERT INTO d.t VALUES ()');
        await run(connection, 'ALTER TABLE d.t ENABLE KEYS');
        await run(connection, 'UNLOCK TABLES');
      }
    });
    isLoading = false;
    await looking;
  } finally {
    await lone.dispose();
  }
});
