import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SeedPhase } from '../../src/model/seed.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole, startWriters } from '../kit/kill-rounds.js';
import { Reader, untilHealed } from '../kit/seeds.js';
import { until } from '../kit/until.js';

/** A snapshot is in the place of a replica's data, and no server starts on it. */
let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  // Slow enough that the link can be cut while the snapshot is on its way.
  cluster = await TestCluster.start({ proxied: true, settings: { seedRateMiBs: 20 } });
  await createLedger(cluster);
});
afterAll(() => cluster?.dispose());

async function untilPhase(phase: SeedPhase): Promise<void> {
  const n2 = cluster.node('n2');
  await until(
    `n2 is ${phase}`,
    async () => {
      const { members } = await n2.cluster();
      return members.find(({ name }) => name === 'n2')?.seeding?.phase === phase;
    },
    { deadlineMs: 60_000, intervalMs: 20, context: () => n2.logs(40) },
  );
}

it('the old data takes its place again, and is read, until another snapshot comes', async () => {
  const n2 = cluster.node('n2');
  const pool = startWriters(cluster, { paceMs: 5 });
  await pool.ledger.progress(20, 60_000, 'writes go on before the fault');
  const reader = new Reader(cluster, n2);
  try {
    expect((await n2.request('POST', '/v1/nodes/n2/reseed')).status).toBe(202);
    await untilPhase('transferring');
    // It does not hear that what the snapshot shows is committed, so the snapshot is ready and waits.
    cluster.proxy('n2').cut();
    await untilPhase('waiting');
    await truncate(join(n2.directory, 'seed', 'data', 'ibdata1'), 16_384);
    cluster.proxy('n2').heal();
    await untilPhase('positioning');
    await untilPhase('backing-off');
    const log = async () => (await n2.logs(400)).includes('the old data is in its place again');
    await until('the old data is back', log, { deadlineMs: 60_000, context: () => n2.logs(60) });
    const before = reader.answers;
    await until('n2 is read again', () => reader.answers > before + 3, {
      deadlineMs: 60_000,
      context: () => n2.logs(60),
    });
    // As before its data was touched.
    expect((await n2.request('DELETE', '/v1/nodes/n2/reseed')).status).toBe(202);
    await untilHealed(n2);
  } finally {
    await pool.stop();
    await reader.stop();
  }
  await expectWhole(cluster, pool.ledger);
});
