import { afterAll, beforeAll, expect, it } from 'vitest';
import { SkeinClient } from '../../client/src/index.js';
import { sleep } from '../../src/std/timing.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { until } from '../kit/until.js';

/**
 * The primary is lost, and all nodes are stopped at a random moment of what follows: the election, the start of the former primary,
 * the comparison of its data. Every stop ends in order, and the next start serves.
 */

const ROUNDS = Number(process.env.SKEIN_TEST_STOPS ?? 30);
const STOP_WITHIN_MS = 7_000;
const STOP_DEADLINE_MS = 60_000;
/** The stop comes while clients write. */
const WRITING_SHARE = 0.3;
const PACE_MS = 10;

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
  await client.execute('CREATE DATABASE shop');
  await client.execute('CREATE TABLE shop.t (id INT AUTO_INCREMENT PRIMARY KEY, round INT NOT NULL)');
});

afterAll(async () => {
  await cluster?.dispose();
});

it(`${ROUNDS} stops after a failover`, async () => {
  const stops: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const old = await until('a primary is open', () => cluster.electedPrimary(), { deadlineMs: 60_000 });
    const writer = setInterval(() => {
      client.execute('INSERT INTO shop.t (round) VALUES (?)', [round]).catch(() => {});
    }, PACE_MS);
    try {
      await sleep(500);
      await Promise.all([old.kill('node'), old.kill('server')]);
      await until('another primary serves', async () => {
        for (const node of cluster.nodes) if (node !== old && (await node.isOpenPrimary())) return true;
        return false;
      });
      await sleep(Math.random() * STOP_WITHIN_MS);
      if (Math.random() > WRITING_SHARE) clearInterval(writer);
      const started = performance.now();
      expect(await cluster.endDemo('SIGTERM', STOP_DEADLINE_MS)).toBe(0);
      stops.push(Math.round(performance.now() - started));
    } finally {
      clearInterval(writer);
    }
    await cluster.startDemo();
  }
  stops.sort((a, b) => a - b);
  console.log(
    `stops took ${stops[0]}-${stops.at(-1)} ms, half of them at most ${stops[stops.length >> 1]} ms`,
  );
});
