import { cp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Chain } from '../../src/model/chain.js';
import { votersOf } from '../../src/model/members.js';
import type { MembersDocument } from '../../src/model/status.js';
import { checksumAtRest, waitApplied } from '../kit/checksum.js';
import { checkLedger, type WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, LEDGER_DATABASE, startWriters } from '../kit/kill-rounds.js';
import { endOf, logOf } from '../kit/node-log.js';
import { seedsOf } from '../kit/seeds.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** One cluster grows from one node to five and shrinks to one again, while clients write; the primary is fixed. */

const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5'];
/** Of a write, of so many voters. */
const NEEDED = [0, 1, 2, 2, 3, 3];
/** Writes between two changes: proof that the cluster serves, and something to lose. */
const WRITES = 20;
/** Kills of the primary's node during a change. */
const ROUNDS = Number(process.env.SKEIN_TEST_ROUNDS ?? 1);
const DEADLINE_MS = 60_000;
/** Of a megabyte each: more than "hubWindowBytes" is by default. */
const LARGE_ROWS = 16;

let cluster: TestCluster;
let writers: WriterPool | undefined;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  const settings = { spoolSegmentBytes: 64 * 1024 };
  cluster = await TestCluster.start({ replicas: 4, first: 1, failover: 'fixed', settings });
  await createLedger(cluster);
  writers = startWriters(cluster, { paceMs: 5 });
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

/** Ordinals of the last transaction that the primary has read from its server's log, and that its spool has on the disk. */
async function ends(primary: TestNode): Promise<{ end: number; durable: number }> {
  const { members } = await primary.cluster();
  const own = members.find(({ name }) => name === primary.name);
  if (!own) throw new Error(`${primary.name} is no member`);
  return { end: own.positions.received, durable: own.positions.durable };
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
  writers = startWriters(cluster, { paceMs: 5, ledger: pool().ledger });
}

/**
 * The primary has noted everything that is committed. Of two voters, one with a new spool is only admitted before the primary
 * opens when its server has executed no more than that; the note is written at each heartbeat.
 */
async function untilNoted(primary: TestNode): Promise<void> {
  await until('the primary has noted what is committed', async () => {
    // The status may be as old as the note; the metrics are of this moment.
    const { text } = await primary.request('GET', '/metrics');
    const committed = Number(/^skein_position\{stage="committed"\} (\d+)$/m.exec(text)?.[1]);
    const { ordinal } = JSON.parse(await readFile(join(primary.directory, 'state', 'log-end.json'), 'utf8'));
    return ordinal === committed;
  });
}

async function restart(name: string): Promise<void> {
  await cluster.node(name).kill('node');
  cluster.startNode(name);
  await cluster.node(name).untilReady(DEADLINE_MS);
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

it('the primary lost its spool: it copies what its server has logged, before it counts with a new one', async () => {
  const { primary } = cluster;
  const listed = async () => (await listOf(primary)).members.find(({ name }) => name === primary.name);
  const before = (await listed())?.incarnation;
  const since = await endOf(primary);
  await primary.kill('node');
  await primary.kill('server');
  await rm(join(primary.directory, 'spool'), { recursive: true });
  cluster.startNode(primary.name);
  await primary.untilReady(DEADLINE_MS);
  await until('the list has the new spool', async () => (await listed())?.incarnation !== before);
  await untilVoters(NAMES);
  await serves();
  const log = (await logOf(primary)).slice(since);
  const [copied, began] = ['the spool has the log of the server', 'epoch began'].map((text) =>
    log.indexOf(text),
  );
  expect(copied).toBeGreaterThan(0);
  expect(began, 'the copy is on the disk before the epoch begins').toBeGreaterThan(copied ?? 0);
  await pool().stop();
  await waitApplied(primary, cluster.replicas);
  await until('the disk of the primary has the whole log again', async () => {
    const { end, durable } = await ends(primary);
    return durable === end;
  });
  writers = startWriters(cluster, { paceMs: 5, ledger: pool().ledger });
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

it('the death of the primary’s node in the middle of a change leaves one list or the other, on all nodes', async () => {
  for (let round = 1; round <= ROUNDS; round++) {
    const removed = remove('n5').catch(() => null);
    // At another moment of the change each time.
    await until('the change may have begun', async () => {
      const chain: Chain = JSON.parse(
        await readFile(join(cluster.primary.directory, 'state', 'chain.json'), 'utf8'),
      );
      return round % 2 === 0 || !chain.at(-1)?.members?.some(({ name }) => name === 'n5');
    });
    await cluster.primary.kill('node');
    cluster.startNode('n1');
    await cluster.primary.untilReady(DEADLINE_MS);
    await removed;
    await serves();
    if ((await listOf(cluster.primary)).members.some(({ name }) => name === 'n5')) {
      expect((await remove('n5')).status).toBe(200);
    }
    await untilVoters(NAMES.slice(0, 4));
    const n5 = cluster.node('n5');
    await until(
      'n5 is told that it was removed',
      async () =>
        (await n5.request('GET', '/ready', undefined, { token: null })).text.includes('was removed'),
      { deadlineMs: DEADLINE_MS },
    );
    await cluster.node('n5').kill('node');
    await cluster.grow('n5');
    await untilVoters(NAMES);
  }
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

it('two voters: an old spool is put back and the primary starts anew; what was committed stays so (rule E12)', async () => {
  const [n1, n2] = [cluster.primary, cluster.node('n2')];
  const [spool, copy] = [join(n2.directory, 'spool'), join(n2.directory, 'copy')];
  const killBoth = async (node: TestNode) => {
    await node.kill('node');
    await node.kill('server');
  };
  await killBoth(n2);
  await cp(spool, copy, { recursive: true });
  cluster.startNode('n2');
  await serves();
  await withSql(n1, (connection) => run(connection, 'FLUSH BINARY LOGS'));
  await serves();
  // A dump may still read an older file.
  await until('the log begins behind the old spool', () =>
    withSql(n1, async (connection) => {
      const logs = await rowsOf(connection, 'SHOW BINARY LOGS');
      await run(connection, `PURGE BINARY LOGS TO '${logs.at(-1)?.Log_name}'`);
      return (await rowsOf(connection, 'SHOW BINARY LOGS')).length === 1;
    }),
  );
  await serves();
  // Without the data of its server the old spool would be all that n2 has: see "Two voters" in docs/members.md.
  await waitApplied(n1, [n2]);
  await killBoth(n2);
  await rm(spool, { recursive: true });
  await rename(copy, spool);
  await untilNoted(n1);
  await killBoth(n1);
  cluster.startNode('n1');
  cluster.startNode('n2');
  await untilVoters(['n1', 'n2']);
  await serves();
  await checkWhole(['n1', 'n2']);
});

it('two voters: a log that was lost while the primary was down too is admitted anew, so that it opens', async () => {
  const n2 = cluster.node('n2');
  await n2.kill('node');
  await n2.kill('server');
  await untilNoted(cluster.primary);
  await cluster.primary.kill('node');
  await cluster.primary.kill('server');
  await rename(join(n2.directory, 'spool'), join(n2.directory, 'lost-spool'));
  for (const name of ['n1', 'n2']) cluster.startNode(name);
  await untilVoters(['n1', 'n2']);
  await serves();
  await checkWhole(['n1', 'n2']);
  expect((await remove('n2')).status).toBe(200);
  await serves();
});

it('a node that comes back without its data is filled from the only other one', async () => {
  const n2 = cluster.node('n2');
  await n2.kill('node');
  await n2.kill('server');
  await rename(join(n2.directory, 'data'), join(n2.directory, 'lost-data'));
  await cluster.grow('n2');
  await untilVoters(['n1', 'n2']);
  // A voter has everything in its spool; its server may still be filled.
  await until('n2 was filled', async () => (await seedsOf(n2)) === 1, { deadlineMs: DEADLINE_MS });
  await serves();
  await checkWhole(['n1', 'n2']);
});
