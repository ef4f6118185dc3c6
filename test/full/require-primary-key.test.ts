import { afterAll, beforeAll, expect, it } from 'vitest';
import { attempt, openApp } from '../kit/app-port.js';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { run, scalarOf, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ replicas: 1, settings: { requirePrimaryKey: true } });
  await cluster.primary.sql('CREATE DATABASE demo');
});

afterAll(async () => {
  await cluster?.dispose();
});

const ER_REQUIRES_PRIMARY_KEY = 1173;

const isRequired = (name: string) =>
  withSql(cluster.node(name), (connection) =>
    scalarOf(connection, 'SELECT @@global.innodb_force_primary_key'),
  );

it('a table without a usable key is refused, by the primary only', async () => {
  const app = await openApp(cluster, { database: 'demo' });
  for (const sql of [
    'CREATE TABLE a (i INT)',
    'CREATE TABLE a (i INT UNIQUE)',
    'CREATE TABLE a AS SELECT 1 i',
    'CREATE TABLE a (g POINT NOT NULL, SPATIAL KEY (g))',
    'CREATE TABLE a (i INT) PARTITION BY HASH (i)',
  ])
    expect([sql, await attempt(app, sql)]).toEqual([sql, ER_REQUIRES_PRIMARY_KEY]);
  await run(app, 'CREATE TABLE b (i INT PRIMARY KEY, j INT NOT NULL UNIQUE)');
  expect(await attempt(app, 'ALTER TABLE b DROP PRIMARY KEY, DROP KEY j')).toBe(ER_REQUIRES_PRIMARY_KEY);
  await run(app, 'CREATE SEQUENCE s');
  app.destroy();
  // What a primary once took, its replicas must take.
  expect([await isRequired('n1'), await isRequired('n2')]).toEqual(['1', '0']);
  await checksumAtRest(cluster.primary, cluster.replicas);
});

it('a table of another engine, which gets past that, is converted all the same', async () => {
  const app = await openApp(cluster, { database: 'demo' });
  await run(app, 'CREATE TABLE m (i INT) PARTITION BY HASH (i) (PARTITION p ENGINE=MyISAM)');
  await until('it is converted', async () => {
    const { text } = await cluster.primary.request('GET', '/v1/logs?text=ENGINE_CONVERTED&part=events');
    return text.includes('demo.m ');
  });
  await until('keys are required again', async () => (await isRequired('n1')) === '1');
  app.destroy();
  await checksumAtRest(cluster.primary, cluster.replicas);
});

it('it is so again after a crash of the server', async () => {
  const old = await cluster.primary.kill('server');
  await cluster.primary.untilRestarted('server', old);
  await cluster.primary.untilReady();
  const app = await openApp(cluster, { database: 'demo' });
  expect(await attempt(app, 'CREATE TABLE c (i INT)')).toBe(ER_REQUIRES_PRIMARY_KEY);
  app.destroy();
});
