import { afterAll, beforeAll, expect, it } from 'vitest';
import { SkeinClient } from '../../client/src/index.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { until } from '../kit/until.js';

/** An application that uses @skein/client while its primary is lost. */

/** 20 writes a second, some seconds before and after. */
const PACE_MS = 50;
const WRITES_AROUND = 40;

let cluster: TestCluster;
let client: SkeinClient;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  client = new SkeinClient({
    nodes: cluster.nodes.map(({ url }) => url),
    token: cluster.token,
    timeoutMs: 30_000,
  });
  await client.execute('CREATE DATABASE app_db');
  await client.execute('CREATE TABLE app_db.t (id INT AUTO_INCREMENT PRIMARY KEY, name INT NOT NULL)');
});

afterAll(async () => {
  await cluster?.dispose();
});

it('sees no error, and no write twice, when the primary is killed', async () => {
  const old = await until('a primary is open', () => cluster.electedPrimary());
  const writes: Promise<{ node: string; epoch: number }>[] = [];
  const writer = setInterval(() => {
    writes.push(client.execute('INSERT INTO app_db.t (name) VALUES (?)', [writes.length]));
    writes.at(-1)?.catch(() => {});
  }, PACE_MS);
  try {
    await until('writes before', () => writes.length >= WRITES_AROUND);
    await Promise.all([old.kill('node'), old.kill('server')]);
    await until('another primary serves', async () => {
      for (const node of cluster.nodes) if (node !== old && (await node.isOpenPrimary())) return true;
      return false;
    });
    const count = writes.length;
    await until('writes after', () => writes.length >= count + WRITES_AROUND);
  } finally {
    clearInterval(writer);
  }
  const answers = await Promise.all(writes);
  expect(answers.at(-1)?.node).not.toBe(old.name);
  expect(answers.at(-1)?.epoch).toBeGreaterThan(answers[0]?.epoch ?? 0);
  const { rows } = await client.query<{ name: number; times: string }>(
    'SELECT name, COUNT(*) AS times FROM app_db.t GROUP BY name ORDER BY name',
    [],
    { level: 'linearizable' },
  );
  expect(rows.map(({ name }) => name)).toEqual(writes.map((_, at) => at));
  expect(rows.filter(({ times }) => Number(times) !== 1)).toEqual([]);
});
