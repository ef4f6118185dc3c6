/** The same as test/system/sql-api.test.ts, at the size that the API is meant for. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { memoryOf } from '../kit/processes.js';
import { readYourWrites } from '../kit/read-your-writes.js';
import { drainStream } from '../kit/streams.js';

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  await cluster.primary.sql('CREATE DATABASE demo');
});
afterAll(async () => {
  await cluster?.dispose();
});

it('ten million rows leave a node in constant memory', async () => {
  for (const node of [cluster.primary, cluster.node('n2')]) {
    const rssMiB = async () => (await memoryOf(await node.pid('node'))).rssBytes / 2 ** 20;
    const before = await rssMiB();
    const { rows, bytes, seconds, last, peak } = await drainStream(node, node.adminToken, 10_000_000, rssMiB);
    console.log(
      `${node.name}: ${rows} rows, ${(bytes / 2 ** 20).toFixed(0)} MiB in ${seconds.toFixed(1)} s; RSS ${before.toFixed(0)} -> at most ${peak.toFixed(0)} MiB`,
    );
    expect([rows, last.type]).toEqual([10_000_000, 'end']);
    expect(peak - before).toBeLessThan(120);
  }
});

it('ten thousand writes are read at once on another node by their positions', async () => {
  const result = await readYourWrites(cluster, cluster.token, 10_000);
  console.log(
    `${result.pairs} pairs in ${result.seconds.toFixed(1)} s: ${result.staleWithPosition} stale with the position, ${result.staleWithoutPosition} without`,
  );
  expect(result.staleWithPosition).toBe(0);
});
