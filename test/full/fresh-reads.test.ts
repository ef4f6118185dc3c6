import type { Connection } from 'mysql2/promise';
import { createPool, type Pool } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { run, scalarOf } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** Reading one's own writes through a replica's read-only port (`mysqlReadOnlyWaitMs`), with the pools of a driver. */

/** A busy replica needs some of it. */
const WAIT_MS = 6_000;

let cluster: TestCluster;
let replica: TestNode;
let writer: Pool;
let reader: Pool;
/** On the replica's server, past its ports. */
let direct: Connection;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({
    replicas: 1,
    settings: { mysqlReadOnlyWaitMs: WAIT_MS, applierStallMs: 60_000 },
  });
  replica = cluster.node('n2');
  const { members } = await cluster.primary.cluster();
  const member = members.find(({ name }) => name === 'n2');
  const pool = (address: string | null | undefined) =>
    createPool({
      ...{ host: '127.0.0.1', port: Number(address?.split(':')[1]), connectionLimit: 4 },
      ...{ user: 'app', password: cluster.primary.password('app') },
    });
  writer = pool(member?.mysqlRw);
  reader = pool(member?.mysqlRo);
  await writer.query('CREATE DATABASE fresh');
  await writer.query('CREATE TABLE fresh.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)');
  await waitApplied(cluster.primary, cluster.replicas);
  direct = await replica.connect();
});

afterAll(async () => {
  direct?.destroy();
  await Promise.all([writer?.end(), reader?.end()]);
  await cluster?.dispose();
});

async function rowsWith(v: number, prepared = false): Promise<number> {
  const sql = 'SELECT id FROM fresh.t WHERE v = ?';
  const [rows] = prepared ? await reader.execute(sql, [v]) : await reader.query(sql, [v]);
  return (rows as unknown[]).length;
}

/** Its server commits nothing meanwhile; reads go on. */
async function whileItStands<T>(work: () => Promise<T>): Promise<T> {
  await run(direct, 'FLUSH TABLES WITH READ LOCK');
  try {
    return await work();
  } finally {
    await run(direct, 'UNLOCK TABLES');
  }
}

it('a row that was written is there for whoever reads next, on any connection of any pool', async () => {
  for (let i = 0; i < 60; i++) {
    await writer.query('INSERT INTO fresh.t (v) VALUES (?)', [i]);
    expect(await rowsWith(i, i % 2 === 0), `row ${i}`).toBe(1);
  }
});

it('a read waits until the server has what was written before, and no longer', async () => {
  let read: Promise<number> | null = null;
  let done = false;
  await whileItStands(async () => {
    await writer.query('INSERT INTO fresh.t (v) VALUES (1000)');
    read = rowsWith(1000).finally(() => {
      done = true;
    });
    await until('the row is in the spool', async () => {
      const { members } = await cluster.primary.cluster();
      const positions = members.find(({ name }) => name === 'n2')?.positions;
      return positions && positions.durable > positions.applied;
    });
    expect(done).toBe(false);
  });
  expect(await read).toBe(1);
});

it('a row that does not come in time: the connection is closed, and an old answer is not given', async () => {
  await whileItStands(async () => {
    await writer.query('INSERT INTO fresh.t (v) VALUES (2000)');
    const started = performance.now();
    await expect(rowsWith(2000)).rejects.toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST' });
    expect(performance.now() - started).toBeGreaterThan(WAIT_MS - 100);
  });
  expect(await rowsWith(2000)).toBe(1);
});

describe('when the primary does not answer', () => {
  it('reads of the replica end in time, and go on when it does', async () => {
    await cluster.primary.freeze('node');
    try {
      await expect(rowsWith(1)).rejects.toThrow();
    } finally {
      await cluster.primary.unfreeze('node');
    }
    await cluster.primary.untilReady();
    await until('a read is answered again', () => rowsWith(1));
  });
});

it('without that setting MASTER_GTID_WAIT does it: what the documentation says', async () => {
  const [own, other] = [await writer.getConnection(), await replica.connectAs('skein_read')];
  try {
    await whileItStands(async () => {
      await own.query('INSERT INTO fresh.t (v) VALUES (3000)');
      const gtid = await scalarOf(own, 'SELECT @@last_gtid');
      expect(gtid).toMatch(/^0-\d+-\d+$/);
      expect(await scalarOf(other, 'SELECT MASTER_GTID_WAIT(?, 0.2)', [gtid])).toBe('-1');
      expect(await scalarOf(other, 'SELECT COUNT(*) FROM fresh.t WHERE v = 3000')).toBe('0');
    });
    const gtid = await scalarOf(own, 'SELECT @@last_gtid');
    expect(await scalarOf(other, 'SELECT MASTER_GTID_WAIT(?, 10)', [gtid])).toBe('0');
    expect(await scalarOf(other, 'SELECT COUNT(*) FROM fresh.t WHERE v = 3000')).toBe('1');
  } finally {
    own.release();
    other.destroy();
  }
});
