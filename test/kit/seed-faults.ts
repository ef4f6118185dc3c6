import { sleep } from '../../src/std/timing.js';
import type { TestCluster } from './cluster.js';
import type { ProcessKind } from './test-node.js';

/** How long the link of the receiver is cut. */
const CUT_MS = 1_000;

/** What happens while n2 is filled; n3 is the other replica, and gives the snapshot as long as it is healthy. */
export const SEED_FAULTS = [
  'the node of the donor',
  'the server of the donor',
  'the node of the receiver',
  'the server of the receiver',
  'the link to the primary',
] as const;
export type SeedFault = (typeof SEED_FAULTS)[number];

/** Kills it, or cuts the link. A node is started again, everything else comes back by itself. */
export async function seedFault(cluster: TestCluster, fault: SeedFault): Promise<void> {
  switch (fault) {
    case 'the node of the donor':
      return kill(cluster, 'n3', 'node');
    case 'the server of the donor':
      return kill(cluster, 'n3', 'server');
    case 'the node of the receiver':
      return kill(cluster, 'n2', 'node');
    case 'the server of the receiver':
      return kill(cluster, 'n2', 'server');
    case 'the link to the primary': {
      const proxy = cluster.proxy('n2');
      proxy.reset();
      proxy.cut();
      await sleep(CUT_MS);
      proxy.heal();
    }
  }
}

async function kill(cluster: TestCluster, name: string, kind: ProcessKind): Promise<void> {
  const old = await cluster
    .node(name)
    .kill(kind)
    .catch(() => null);
  // Between two starts there may be no process to kill: then this was the fault.
  if (old !== null && kind === 'node') cluster.startNode(name);
}
