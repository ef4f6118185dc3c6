import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openApp } from '../kit/app-port.js';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { run, scalarOf } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/**
 * A table without a key keeps its rows in the order in which they were inserted, and some DDL computes from that order.
 * So replicas insert them in the order of the log, whatever else they do beside it.
 */
let cluster: TestCluster;
let app: Connection;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ patient: true });
  for (const schema of ['numbered', 'ignored', 'recreated'])
    await cluster.primary.sql(`CREATE DATABASE ${schema}`);
  app = await openApp(cluster);
});

afterAll(async () => {
  app?.destroy();
  await cluster?.dispose();
});

const INSERTS = 300;

/** One client, one transaction after the other; rows that are equal in v follow each other. */
async function fill(table: string): Promise<void> {
  for (let v = 0; v < INSERTS; v++)
    await run(app, `INSERT INTO ${table} (v, w) VALUES (?, ?)`, [Math.floor(v / 4), v]);
}

it('ids that an ALTER gives to the rows of a keyless table are the same on every node', async () => {
  await run(app, 'USE numbered');
  for (let round = 0; round < 3; round++) {
    await run(app, `CREATE TABLE plain${round} (v INT, w INT)`);
    await fill(`plain${round}`);
    await run(app, `ALTER TABLE plain${round} ADD id INT AUTO_INCREMENT PRIMARY KEY`);
  }
  await checksumAtRest(cluster.primary, cluster.replicas, { schemas: ['numbered'] });
});

it('rows that ALTER IGNORE keeps of a keyless table are the same on every node', async () => {
  await run(app, 'USE ignored');
  for (let round = 0; round < 3; round++) {
    await run(app, `CREATE TABLE doubles${round} (v INT, w INT, KEY (w))`);
    await fill(`doubles${round}`);
    await run(app, `ALTER IGNORE TABLE doubles${round} ADD UNIQUE (v)`);
  }
  await checksumAtRest(cluster.primary, cluster.replicas, { schemas: ['ignored'] });
});

it('such an ALTER is told of; rows that are logged again are the same whoever wrote them', async () => {
  await run(app, 'USE recreated');
  await run(app, 'CREATE TABLE old (v INT, w INT)');
  const others = await Promise.all([0, 1, 2, 3].map(() => openApp(cluster, { database: 'recreated' })));
  try {
    await Promise.all(
      others.map(async (connection, w) => {
        for (let v = 0; v < INSERTS / 4; v++) await run(connection, 'INSERT INTO old VALUES (?, ?)', [v, w]);
      }),
    );
  } finally {
    for (const connection of others) connection.destroy();
  }
  await run(app, 'CREATE TABLE new LIKE old');
  await run(app, 'ALTER TABLE new ADD id INT AUTO_INCREMENT PRIMARY KEY');
  await run(app, 'INSERT INTO new (v, w) SELECT v, w FROM old');
  await run(app, 'RENAME TABLE old TO gone, new TO old');
  await checksumAtRest(cluster.primary, cluster.replicas, { schemas: ['recreated'] });
  expect(await scalarOf(app, 'SELECT COUNT(DISTINCT id) FROM old')).toBe(String(INSERTS));
  await until('the ALTER is told of', async () => {
    const { text } = await cluster.primary.request('GET', '/v1/logs?text=ORDER_OF_ROWS&part=events&tail=100');
    return text.includes('ALTER TABLE new counted rows');
  });
});
