import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Chain } from '../../src/model/chain.js';
import { votersOf } from '../../src/model/members.js';
import type { MembersDocument } from '../../src/model/status.js';
import { checksumAtRest } from '../kit/checksum.js';
import { checkLedger, Ledger, type WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, LEDGER_DATABASE } from '../kit/kill-rounds.js';
import { startRoleWriters } from '../kit/role-writers.js';
import { stopAll } from '../kit/seeds.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** One cluster grows from one node to five and shrinks to two again, while clients write and its primaries are killed. */

const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5'];
/** Writes between two changes: proof that the cluster serves, and something to lose. */
const WRITES = 20;
const DEADLINE_MS = 60_000;

let cluster: TestCluster;
let pool: WriterPool;
const ledger = new Ledger();
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ replicas: 4, first: 1 });
  await createLedger(cluster);
  pool = startRoleWriters(cluster, ledger, { http: 2, mysql: 2 });
});

afterAll(async () => {
  await pool?.stop();
  await cluster?.dispose();
});

const serves = () => ledger.progress(WRITES, DEADLINE_MS, 'clients write');

async function listOf(node: TestNode): Promise<MembersDocument> {
  const answer = await node.request<MembersDocument>('GET', '/v1/members');
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
}

function remove(name: string, from: TestNode = cluster.primary) {
  return from.request('DELETE', `/v1/members/${name}`, undefined, { timeoutMs: 30_000 });
}

/** Another change may be under way, or the primary that was asked is none any more. */
async function untilRemoved(name: string): Promise<void> {
  await until(
    `${name} is removed`,
    async () => {
      const { status, text } = await remove(name, await cluster.untilPrimary(DEADLINE_MS));
      // 404: the answer before was lost.
      if (status !== 200 && status !== 404) throw new Error(text);
      return true;
    },
    { deadlineMs: DEADLINE_MS, intervalMs: 500, context: () => cluster.logs() },
  );
}

/** All of these nodes say that they are the voters. */
async function untilVoters(names: readonly string[]): Promise<void> {
  for (const node of cluster.nodes.filter(({ name }) => names.includes(name))) {
    await until(
      `${node.name} knows the voters ${names}`,
      async () => {
        const { members, change } = await listOf(node);
        return change === null && votersOf(members).sort().join() === [...names].sort().join();
      },
      { deadlineMs: DEADLINE_MS, intervalMs: 50, context: () => cluster.logs() },
    );
  }
}

async function losePrimary(): Promise<void> {
  const before = await cluster.untilPrimary(DEADLINE_MS);
  await Promise.all([before.kill('node'), before.kill('server')]);
  cluster.startNode(before.name);
  await serves();
  await before.untilReady(DEADLINE_MS);
  await cluster.untilPrimary(DEADLINE_MS);
}

it('grows from one to five, and its primary is killed at each size', { timeout: 400_000 }, async () => {
  await serves();
  for (let size = 2; size <= 5; size++) {
    await cluster.grow(`n${size}`);
    await untilVoters(NAMES.slice(0, size));
    await serves();
    await losePrimary();
  }
});

it('a voter that lost its disk is a learner until it has everything again (rule C6)', async () => {
  const lost = cluster.replicas.at(-1) as TestNode;
  const member = async () => (await listOf(cluster.primary)).members.find(({ name }) => name === lost.name);
  const before = (await member())?.incarnation;
  await Promise.all([lost.kill('node'), lost.kill('server')]);
  for (const part of ['spool', 'data', 'state']) await rm(join(lost.directory, part), { recursive: true });
  cluster.startNode(lost.name);
  await until(
    'it is a voter with its new disk',
    async () => {
      const now = await member();
      return now?.voter && now.incarnation !== before;
    },
    { deadlineMs: DEADLINE_MS, context: () => cluster.logs() },
  );
  await untilVoters(NAMES);
  await serves();
});

it('the death of the primary in the middle of a change leaves one list or the other', async () => {
  const before = await cluster.untilPrimary(DEADLINE_MS);
  const gone = cluster.replicas.at(-1) as TestNode;
  const removed = remove(gone.name).catch(() => null);
  await until('the change has begun', async () => {
    const text = await readFile(join(before.directory, 'state', 'chain.json'), 'utf8');
    const chain: Chain = JSON.parse(text);
    return !chain.at(-1)?.members?.some(({ name }) => name === gone.name);
  });
  await before.kill('node');
  cluster.startNode(before.name);
  await removed;
  await serves();
  await cluster.untilPrimary(DEADLINE_MS);
  const isListed = async () => (await listOf(cluster.primary)).members.some(({ name }) => name === gone.name);
  if (cluster.primary === gone) await losePrimary();
  if (await isListed()) await untilRemoved(gone.name);
  await untilVoters(NAMES.filter((name) => name !== gone.name));
  await until(
    'the removed node is told',
    async () =>
      (await gone.request('GET', '/ready', undefined, { token: null })).text.includes('was removed'),
    { deadlineMs: DEADLINE_MS, context: () => cluster.logs() },
  );
  await stopAll(gone);
});

it('shrinks to two, and its primary is killed at each size', { timeout: 400_000 }, async () => {
  for (let size = 3; size >= 2; size--) {
    await cluster.untilPrimary(DEADLINE_MS);
    const { members } = await listOf(cluster.primary);
    const names = votersOf(members);
    const gone = names.find((name) => name !== cluster.primary.name) as string;
    await untilRemoved(gone);
    await untilVoters(names.filter((name) => name !== gone));
    // It may be the primary of a moment ago, whose server is not there again.
    await stopAll(cluster.node(gone));
    await serves();
    await losePrimary();
  }
});

it('nothing that was acknowledged is lost', async () => {
  await pool.stop();
  await cluster.untilPrimary(DEADLINE_MS);
  const left = votersOf((await listOf(cluster.primary)).members);
  const nodes = cluster.nodes.filter(({ name }) => left.includes(name));
  const others = nodes.filter((node) => node !== cluster.primary);
  await checksumAtRest(cluster.primary, others, { deadlineMs: DEADLINE_MS });
  for (const node of nodes) await checkLedger(ledger, node, LEDGER_DATABASE);
  console.log(ledger.summary());
});
