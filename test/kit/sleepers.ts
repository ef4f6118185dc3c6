import type { TestNode } from './test-node.js';
import { until } from './until.js';

/**
 * So many requests at a time that sleep, until their client hangs up: what the answer does. Resolves when `inUse` holds: they
 * have the sessions that they can get.
 */
export async function startSleepers(
  node: TestNode,
  options: { readonly count: number; readonly token: string; inUse(): Promise<boolean> },
): Promise<() => Promise<void>> {
  const over = new AbortController();
  const asked = Array.from({ length: options.count }, () =>
    fetch(`${node.url}/v1/sql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${options.token}` },
      body: JSON.stringify({ sql: 'SELECT SLEEP(100)', timeoutMs: 100_000 }),
      signal: over.signal,
    }).catch(() => null),
  );
  await until('its share of sessions is in use', () => options.inUse());
  return async () => {
    over.abort();
    await Promise.all(asked);
  };
}
