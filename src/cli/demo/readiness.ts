import { sleep } from '../../std/timing.js';
import { portOwner } from './port-owner.js';

/** Short, because it adds to the time of every start. */
const POLL_MS = 100;
/** A node under load answers its health within milliseconds; one that is stopped (SIGSTOP) never does. */
const ANSWER_MS = 2000;

/** The node that should answer, so that another program, or another cluster's node, on the port is not mistaken for it. */
export interface ExpectedNode {
  readonly name: string;
  readonly cluster: string;
  readonly url: string;
  readonly port: number;
  /** The node's process id; null while it has no process. */
  pid(): number | null;
}

interface ReadyAnswer {
  readonly node?: unknown;
  readonly cluster?: unknown;
  readonly state?: unknown;
  readonly reason?: unknown;
}

/** Null when the node is ready; else the reason, for people. */
export async function notReadyBecause(node: ExpectedNode, signal: AbortSignal): Promise<string | null> {
  try {
    const response = await fetch(`${node.url}/ready`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    const answer = parse(await response.text());
    if (!response.ok) return reasonOf(answer) ?? `it answers ${response.status}`;
    return otherOnPort(node, answer);
  } catch {
    return 'it is starting';
  }
}

/** The names detect another program; the process id detects another cluster with the same names. */
function otherOnPort({ name, cluster, port, pid }: ExpectedNode, answer: ReadyAnswer): string | null {
  if (answer.node !== name || answer.cluster !== cluster) {
    return `port ${port} is answered by something else, not by ${name} of ${cluster}`;
  }
  const owner = portOwner(port);
  if (owner === null || owner.pid === pid()) return null;
  return `port ${port} is answered by process ${owner.pid} (${owner.command}), which is not ${name}`;
}

/** Resolves when the node is ready; calls `changed` with each new reason why it is not. */
export async function untilReady(
  node: ExpectedNode,
  changed: (reason: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let told = '';
  for (;;) {
    const reason = await notReadyBecause(node, signal);
    if (reason === null) return;
    if (reason !== told) changed(reason);
    told = reason;
    await sleep(POLL_MS, signal);
  }
}

function reasonOf(answer: ReadyAnswer): string | null {
  if (typeof answer.reason === 'string') return answer.reason;
  return typeof answer.state === 'string' ? answer.state : null;
}

function parse(text: string): ReadyAnswer {
  try {
    return (JSON.parse(text) as ReadyAnswer | null) ?? {};
  } catch {
    return {};
  }
}
