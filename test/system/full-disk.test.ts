import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { run, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/** A replica whose spool's disk is full: it stops counting and says so, the others go on, and with room it catches up. */

let cluster: TestCluster;
let mounted: string | null = null;
showLogsOnFailure(() => cluster);

function mount(directory: string, options: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  cluster = await TestCluster.prepare({ settings: { spoolSegmentBytes: 1024 * 1024 } });
  const spool = join(cluster.node('n2').directory, 'spool');
  mkdirSync(spool, { recursive: true });
  if (!mount(spool, 'size=16m,mode=0755')) return;
  mounted = spool;
  await cluster.startDemo();
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGBLOB)');
});

afterAll(async () => {
  await cluster?.endDemo('SIGTERM').catch(() => {});
  if (mounted) execFileSync('umount', ['-l', mounted]);
  await cluster?.dispose();
});

const insert = (count: number) =>
  withSql(cluster.primary, async (connection) => {
    for (let i = 0; i < count; i++) {
      await run(connection, 'INSERT INTO demo.t (v) VALUES (REPEAT(SHA2(RAND(), 512), 8192))');
    }
  });

it('full disk under a spool (skipped where mounting a tmpfs is not permitted)', async (context) => {
  if (!mounted) return context.skip();
  const full = cluster.node('n2');
  await checksumAtRest(cluster.primary, cluster.replicas);
  // What is not applied may not be purged, so that the spool fills up.
  await full.freeze('server');
  try {
    await insert(40);
    await until('n2 says that its spool failed', async () => {
      const { members } = await cluster.primary.cluster();
      const member = members.find(({ name }) => name === 'n2');
      return member && (member.reason !== null || member.state !== 'live');
    });
    const log = await full.logs(300);
    expect(log).toMatch(/ENOSPC|no space/i);
    await insert(5);
    await checksumAtRest(cluster.primary, [cluster.node('n3')]);
  } finally {
    execFileSync('mount', ['-o', 'remount,size=256m', mounted]);
    await full.unfreeze('server');
  }
  // A failed write is fatal to the spool (SAFETY H12): a new process reads what is on the disk.
  if (await full.runs('node')) await full.kill('node');
  await full.untilReady(60_000);
  await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: 60_000 });
});
