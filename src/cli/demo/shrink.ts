import type { LocalCluster } from './cluster.js';
import { setAside } from './directory.js';
import { removeMember } from './members.js';
import type { PlannedNode } from './plan.js';

export interface ShrinkModules {
  readonly cluster: Pick<LocalCluster, 'explain' | 'retire'>;
  /** Those that stay. */
  readonly plan: readonly PlannedNode[];
  /** Of the cluster. */
  readonly directory: string;
  readonly token: string;
  readonly signal: AbortSignal;
  say(text: string): void;
}

/**
 * Takes these nodes out of the cluster, the last one first and one at a time: each counts until it is removed. Their files are
 * kept, because `recovered/` in them may hold what is nowhere else.
 */
export async function shrink(extra: readonly PlannedNode[], modules: ShrinkModules): Promise<void> {
  const { cluster, plan, directory, token, signal, say } = modules;
  const nodes = [...plan, ...extra];
  const successor = plan[0]?.name ?? '';
  for (const node of extra.toReversed()) {
    const { name } = node;
    await removeMember(nodes, { name, successor }, { token, changed: cluster.explain('cluster'), signal });
    await cluster.retire(node.name);
    const kept = await setAside(node, directory);
    say(`${node.name} is no member any more; its files are in ${kept} until you delete them`);
  }
}
