/** The same as test/full/mysql-port.test.ts, at full size: hundreds of connections, hundreds of megabytes. */
import { createReadStream } from 'node:fs';
import { mkdtemp, open as openFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { memoryOf } from '../kit/processes.js';
import { openSql, rowsOf, scalarOf } from '../kit/sql-node.js';

const DATABASE = 'ports';
const LOAD_BYTES = 200 * 2 ** 20;

let cluster: TestCluster;
let directory: string;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-ports-'));
  cluster = await TestCluster.start();
  await cluster.primary.sql(`CREATE DATABASE ${DATABASE}`);
});

afterAll(async () => {
  await cluster?.dispose();
  await rm(directory, { recursive: true, force: true });
});

/** mysql2 as `app`, through the read-write port of a node. */
async function through(name: string): Promise<Connection> {
  const { members } = await cluster.primary.cluster();
  const port = Number(members.find((member) => member.name === name)?.mysqlRw?.split(':')[1]);
  const password = cluster.primary.password('app');
  return await openSql({ host: '127.0.0.1', port, user: 'app', password, database: DATABASE });
}

it('500 connections through a replica are held open, and all work', async () => {
  const pool: Connection[] = [];
  try {
    while (pool.length < 500) {
      pool.push(...(await Promise.all(Array.from({ length: 25 }, () => through('n2')))));
    }
    for (let round = 0; round < 5; round++) {
      const ids = await Promise.all(pool.map((sql) => scalarOf(sql, 'SELECT CONNECTION_ID()')));
      expect(new Set(ids).size).toBe(500);
    }
  } finally {
    for (const sql of pool) sql.destroy();
  }
});

it('LOAD DATA LOCAL of 200 MB through a replica: the nodes stay small, the checksums equal', async () => {
  const line = 'x'.repeat(180);
  const path = join(directory, 'rows.tsv');
  const file = await openFile(path, 'w');
  let rows = 0;
  for (let bytes = 0; bytes < LOAD_BYTES; ) {
    const block = Array.from({ length: 10_000 }, () => `${++rows}\t${line}\n`).join('');
    await file.write(block);
    bytes += block.length;
  }
  await file.close();
  const pids = await Promise.all(['n1', 'n2', 'n3'].map((name) => cluster.node(name).pid('node')));
  const peaks = pids.map(() => 0);
  const watch = setInterval(() => {
    for (const [at, pid] of pids.entries()) {
      void memoryOf(pid).then(({ rssBytes }) => {
        peaks[at] = Math.max(peaks[at] ?? 0, rssBytes);
      });
    }
  }, 250);
  const sql = await through('n2');
  try {
    await sql.query('CREATE TABLE big (id INT PRIMARY KEY, v VARCHAR(200))');
    const started = performance.now();
    await sql.query({
      sql: `LOAD DATA LOCAL INFILE 'rows.tsv' INTO TABLE big`,
      infileStreamFactory: () => createReadStream(path),
    });
    const seconds = (performance.now() - started) / 1000;
    const [sum] = await rowsOf(sql, 'SELECT COUNT(*) n, SUM(LENGTH(v)) bytes FROM big');
    expect([Number(sum?.n), Number(sum?.bytes)]).toEqual([rows, rows * line.length]);
    const replicas = [cluster.node('n2'), cluster.node('n3')];
    await checksumAtRest(cluster.primary, replicas, { deadlineMs: 300_000, schemas: [DATABASE] });
    const mebibytes = peaks.map((bytes) => Math.round(bytes / 2 ** 20));
    console.log(`${rows} rows in ${seconds.toFixed(1)} s; peak RSS of the nodes ${mebibytes.join(', ')} MiB`);
    expect(Math.max(...mebibytes)).toBeLessThan(300);
  } finally {
    clearInterval(watch);
    sql.destroy();
  }
});
