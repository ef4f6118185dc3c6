import { sleep } from '../../std/signal.js';

/** Short: it is the time that a second start adds to what the nodes need. */
const POLL_MS = 100;
/** A node under load answers its health within milliseconds; one that is stopped (SIGSTOP) never does. */
const ANSWER_MS = 2000;

/** Null when the node is ready; else why not, in plain words. */
export async function notReadyBecause(url: string, signal: AbortSignal): Promise<string | null> {
  try {
    const response = await fetch(`${url}/ready`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    const text = await response.text();
    if (response.ok) return null;
    return reasonOf(text) ?? `it answers ${response.status}`;
  } catch {
    return 'it is starting';
  }
}

/** Resolves when the node is ready; `changed` hears each new reason why it is not. */
export async function untilReady(
  url: string,
  changed: (reason: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let told = '';
  for (;;) {
    const reason = await notReadyBecause(url, signal);
    if (reason === null) return;
    if (reason !== told) changed(reason);
    told = reason;
    await sleep(POLL_MS, signal);
  }
}

function reasonOf(text: string): string | null {
  try {
    const body = JSON.parse(text) as { reason?: unknown; state?: unknown };
    if (typeof body.reason === 'string') return body.reason;
    return typeof body.state === 'string' ? body.state : null;
  } catch {
    return null;
  }
}
