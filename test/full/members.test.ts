import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { votersOf } from '../../src/model/members.js';
import type { MembersDocument } from '../../src/model/status.js';
import { exists } from '../../src/std/files.js';
import { checksumAtRest } from '../kit/checksum.js';
import { checkLedger, Ledger, type WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, LEDGER_DATABASE } from '../kit/kill-rounds.js';
import { startRoleWriters } from '../kit/role-writers.js';
import { seedsOf } from '../kit/seeds.js';
import { firstInSpool } from '../kit/spool-files.js';
import { run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** One cluster grows from one node to five and shrinks to one again, while clients write. The primary is n1. */

const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5'];
/** Of a write, of so many voters. */
const NEEDED = [0, 1, 2, 2, 3, 3];
/** Writes between two changes: proof that the cluster serves, and something to lose. */
const WRITES = 20;
const WRITERS = { http: 2, mysql: 2, paceMs: 5 };
const DEADLINE_MS = 60_000;
/** Of a megabyte each: more than "hubWindowBytes" is by default. */
const LARGE_ROWS = 16;

let cluster: TestCluster;
let writers: WriterPool | undefined;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  const settings = { spoolSegmentBytes: 64 * 1024 };
  cluster = await TestCluster.start({ replicas: 4, first: 1, settings });
  await createLedger(cluster);
  writers = startRoleWriters(cluster, new Ledger(), WRITERS);
});

afterAll(async () => {
  await writers?.stop();
  await cluster?.dispose();
});

const pool = () => writers as WriterPool;
const serves = () => pool().ledger.progress(WRITES, DEADLINE_MS, 'clients write');

async function listOf(node: TestNode): Promise<MembersDocument> {
  const answer = await node.request<MembersDocument>('GET', '/v1/members');
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
}

const remove = (name: string) =>
  cluster.primary.request<MembersDocument>('DELETE', `/v1/members/${name}`, undefined, { timeoutMs: 30_000 });

/** All nodes that are members say the same: these are the voters, and so many are needed. */
async function untilVoters(names: readonly string[]): Promise<void> {
  const expected = [...names].sort();
  for (const node of cluster.nodes.filter(({ name }) => names.includes(name))) {
    await until(
      `${node.name} knows the voters ${expected}`,
      async () => {
        const { members, change } = await listOf(node);
        const { quorum, change: shown } = await node.cluster();
        const found = JSON.stringify([votersOf(members).sort(), change, shown, quorum]);
        const wanted = JSON.stringify([
          expected,
          null,
          null,
          { needed: NEEDED[names.length], attached: names.length, voters: names.length },
        ]);
        if (found !== wanted) throw new Error(`${found} instead of ${wanted}`);
        return true;
      },
      { deadlineMs: DEADLINE_MS, intervalMs: 50, context: () => cluster.logs() },
    );
  }
}

async function checkWhole(names: readonly string[]): Promise<void> {
  await pool().stop();
  const [primary, ...replicas] = cluster.nodes.filter(({ name }) => names.includes(name));
  if (!primary) throw new Error('no primary');
  await checksumAtRest(primary, replicas, { deadlineMs: DEADLINE_MS });
  for (const node of [primary, ...replicas]) await checkLedger(pool().ledger, node, LEDGER_DATABASE);
  writers = startRoleWriters(cluster, pool().ledger, WRITERS);
}

async function restart(name: string): Promise<void> {
  await cluster.node(name).kill('node');
  cluster.startNode(name);
  await cluster.node(name).untilReady(DEADLINE_MS);
  await cluster.makePrimary('n1');
}

it('grows from one to five, and the quorum follows at each step', async () => {
  await serves();
  for (let size = 2; size <= 5; size++) {
    await cluster.grow(`n${size}`);
    await untilVoters(NAMES.slice(0, size));
    await serves();
  }
});

it('refuses what cannot be', async () => {
  const post = (body: object) => cluster.primary.request('POST', '/v1/members', body);
  const n2 = (await listOf(cluster.primary)).members.find(({ name }) => name === 'n2');
  if (!n2) throw new Error('n2 is no member');
  const { incarnation: _, voter: __, ...place } = n2;
  const again = await post(place);
  expect([again.status, (again.body as unknown as MembersDocument).members.length]).toEqual([200, 5]);
  const taken = await post({ ...place, http: 'http://127.0.0.1:1' });
  expect([taken.status, taken.body.error?.code]).toEqual([409, 'MEMBER_EXISTS']);
  const nowhere = await post({ ...place, name: 'n9', http: 'http://db 4:8083' });
  expect([nowhere.status, nowhere.body.error?.code]).toEqual([400, 'INVALID_FIELD']);
  const primary = await remove('n1');
  expect([primary.status, primary.body.error?.code]).toEqual([409, 'MEMBER_IS_PRIMARY']);
  expect((await remove('n9')).status).toBe(404);
  const elsewhere = await cluster.node('n2').request('DELETE', '/v1/members/n3');
  expect([elsewhere.status, elsewhere.body.error?.primary]).toEqual([421, cluster.primary.url]);
});

it('a voter that lost its spool is a learner until it has everything again (rule C6)', async () => {
  const n5 = cluster.node('n5');
  const before = (await listOf(cluster.primary)).members.find(({ name }) => name === 'n5')?.incarnation;
  await n5.kill('node');
  await n5.kill('server');
  for (const lost of ['spool', 'data']) await rm(join(n5.directory, lost), { recursive: true });
  cluster.startNode('n5');
  await until(
    'n5 is a voter with its new disk',
    async () => {
      const member = (await listOf(cluster.primary)).members.find(({ name }) => name === 'n5');
      return member?.voter && member.incarnation !== before;
    },
    { deadlineMs: DEADLINE_MS, context: () => cluster.logs() },
  );
  await untilVoters(NAMES);
  const log = await readFile(join(cluster.primary.directory, 'node.log'), 'utf8');
  expect(log).toContain('"event":"member.reset"');
  await serves();
});

it('the primary loses its spool: another node leads until it is whole again', async () => {
  const n1 = cluster.node('n1');
  const listed = async () => {
    const { members } = await listOf(await cluster.untilPrimary());
    return members.find(({ name }) => name === 'n1');
  };
  const before = (await listed())?.incarnation;
  await n1.kill('node');
  await n1.kill('server');
  await rm(join(n1.directory, 'spool'), { recursive: true });
  await serves();
  cluster.startNode('n1');
  await until(
    'n1 is a voter with its new spool',
    async () => {
      const member = await listed();
      return member?.voter && member.incarnation !== before;
    },
    { deadlineMs: DEADLINE_MS, context: () => cluster.logs() },
  );
  await untilVoters(NAMES);
  await serves();
  await cluster.makePrimary('n1');
});

it('a voter that lost its chain does not know what it has promised: it begins a new spool (rule H2)', async () => {
  const n5 = cluster.node('n5');
  const incarnation = async () =>
    (await listOf(cluster.primary)).members.find(({ name }) => name === 'n5')?.incarnation;
  const before = await incarnation();
  await n5.kill('node');
  await rm(join(n5.directory, 'state', 'chain.json'));
  cluster.startNode('n5');
  await until('n5 has a new spool', async () => (await incarnation()) !== before, {
    deadlineMs: DEADLINE_MS,
    context: () => cluster.logs(),
  });
  await untilVoters(NAMES);
  await serves();
});

it('a voter that lost only its promise could vote twice: it begins a new spool (rules C6, H1)', async () => {
  const n4 = cluster.node('n4');
  const incarnation = async () =>
    (await listOf(cluster.primary)).members.find(({ name }) => name === 'n4')?.incarnation;
  const before = await incarnation();
  await until(
    'n4 has noted what it has heard of others',
    () => exists(join(n4.directory, 'state', 'peers.json')),
    {
      deadlineMs: DEADLINE_MS,
    },
  );
  await n4.kill('node');
  await rm(join(n4.directory, 'state', 'promise.json'));
  cluster.startNode('n4');
  await until('n4 has a new spool', async () => (await incarnation()) !== before, {
    deadlineMs: DEADLINE_MS,
    context: () => cluster.logs(),
  });
  await untilVoters(NAMES);
  expect(await readFile(join(n4.directory, 'node.log'), 'utf8')).toContain('(state/promise.json) was lost');
  await serves();
});

it('shrinks to one again, over restarts, and loses nothing', async () => {
  for (let size = 4; size >= 1; size--) {
    const name = `n${size + 1}`;
    const answer = await remove(name);
    expect([answer.status, votersOf(answer.body.members)], answer.text).toEqual([200, NAMES.slice(0, size)]);
    await untilVoters(NAMES.slice(0, size));
    await serves();
    if (size === 3) await restart('n1');
    if (size === 2) await restart('n2');
    if (size === 3 || size === 1) await checkWhole(NAMES.slice(0, size));
  }
});

it(
  'a primary that is alone takes more than its window of recent transactions holds',
  async () => {
    await withSql(cluster.primary, async (connection) => {
      await run(
        connection,
        `CREATE TABLE ${LEDGER_DATABASE}.large (id INT PRIMARY KEY, text LONGTEXT NOT NULL)`,
      );
      for (let id = 1; id <= LARGE_ROWS; id++)
        await run(connection, `INSERT INTO ${LEDGER_DATABASE}.large VALUES (?, REPEAT('x', 1000000))`, [id]);
    });
    await serves();
  },
  DEADLINE_MS,
);

it('two voters: none can be removed while it is away, and a member that lost its log is admitted again (rule M7)', async () => {
  const n2 = cluster.node('n2');
  await n2.kill('node');
  await cluster.grow('n2');
  await untilVoters(['n1', 'n2']);
  await n2.kill('node');
  await until('the primary misses n2', async () => (await cluster.primary.cluster()).quorum.attached === 1, {
    deadlineMs: DEADLINE_MS,
  });
  const refused = await remove('n2');
  expect([refused.status, refused.body.error?.code], refused.text).toEqual([503, 'NO_QUORUM']);
  expect(refused.text).toContain('With two voters, every change needs both');
  await n2.kill('server');
  for (const lost of ['spool', 'data'])
    await rename(join(n2.directory, lost), join(n2.directory, `old-${lost}`));
  cluster.startNode('n2');
  await untilVoters(['n1', 'n2']);
  await serves();
  await checkWhole(['n1', 'n2']);
});

it('a node that comes back without its data is filled from the only other one', async () => {
  const n2 = cluster.node('n2');
  // With the whole log in its spool, it would need nobody.
  await until('the beginning of the log is in the spool of n2 no more', async () => {
    return (await firstInSpool(join(n2.directory, 'spool'))) > 1;
  });
  await n2.kill('node');
  await n2.kill('server');
  await rename(join(n2.directory, 'data'), join(n2.directory, 'lost-data'));
  cluster.startNode('n2');
  await untilVoters(['n1', 'n2']);
  // A voter has everything in its spool; its server may still be filled.
  await until('n2 was filled', async () => (await seedsOf(n2)) === 1, { deadlineMs: DEADLINE_MS });
  await serves();
  await checkWhole(['n1', 'n2']);
});
