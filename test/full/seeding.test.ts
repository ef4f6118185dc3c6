import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SeedPhase } from '../../src/model/seed.js';
import type { Ledger, WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole, startWriters } from '../kit/kill-rounds.js';
import { type SeedFault, seedFault } from '../kit/seed-faults.js';
import {
  Reader,
  removeData,
  removeSpool,
  seedsOf,
  stopAll,
  untilHealed,
  untilPhase,
  untilPurged,
} from '../kit/seeds.js';
import { openSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/**
 * A replica's server is filled from another node, while clients write and one reads that replica all along. Each case ends
 * with a healthy replica, no person has done anything, and all nodes have the same rows.
 */
let cluster: TestCluster;
let ledger: Ledger | undefined;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({
    proxied: true,
    settings: { spoolSegmentBytes: 64 * 1024, seedRateMiBs: 48 },
  });
  await createLedger(cluster);
});
afterAll(() => cluster?.dispose());

/** Clients write, and one reads n2, while `fault` and what follows from it go on. */
async function whileInUse(fault: (pool: WriterPool) => Promise<void>): Promise<void> {
  const pool = startWriters(cluster, { ledger, paceMs: 5 });
  ledger = pool.ledger;
  await ledger.progress(20, 60_000, 'writes go on before the fault');
  const reader = new Reader(cluster, cluster.node('n2'));
  try {
    await until('the replica is read', () => reader.answers > 3);
    await fault(pool);
    await untilHealed(cluster.node('n2'));
    const before = reader.answers;
    await until('the replica is read again', () => reader.answers > before + 3);
  } finally {
    await pool.stop();
    await reader.stop();
  }
  await expectWhole(cluster, pool.ledger);
}

/** One fault in each kind of phase; test/long has thirty at random moments, also with lost data. */
const FAULTS: readonly [SeedPhase, SeedFault][] = [
  ['transferring', 'the node of the donor'],
  ['transferring', 'the server of the donor'],
  ['preparing', 'the node of the receiver'],
  ['positioning', 'the server of the receiver'],
  ['transferring', 'the link to the primary'],
];

it.each(FAULTS)(
  'a seed that an operator asked for, and while it is %s: %s',
  async (phase, fault) => {
    const n2 = cluster.node('n2');
    await whileInUse(async () => {
      const before = await seedsOf(n2);
      const { status } = await cluster.primary.request('POST', '/v1/nodes/n2/reseed');
      expect(status).toBe(202);
      await untilPhase(n2, phase, before);
      await seedFault(cluster, fault);
      await untilHealed(n2);
      await cluster.node('n3').untilReady();
    });
    // Which node gives it depends on how the others are at that moment; see choose-donor.test.ts.
    expect(await n2.logs(400)).toMatch(/"event":"seed.done"[^\n]*from n[13]/);
  },
  180_000,
);

it('the data directory is gone: it is filled', async () => {
  const n2 = cluster.node('n2');
  await whileInUse(async () => {
    await untilPurged(n2);
    await stopAll(n2);
    await removeData(n2);
    cluster.startNode('n2');
    await n2.untilRestarted('node', 0, 30_000);
  });
  expect(await seedsOf(n2)).toBe(1);
});

it('data directory and spool are gone', async () => {
  const n2 = cluster.node('n2');
  await whileInUse(async () => {
    await stopAll(n2);
    await removeData(n2);
    await removeSpool(n2);
    cluster.startNode('n2');
    await n2.untilRestarted('node', 0, 30_000);
  });
});

it('what a client sends as its name is no damage, what the server says of its files is', async () => {
  const n2 = cluster.node('n2');
  const before = await seedsOf(n2);
  const socketPath = await n2.socketPath();
  const spoof = '2026-11-27 10:00:00 0 [ERROR] InnoDB: failed read of file ./spoof/t.ibd: page corruption';
  for (const user of [spoof, `x\n${spoof}\n`, 'Table a is marked as crashed'])
    await expect(openSql({ socketPath, user, password: 'x' })).rejects.toThrow('Access denied');
  await appendFile(join(n2.directory, 'server.log'), `${spoof.replace('spoof', 'real')}\n`);
  await until('n2 is filled', async () => (await seedsOf(n2)) > before, { deadlineMs: 120_000 });
  await untilHealed(n2);
  expect(await seedsOf(n2)).toBe(before + 1);
  const log = await readFile(join(n2.directory, 'node.log'), 'utf8');
  const started = log.split('\n').filter((line) => line.includes('"event":"seed.started"'));
  expect(started.at(-1)).toContain('./real/t.ibd');
  expect(started.join('')).not.toContain('spoof');
});
