import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openApp } from '../kit/app-port.js';
import { checksumAtRest, waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { openSql, rowsOf, run, scalarOf, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** Named time zones: known on every node, the same on every node, and told of when they are not. */
let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ patient: true });
  await cluster.primary.sql('CREATE DATABASE demo');
});

afterAll(async () => {
  await cluster?.dispose();
});

/** Summer time, winter time, a change of it in another half of the world, and a zone that is another's name. */
const CONVERSIONS = `SELECT CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'Europe/Berlin'),
  CONVERT_TZ('2024-01-01 12:00:00', 'Europe/Berlin', 'America/New_York'),
  CONVERT_TZ('2024-10-06 03:00:00', 'Australia/Sydney', 'UTC'), CONVERT_TZ('1995-06-01 00:00:00', 'Etc/GMT+5', 'Asia/Kolkata')`;
const CONVERTED = [
  '2024-07-01 14:00:00',
  '2024-01-01 06:00:00',
  '2024-10-05 16:00:00',
  '1995-06-01 10:30:00',
];

async function openReadOnly(node: TestNode): Promise<Connection> {
  const { members } = await cluster.primary.cluster();
  const port = Number(members.find(({ name }) => name === node.name)?.mysqlRo?.split(':')[1]);
  return await openSql({ host: '127.0.0.1', port, user: 'app', password: node.password('app') });
}

const sumsOf = (node: TestNode) =>
  withSql(node, (connection) =>
    rowsOf(connection, 'CHECKSUM TABLE mysql.time_zone_name, mysql.time_zone_transition'),
  );

const warnings = async () => (await cluster.primary.cluster()).warnings.join('\n');

/** Past the log: only this node's server. */
const onlyOn = (node: TestNode, sql: string[]) =>
  withSql(node, async (connection) => {
    await run(connection, 'SET sql_log_bin = 0');
    for (const statement of sql) await run(connection, statement);
  });

it('CONVERT_TZ takes names, over HTTP and the ports of every node', async () => {
  for (const node of cluster.nodes) {
    expect([node.name, (await node.rows(CONVERSIONS))[0]]).toEqual([node.name, CONVERTED]);
    const connection = await openReadOnly(node);
    const [row] = await rowsOf(connection, CONVERSIONS);
    connection.destroy();
    expect([node.name, Object.values(row ?? {})]).toEqual([node.name, CONVERTED]);
  }
  const sums = await sumsOf(cluster.primary);
  for (const replica of cluster.replicas) expect(await sumsOf(replica)).toEqual(sums);
});

it('SET time_zone takes names, over HTTP and the ports of every node', async () => {
  const shown = 'SELECT FROM_UNIXTIME(1719835200), @@time_zone';
  const expected = ['2024-07-01 14:00:00', 'Europe/Berlin'];
  for (const node of cluster.nodes) {
    const connection = await openReadOnly(node);
    await run(connection, "SET time_zone = 'Europe/Berlin'");
    const [row] = await rowsOf(connection, shown);
    connection.destroy();
    expect([node.name, Object.values(row ?? {})]).toEqual([node.name, expected]);
  }
  const { results } = (
    await cluster.primary.request<{ results: { rows: unknown[][] }[] }>('POST', '/v1/sql', {
      statements: [{ sql: "SET time_zone = 'Europe/Berlin'" }, { sql: shown }],
    })
  ).body;
  expect(results[1]?.rows[0]).toEqual(expected);
});

it('DDL and rows of a session with a named zone are the same on all nodes', async () => {
  const app = await openApp(cluster, { database: 'demo' });
  await run(app, "SET time_zone = 'Europe/Berlin'");
  await run(app, "CREATE TABLE z (id INT PRIMARY KEY, t TIMESTAMP NOT NULL DEFAULT '2024-07-01 12:00:00')");
  await run(app, 'INSERT INTO z (id) VALUES (1)');
  await run(app, "INSERT INTO z VALUES (2, '2024-01-01 12:00:00')");
  await run(app, "ALTER TABLE z ADD COLUMN u TIMESTAMP NOT NULL DEFAULT '2024-12-24 18:00:00'");
  await run(
    app,
    "CREATE TABLE y (PRIMARY KEY (b)) AS SELECT TIMESTAMP'2024-07-01 12:00:00' a, UNIX_TIMESTAMP('2024-07-01 12:00:00') b",
  );
  await run(app, "CREATE EVENT e ON SCHEDULE AT '2037-07-01 12:00:00' DO SELECT 1");
  app.destroy();
  await waitApplied(cluster.primary, cluster.replicas);
  for (const node of cluster.nodes) {
    expect(
      await node.rows('SELECT id, UNIX_TIMESTAMP(t), UNIX_TIMESTAMP(u) FROM demo.z ORDER BY id'),
    ).toEqual([
      [1, '1719828000', '1735059600'],
      [2, '1704106800', '1735059600'],
    ]);
    expect(await node.rows('SELECT b FROM demo.y')).toEqual([['1719828000']]);
  }
  await checksumAtRest(cluster.primary, cluster.replicas);
  expect(await warnings()).toBe('');
});

it('a server whose data directory was made without zones has them after its next start', async () => {
  const [replica] = cluster.replicas as [TestNode];
  const sums = await sumsOf(replica);
  const tables = ['', '_name', '_transition', '_transition_type'];
  await onlyOn(
    replica,
    tables.map((table) => `TRUNCATE TABLE mysql.time_zone${table}`),
  );
  const logged = await withSql(replica, (connection) => scalarOf(connection, 'SELECT @@gtid_binlog_pos'));
  await replica.untilRestarted('server', await replica.kill('server'));
  await until(`${replica.name} has its zones again`, async () => {
    const again = await sumsOf(replica);
    return JSON.stringify(again) === JSON.stringify(sums);
  });
  expect(await withSql(replica, (connection) => scalarOf(connection, 'SELECT @@gtid_binlog_pos'))).toBe(
    logged,
  );
  await replica.untilReady();
});

it('a replica with other zones is told of until it has the same', async () => {
  const replica = cluster.replicas[1] as TestNode;
  await onlyOn(replica, [
    "UPDATE mysql.time_zone_name SET Name = 'Europe/Berlin2' WHERE Name = 'Europe/Berlin'",
  ]);
  // The node looks at its start, and every minute.
  await replica.untilRestarted('node', await replica.kill('node'));
  await until('the difference is told', async () => (await warnings()).includes(replica.name), {
    deadlineMs: 90_000,
  });
  expect(await warnings()).toContain('(1298)');
  const { text } = await cluster.primary.request(
    'GET',
    '/v1/logs?text=TIME_ZONES_DIFFER&part=events&tail=10',
  );
  expect(text).toContain(`not those of ${replica.name}`);
  // As docs/operations.md says.
  const asked = join(replica.directory, 'load-time-zones');
  await writeFile(asked, '');
  await replica.untilRestarted('server', await replica.kill('server'));
  // The node looks once in a minute, too.
  await until('nothing is told any more', async () => (await warnings()) === '', { deadlineMs: 90_000 });
  expect(existsSync(asked)).toBe(false);
});
