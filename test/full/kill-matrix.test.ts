import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../../src/std/timing.js';
import { Ledger } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole } from '../kit/kill-rounds.js';
import { endOf, eventsSince } from '../kit/node-log.js';
import { signalPid } from '../kit/processes.js';
import { startRoleWriters } from '../kit/role-writers.js';
import type { ProcessKind, TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/**
 * The kill matrix: what machines, networks and disks do to a cluster under load, some rounds of each. Clients insert all
 * along and note what they were told. After each kind of fault everything has gone on by itself, nothing that was
 * acknowledged is missing, nothing is there twice, and checksums are equal.
 *
 * How the rounds fit into minutes:
 * - Heartbeats are quicker than in the product (250 ms; late after 750 ms, gone after 1.5 s), so that a fault of 2 s goes
 *   through every state that one of 30 s goes through with the product's own figures. test/long has those.
 * - Two processes of different nodes are hit at once, paired so that each of the six has its turn in three steps, and two
 *   spools of three are always left.
 * - The last SIGSTOP lasts 30 s for each of the six processes, the pairs overlapping: all of them stand for 22 s of it.
 */
const ROUNDS = Number(process.env.SKEIN_TEST_ROUNDS ?? 1);
const FAULT_MS = Number(process.env.SKEIN_TEST_FAULT_MS ?? 2_000);
const LONG_STOP_MS = 30_000;
const QUICK_HEARTBEATS = { heartbeatIntervalMs: 250, lateAfterMs: 750, goneAfterMs: 1_500 };

type Victim = readonly [node: string, kind: ProcessKind];
const PAIRS: ReadonlyArray<readonly [Victim, Victim]> = [
  [
    ['n1', 'node'],
    ['n2', 'server'],
  ],
  [
    ['n1', 'server'],
    ['n3', 'node'],
  ],
  [
    ['n2', 'node'],
    ['n3', 'server'],
  ],
];

let cluster: TestCluster;
const ledger = new Ledger();
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({
    // Without a supervisor: a node that was killed stays down until the test starts it.
    first: 3,
    routed: 1,
    // Else a disk without room is noticed before a write fails on it (retention.test.ts).
    settings: {
      retention: { logBytes: 2 ** 34, logHours: 72, freeBytesMin: 0 },
      spoolSegmentBytes: 1024 ** 2,
      ...(FAULT_MS < 10_000 ? QUICK_HEARTBEATS : {}),
    },
    smallSpools: { nodes: ['n1', 'n3'], bytes: 64 * 1024 ** 2 },
  });
  await createLedger(cluster);
});

afterAll(() => cluster?.dispose());

/** How long a fault lasts; nothing is waited for. */
const lasting = (ms: number) => sleep(ms);
const writesGoOn = (when: string, inserts = 10) => ledger.progress(inserts, 60_000, `writes go on ${when}`);

async function allReady(): Promise<void> {
  for (const node of cluster.nodes) await node.untilReady(90_000);
  await cluster.untilPrimary();
}

/** The replicas take turns. */
const replicaOf = (round: number) => cluster.replicas[round % 2] as TestNode;

async function kill([name, kind]: Victim): Promise<void> {
  const node = cluster.node(name);
  const old = await node.kill(kind);
  // A server is started again by its node; nobody supervises the nodes of a cluster with proxies but we.
  if (kind === 'node') cluster.startNode(name);
  await node.untilRestarted(kind, old);
}

async function stop(victims: readonly Victim[], ms: number): Promise<void> {
  const pids = await Promise.all(victims.map(([name, kind]) => cluster.node(name).pid(kind)));
  for (const [name, kind] of victims) await cluster.node(name).freeze(kind);
  await lasting(ms);
  // A server that stood longer than its limit was killed by its node, and is another process now.
  for (const pid of pids) signalPid(pid, 'SIGCONT');
}

/** A fault of the link between the primary and one replica, which the other one makes up for: the primary stays. */
const oneLink = (begin: (primary: string, replica: string) => void) => async (round: number) => {
  const { primary } = cluster;
  const { epoch } = await primary.cluster();
  begin(primary.name, replicaOf(round).name);
  await writesGoOn('with one link', 50);
  await lasting(FAULT_MS);
  await until('the primary is open', () => primary.isOpenPrimary());
  expect((await primary.cluster()).epoch, 'no other one was elected meanwhile').toBe(epoch);
  cluster.routes.heal();
};

const ALL_PAIRS = [
  ['n1', 'n2'],
  ['n1', 'n3'],
  ['n2', 'n3'],
] as const;

const FULL_DISK = {
  n3: 'the disk of a replica’s spool is full (skipped where mounting a tmpfs is not permitted)',
  n1: 'the disk of the primary’s spool is full (skipped where mounting a tmpfs is not permitted)',
};

/** What each round does; before and after it writes go on, and all nodes are ready. */
const FAULTS: Record<string, (round: number) => Promise<void>> = {
  'kill -9 of each process': async () => {
    for (const pair of PAIRS) {
      await Promise.all(pair.map(kill));
      await writesGoOn(`after the kill of ${pair.join(' and ')}`);
      await allReady();
    }
  },

  'kill -9 of the primary’s node and server at once': async () => {
    const { name } = cluster.primary;
    await Promise.all([kill([name, 'server']), kill([name, 'node'])]);
  },

  'SIGSTOP of each process': async (round) => {
    if (round === ROUNDS) {
      const staggered = PAIRS.map(async (pair, at) => {
        await lasting(at * 4_000);
        await stop(pair, LONG_STOP_MS);
      });
      await Promise.all(staggered);
      return;
    }
    for (const pair of PAIRS) {
      await stop(pair, FAULT_MS);
      await writesGoOn(`after ${pair.join(' and ')} stood`);
    }
  },

  'a link is cut both ways': oneLink((primary, replica) => cluster.routes.cut(primary, replica)),
  'a link is cut from replica to primary': oneLink((primary, replica) =>
    cluster.routes.cutOneWay(replica, primary),
  ),
  'a link is cut from primary to replica': oneLink((primary, replica) =>
    cluster.routes.cutOneWay(primary, replica),
  ),
  'a link loses packets and breaks': oneLink((primary, replica) => {
    for (const proxy of cluster.routes.between(primary, replica))
      proxy.loss({ chance: 0.05, resetAfterBytes: 100_000 });
  }),

  'all links are slow (50 ms each way)': async () => {
    for (const [one, other] of ALL_PAIRS)
      for (const proxy of cluster.routes.between(one, other)) proxy.delay(50);
    await writesGoOn('over slow links', 50);
    cluster.routes.heal();
  },

  'all links are cut: nothing is acknowledged': async () => {
    for (const [one, other] of ALL_PAIRS) cluster.routes.cut(one, other);
    const acknowledged = () => ledger.counts.acknowledged;
    await until('what was on its way back has arrived', async () => {
      const before = acknowledged();
      await lasting(500);
      return acknowledged() === before;
    });
    const before = acknowledged();
    await lasting(FAULT_MS);
    expect(acknowledged(), 'acknowledged by a minority').toBe(before);
    cluster.routes.heal();
  },

  'a replica starts while its link is down: it applies what its spool holds': async (round) => {
    const replica = replicaOf(round);
    // The server first: what the node receives from here on lies in the spool only.
    await replica.freeze('server');
    const applied = await appliedBy(replica);
    await writesGoOn('while a server stands', 200);
    for (const other of cluster.routes.othersThan(replica.name)) cluster.routes.refuse(replica.name, other);
    await replica.kill('node');
    await replica.kill('server');
    const state = JSON.parse(readFileSync(join(replica.directory, 'spool', 'state.json'), 'utf8'));
    expect(state.committed, 'committed, and not applied').toBeGreaterThan(applied);
    cluster.startNode(replica.name);
    await until(
      `${replica.name} applies up to ${state.committed} from its spool`,
      async () => (await appliedBy(replica)) >= state.committed,
      { deadlineMs: 60_000, context: () => replica.logs(20) },
    );
    cluster.routes.heal();
  },

  // A failed write is fatal to the spool (rule H12): the node ends, and a new process reads what is on the disk.
  [FULL_DISK.n3]: async () => {
    await cluster.makePrimary('n1');
    const full = cluster.node('n3');
    cluster.disks.spool('n3')?.fill();
    await until('n3 does not count any more, and it is said', async () => {
      const { members } = await cluster.primary.cluster();
      return members.some(({ name, state, reason }) => name === 'n3' && state !== 'live' && reason !== null);
    });
    expect(await full.logs(200)).toMatch(/ENOSPC|no space/i);
    await writesGoOn('with one full disk', 50);
    await cluster.untilNodeEnded('n3');
    cluster.disks.spool('n3')?.makeRoom();
    cluster.startNode('n3');
  },

  [FULL_DISK.n1]: async (round) => {
    await cluster.makePrimary('n1');
    const { primary } = cluster;
    const since = await endOf(primary);
    cluster.disks.spool('n1')?.fill();
    await cluster.untilNodeEnded('n1');
    const [damage] = await eventsSince(primary, 'spool.damaged', since);
    expect(damage).toMatchObject({ code: 'SPOOL_FAILED', reason: expect.stringMatching(/ENOSPC|no space/i) });
    // The disk is still full: the node cannot append what the next primary sends, and ends again.
    if (round === 1) {
      cluster.startNode('n1');
      await cluster.untilNodeEnded('n1');
    }
    cluster.disks.spool('n1')?.makeRoom();
    cluster.startNode('n1');
  },
};

async function appliedBy(node: TestNode): Promise<number> {
  const { members } = await node.cluster();
  return members.find(({ name }) => name === node.name)?.positions.applied ?? 0;
}

it.for(Object.entries(FAULTS))('%s', { timeout: 900_000 }, async ([name, round], context) => {
  for (const [node, fault] of Object.entries(FULL_DISK))
    if (name === fault && cluster.disks.spool(node) === null)
      return context.skip('no file system can be mounted here');
  const started = performance.now();
  const pool = startRoleWriters(cluster, ledger, { http: 2, mysql: 2, paceMs: 10 });
  try {
    for (let at = 1; at <= ROUNDS; at++) {
      await writesGoOn('before the fault', 20);
      await round(at);
      await writesGoOn('after the fault', 20);
      await allReady();
    }
  } finally {
    await pool.stop();
  }
  await expectWhole(cluster, ledger);
  const seconds = (performance.now() - started) / 1000;
  console.log(`${name}, ${ROUNDS} rounds: ${seconds.toFixed(1)} s; ${ledger.summary()}`);
});
