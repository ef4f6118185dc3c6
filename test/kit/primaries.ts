import type { ClusterStatus } from '../../src/model/status.js';
import type { TestNode } from './test-node.js';

/** Which node is the primary, as the nodes tell it. */

/** Null when the node does not answer. */
async function statusOf(node: TestNode): Promise<ClusterStatus | null> {
  const options = { timeoutMs: 2_000 };
  const answer = await node
    .request<ClusterStatus>('GET', '/v1/cluster', undefined, options)
    .catch(() => null);
  return answer?.status === 200 ? answer.body : null;
}

/**
 * The open primary of the newest epoch that a node knows; null = there is none. One that was replaced and has stood still may
 * say for a moment that it is open.
 */
export async function newestPrimary(nodes: readonly TestNode[]): Promise<TestNode | null> {
  const all = await Promise.all(nodes.map(statusOf));
  const told = all.flatMap((status) => (status?.primary ? [{ ...status, primary: status.primary }] : []));
  const [newest] = told.toSorted((a, b) => b.epoch - a.epoch);
  const primary = nodes.find(({ name }) => name === newest?.primary) ?? null;
  return (await primary?.isOpenPrimary()) ? primary : null;
}

/** @throws Error when a live member does not name this primary, or only in an older epoch */
export async function expectFollowed(primary: TestNode, nodes: readonly TestNode[]): Promise<void> {
  const { epoch, members } = await primary.cluster();
  const live = members.filter(({ state }) => state === 'live').map(({ name }) => name);
  for (const node of nodes.filter(({ name }) => live.includes(name))) {
    const seen = await statusOf(node);
    if (seen?.primary !== primary.name || seen.epoch < epoch)
      throw new Error(`${node.name} names ${seen?.primary} of epoch ${seen?.epoch}, not of ${epoch}`);
  }
}
