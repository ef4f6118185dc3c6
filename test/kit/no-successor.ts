import { waitApplied } from './checksum.js';
import type { TestCluster } from './cluster.js';
import { endOf, eventsSince } from './node-log.js';
import { signalPid } from './processes.js';
import type { TestNode } from './test-node.js';
import { until } from './until.js';

/**
 * The node compares its definitions before it opens. From then on it keeps the lead, unless a person has to repair its server: see
 * `setMaintenance`.
 */
const COMPARES = /compares its definitions with those of/;

/**
 * The primary's server dies while no other node can take over, because their servers are starting. So the same node is elected
 * again and opens its server, after comparing it with the others. Resolves when it compares, or says that its server has DDL that
 * the cluster's log lacks, so that another node has to take over (SERVER_AHEAD). `last` happens before it dies, and
 * `closed` when its server is up again, while the other servers stand still.
 */
export async function dieWithoutSuccessor(
  cluster: TestCluster,
  { last, closed }: { last?: () => Promise<void>; closed?: () => Promise<void> } = {},
): Promise<void> {
  const { primary, replicas } = cluster;
  // A replica's server that dies in the middle of DDL is filled.
  await waitApplied(primary, replicas);
  const held = await holdServers(primary, replicas);
  try {
    await last?.();
    const mark = await endOf(primary);
    const old = await primary.kill('server');
    await primary.untilRestarted('server', old);
    await until(
      'the same node is elected and compares its definitions',
      async () => (await comparesOrServes(primary)) || (await isAhead(primary, mark)),
      {
        deadlineMs: 60_000,
        intervalMs: 20,
        context: () => cluster.logs(),
      },
    );
    await closed?.();
  } finally {
    for (const pid of held) signalPid(pid, 'SIGCONT');
  }
}

/** How soon the primary has heard that a server is gone; a heartbeat takes a fraction of a second. */
const HEARD_MS = 5_000;
const TRIES = 5;

/** Resolves when the primary knows that no other node has a working server. */
async function holdServers(primary: TestNode, replicas: readonly TestNode[]): Promise<number[]> {
  for (let tries = 1; ; tries++) {
    const held = await Promise.all(replicas.map(killAndHold));
    const heard = until('no other node has a working server', () => isWithoutSuccessor(primary), {
      deadlineMs: HEARD_MS,
    });
    try {
      await heard;
      return held;
    } catch (error) {
      // On a busy machine one may have been up before it was stopped.
      if (tries === TRIES) throw error;
    }
  }
}

async function isWithoutSuccessor(primary: TestNode): Promise<boolean> {
  const { failover } = await primary.cluster();
  return failover?.against.some((text) => text.includes('has no working server')) ?? false;
}

async function killAndHold(node: TestNode): Promise<number> {
  return holdServer(node, await node.kill('server'));
}

/** The next process of this node's server stands still at its beginning. `old`: the pid of the last one. */
export async function holdServer(node: TestNode, old: number): Promise<number> {
  const pid = await until(
    `${node.name}'s server is started again`,
    async () => {
      const now = await node.pid('server').catch(() => old);
      return now === old ? null : now;
    },
    { intervalMs: 2 },
  );
  signalPid(pid, 'SIGSTOP');
  return pid;
}

async function isAhead(node: TestNode, mark: number): Promise<boolean> {
  const errors = await eventsSince(node, 'replication.error', mark);
  return errors.some(({ code }) => code === 'SERVER_AHEAD');
}

async function comparesOrServes(node: TestNode): Promise<boolean> {
  const { members } = await node.cluster();
  const own = members.find(({ name }) => name === node.name);
  return COMPARES.test(own?.reason ?? '') || (await node.isOpenPrimary());
}

/** Nodes in maintenance are given no lead by a primary whose server has to be repaired by hand. */
export async function setMaintenance(nodes: readonly TestNode[], on: boolean): Promise<void> {
  for (const node of nodes) {
    const { status, text } = await node.request('POST', `/v1/nodes/${node.name}/maintenance`, { on });
    if (status !== 200) throw new Error(`the maintenance of ${node.name}: ${status} ${text}`);
  }
}
