import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../../src/std/timing.js';
import { checksumAtRest } from '../kit/checksum.js';
import { checkLedger, Ledger, type WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, LEDGER_DATABASE } from '../kit/kill-rounds.js';
import { endOf, logOf } from '../kit/node-log.js';
import { startRoleWriters } from '../kit/role-writers.js';
import { scalarOf, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** What is no loss of the primary, under load: no other node is elected. */

const ROUNDS = Number(process.env.SKEIN_TEST_ROUNDS ?? 1);
const STALL_MS = 500;
const STALLS = 8 * ROUNDS;
const SATURATED_MS = 15_000 * ROUNDS;
/** For each core, so that each process of the cluster waits for its turn. */
const PROGRAMS = 2;
const WRITES = 30;
const MIB = 1024 ** 2;
const DISK_BYTES = 400 * MIB;
const FREE_BYTES = 32 * MIB;

let cluster: TestCluster;
let ledger: Ledger;
let pool: WriterPool;
let gaps: number[] = [];
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({
    slowDisks: ['n1', 'n2'],
    smallDisks: { nodes: ['n3'], bytes: DISK_BYTES },
    settings: { retention: { logBytes: 64 * MIB, logHours: 72, freeBytesMin: FREE_BYTES } },
  });
  await createLedger(cluster);
  ledger = new Ledger();
  pool = startRoleWriters(cluster, ledger, { http: 2, mysql: 2, paceMs: 20, gap: (ms) => gaps.push(ms) });
});

afterAll(async () => {
  await pool?.stop();
  await cluster?.dispose();
});

const primary = () => until('a primary is open', () => cluster.electedPrimary(), { deadlineMs: 30_000 });

/** The same node serves in the same epoch before and after, unless `act` says that it did something else. */
async function expectNoElection(what: string, act: (node: TestNode) => Promise<boolean>): Promise<void> {
  await ledger.progress(WRITES, 40_000, `writes before: ${what}`);
  const before = await primary();
  const { epoch } = await before.cluster();
  gaps = [];
  const isMeant = await act(before);
  await ledger.progress(WRITES, 40_000, `writes after: ${what}`);
  const after = await primary();
  if (isMeant)
    expect([after.name, (await after.cluster()).epoch], await cluster.logs()).toEqual([before.name, epoch]);
  console.log(`${what}: nothing acknowledged for ${Math.round(Math.max(...gaps))} ms`);
}

it.for(['the primary', 'a replica'])(
  `each fsync of %s takes ${STALL_MS} ms`,
  {
    timeout: 120_000 + 2_000 * STALLS,
  },
  async (which, context) => {
    const disk = cluster.disks.slow(which === 'the primary' ? 'n1' : 'n2');
    if (disk === null) return context.skip('no file system can be mounted here');
    const stalls = () => disk.stall({ stallMs: STALL_MS, times: STALLS, pauseMs: 50 });
    // This machine's own disk may stand still too. Stalls that came out longer say nothing.
    let longestMs = Number.POSITIVE_INFINITY;
    for (let tries = 0; longestMs > 2 * STALL_MS; tries++) {
      if (tries === 3) return context.skip(`this machine’s own disk stands still for ${longestMs} ms`);
      await cluster.makePrimary('n1');
      const measure = async () => {
        longestMs = await stalls();
        return longestMs <= 2 * STALL_MS;
      };
      await expectNoElection(`stalls of ${which}’s disk`, measure);
    }
    // Each write waits for the primary's disk: the stalls were felt.
    if (which === 'the primary') expect(Math.max(...gaps)).toBeGreaterThan(STALL_MS / 2);
  },
);

it('all cores are busy with other programs', { timeout: 120_000 + 2 * SATURATED_MS }, async () => {
  await expectNoElection('other programs', async () => {
    const programs = Array.from({ length: PROGRAMS * availableParallelism() }, () =>
      spawn('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }),
    );
    try {
      await sleep(SATURATED_MS);
      expect(programs.every(({ exitCode }) => exitCode === null)).toBe(true);
      return true;
    } finally {
      await Promise.all(programs.map(end));
    }
  });
});

async function end(program: ChildProcess): Promise<void> {
  const ended = once(program, 'exit');
  program.kill('SIGKILL');
  await ended;
}

it('nothing that was acknowledged is lost, and all nodes are equal', async () => {
  await pool.stop();
  for (const node of cluster.nodes) await node.untilReady(90_000);
  const leader = await primary();
  const others = cluster.nodes.filter((node) => node !== leader);
  await checksumAtRest(leader, others, { deadlineMs: 60_000 });
  for (const node of cluster.nodes) await checkLedger(ledger, node, LEDGER_DATABASE);
  console.log(ledger.summary());
});

it('a hand-over that is taken back does not open a server with a full disk', async (context) => {
  const disk = cluster.disks.small('n3');
  if (disk === null) return context.skip('no file system can be mounted here');
  await cluster.makePrimary('n3');
  const [n2, n3] = [cluster.node('n2'), cluster.node('n3')];
  for (const node of cluster.nodes) await node.untilReady(90_000);
  const isReadOnly = () => withSql(n3, (connection) => scalarOf(connection, 'SELECT @@global.read_only'));
  disk.leave(0.1 * FREE_BYTES);
  await until('writes are refused', async () => Number(await isReadOnly()) === 1);
  const { epoch } = await n3.cluster();

  const write = (node: TestNode, seq: number) =>
    node.request('POST', '/v1/sql', {
      ...{ sql: `INSERT INTO ledger (client, seq, note) VALUES (99, ${seq}, '')`, database: LEDGER_DATABASE },
    });

  // Stopped just now, n2 is still a target, and does not take over in time. A second later it would not be one.
  await until('it was drained for n2, which stands still', async () => {
    await n2.unfreeze('node');
    await n2.untilReady();
    const mark = await endOf(n3);
    await n2.freeze('node');
    const { status } = await n3.request(
      'POST',
      '/v1/cluster/switchover',
      { to: 'n2' },
      { timeoutMs: 75_000 },
    );
    expect(status).not.toBe(200);
    return (await logOf(n3)).slice(mark).includes('the server is drained');
  });
  try {
    expect((await n3.cluster()).epoch).toBe(epoch);
    expect(Number(await isReadOnly())).toBe(1);
    const refused = await write(n3, 1);
    expect([refused.status, refused.body]).toMatchObject([503, { error: { code: 'NOT_OPEN' } }]);
  } finally {
    await n2.unfreeze('node');
  }

  // What n3 asked of it, n2 may do now.
  disk.makeRoom();
  await until('writes are taken again', async () => (await write(await primary(), 2)).status === 200);
});
