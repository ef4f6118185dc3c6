import { afterAll, beforeAll, expect, it } from 'vitest';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { memoryOf } from '../kit/processes.js';
import { run, withSql } from '../kit/sql-node.js';

/** A transaction far larger than the nodes' heap passes through them in pieces. */
const MEGABYTES = Number(process.env.SKEIN_TEST_MEGABYTES ?? 128);

/** 128 MB take some seconds on an idle machine with two cores. */
const DEADLINE_MS = 30_000 + MEGABYTES * 500;

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({
    patient: true,
    env: { NODE_OPTIONS: '--max-old-space-size=64' },
    // A test stops a node while a large transaction passes.
    watchdog: 0,
  });
  await cluster.primary.sql('CREATE DATABASE big');
  await cluster.primary.sql('CREATE TABLE big.t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGBLOB)');
});

afterAll(async () => {
  await cluster?.dispose();
});

/** One transaction of `megabytes` in rows of 4 MB, made by the server itself so that no client holds it. */
async function bigTransaction(megabytes: number): Promise<void> {
  await withSql(cluster.primary, async (connection) => {
    await run(connection, 'START TRANSACTION');
    for (let i = 0; i < megabytes / 4; i++) {
      await run(connection, 'INSERT INTO big.t (v) VALUES (REPEAT(SHA2(RAND(), 512), 32768))');
    }
    await run(connection, 'COMMIT');
  });
}

async function nodePids(): Promise<number[]> {
  return await Promise.all(cluster.nodes.map((node) => node.pid('node')));
}

/**
 * Buffers do not lie in the heap that is limited, so the process's own peak is looked at: 100 to 115 MiB at rest, about 60 MiB
 * of windows and buffers. A node that kept the transaction whole would need its size beyond that.
 */
const PEAK_RSS_BYTES_MAX = 210 * 2 ** 20;

async function expectBounded(when: string): Promise<void> {
  for (const node of cluster.nodes) {
    const { rssBytes, peakRssBytes } = await memoryOf(await node.pid('node'));
    expect(peakRssBytes, `${node.name} ${when}`).toBeLessThan(PEAK_RSS_BYTES_MAX);
    console.log(
      `${when}: ${node.name} RSS ${(rssBytes / 2 ** 20).toFixed(0)} MiB, peak ${(peakRssBytes / 2 ** 20).toFixed(0)} MiB`,
    );
  }
}

it(`a transaction of ${MEGABYTES} MB passes with the heap limited to 64 MB`, async () => {
  const pids = await nodePids();
  await bigTransaction(MEGABYTES);
  await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: DEADLINE_MS });
  await expectBounded('after it');
  expect(await nodePids(), 'no node was restarted').toEqual(pids);
});

it('also while one replica’s node is stopped by SIGSTOP, which then catches up', async () => {
  const pids = await nodePids();
  const stopped = cluster.node('n3');
  await stopped.freeze('node');
  try {
    await bigTransaction(MEGABYTES);
    await cluster.primary.sql('DELETE FROM big.t WHERE id <= 10');
    await checksumAtRest(cluster.primary, [cluster.node('n2')], { deadlineMs: DEADLINE_MS });
  } finally {
    await stopped.unfreeze('node');
  }
  await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: DEADLINE_MS });
  await expectBounded('after it, one replica stopped meanwhile');
  expect(await nodePids(), 'no node was restarted').toEqual(pids);
});
