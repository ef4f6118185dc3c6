import type { PlannedNode } from './plan.js';

/** A node under load answers within milliseconds; one that is stopped (SIGSTOP) never does. */
const ANSWER_MS = 1000;

/** The node that serves as the primary now; null = none of these does. */
export async function openPrimary(
  nodes: readonly PlannedNode[],
  signal?: AbortSignal,
): Promise<PlannedNode | null> {
  const answers = await Promise.all(nodes.map((node) => isPrimary(node, signal)));
  return nodes.find((_, at) => answers[at]) ?? null;
}

async function isPrimary({ name, url, config }: PlannedNode, signal?: AbortSignal): Promise<boolean> {
  const timeout = AbortSignal.timeout(ANSWER_MS);
  try {
    const response = await fetch(`${url}/primary`, {
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const answer = (await response.json()) as { node?: unknown; cluster?: unknown };
    return response.ok && answer.node === name && answer.cluster === config.cluster;
  } catch {
    return false;
  }
}
