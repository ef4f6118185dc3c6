import { once } from 'node:events';
import { createConnection } from 'node:net';
import { join, resolve } from 'node:path';
import type { PlannedNode } from '../../../src/cli/demo/plan.js';
import type { Assignment } from '../../../src/election/election.js';
import { type ClusterOptions, TestCluster } from '../cluster.js';
import type { TestNode } from '../test-node.js';
import { until } from '../until.js';

const ENTRY = resolve(import.meta.dirname, 'driven-node.mjs');
const socketOf = (directory: string) => join(directory, 'role.sock');

/** A cluster whose election is the test's own hand; it begins with n1 as the primary. */
export function startDriven(options: ClusterOptions = {}): Promise<TestCluster> {
  return TestCluster.start({ failover: 'fixed', ...options, nodeCommand });
}

const FIRST = 'n1';

function nodeCommand({ name, directory }: PlannedNode): string[] {
  const first: Assignment = name === FIRST ? { kind: 'primary' } : { kind: 'replica', primary: FIRST };
  return [process.execPath, ENTRY, join(directory, 'node.json'), socketOf(directory), JSON.stringify(first)];
}

/** Tells a node what it is. Resolves when it has heard that, not when it has done it. */
async function assign(node: TestNode, role: Assignment): Promise<void> {
  const socket = createConnection(socketOf(node.directory));
  await once(socket, 'connect');
  socket.write(`${JSON.stringify(role)}\n`);
  await once(socket, 'data');
  socket.destroy();
}

async function own(node: TestNode) {
  const { members } = await node.cluster();
  const line = members.find(({ name }) => name === node.name);
  if (!line) throw new Error(`${node.name} does not say what it is`);
  return line;
}

/**
 * The clean way: the old primary gives its role up, then the next one takes it, and all others follow that. Resolves when
 * the next one is ready. Returns the milliseconds.
 */
export async function handOver(cluster: TestCluster, from: TestNode, to: TestNode): Promise<number> {
  const started = performance.now();
  await assign(from, { kind: 'replica', primary: to.name });
  await until(
    `${from.name} is a replica`,
    async () => {
      const { role, reason } = await own(from);
      return role === 'replica' && !/^This node is becoming/.test(reason ?? '');
    },
    { deadlineMs: 60_000, intervalMs: 20, context: () => cluster.logs() },
  );
  await assign(to, { kind: 'primary' });
  for (const other of cluster.nodes) {
    if (other !== from && other !== to) await assign(other, { kind: 'replica', primary: to.name });
  }
  await until(
    `${to.name} is the primary`,
    async () => (await own(to)).role === 'primary' && (await to.isReady()),
    {
      deadlineMs: 60_000,
      intervalMs: 20,
      context: () => cluster.logs(),
    },
  );
  return performance.now() - started;
}
