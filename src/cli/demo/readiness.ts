import { sleep } from '../../std/timing.js';
import { portOwner } from './port-owner.js';

/** Short: it is the time that a second start adds to what the nodes need. */
const POLL_MS = 100;
/** A node under load answers its health within milliseconds; one that is stopped (SIGSTOP) never does. */
const ANSWER_MS = 2000;

/** Who should answer, so that a stranger on the port (another cluster's node, another program) is not taken for it. */
export interface ExpectedNode {
  readonly name: string;
  readonly cluster: string;
  readonly url: string;
  readonly port: number;
  /** Of its process, null while it has none. */
  pid(): number | null;
}

interface ReadyAnswer {
  readonly node?: unknown;
  readonly cluster?: unknown;
  readonly state?: unknown;
  readonly reason?: unknown;
}

/** Null when the node is ready; else why not, in plain words. */
export async function notReadyBecause(node: ExpectedNode, signal: AbortSignal): Promise<string | null> {
  try {
    const response = await fetch(`${node.url}/ready`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    const answer = parse(await response.text());
    if (!response.ok) return reasonOf(answer) ?? `it answers ${response.status}`;
    return strangerOf(node, answer);
  } catch {
    return 'it is starting';
  }
}

/** The names catch another kind of program everywhere, the process another cluster that uses the same names. */
function strangerOf({ name, cluster, port, pid }: ExpectedNode, answer: ReadyAnswer): string | null {
  if (answer.node !== name || answer.cluster !== cluster) {
    return `port ${port} is answered by something else, not by ${name} of ${cluster}`;
  }
  const owner = portOwner(port);
  if (owner === null || owner.pid === pid()) return null;
  return `port ${port} is answered by process ${owner.pid} (${owner.command}), which is not ${name}`;
}

/** Resolves when the node is ready; `changed` hears each new reason why it is not. */
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
