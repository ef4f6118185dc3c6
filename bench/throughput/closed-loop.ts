import { percentile } from './statistics.js';

/** One connection, over which one request after the other is made. */
export interface Client {
  /** Resolves when the answer is there, and rejects for any but a good one. */
  request(): Promise<void>;
  close(): Promise<void> | void;
}

export interface LoopFigures {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** What this process, which makes the load, used of one core: near 1 it measures itself. */
  readonly ownCore: number;
}

/** Each client asks again as soon as it is answered, for so long. */
export async function closedLoop(clients: readonly Client[], seconds: number): Promise<LoopFigures> {
  const times: number[] = [];
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  const loop = async (client: Client) => {
    for (let from = performance.now(); from < endsAt; ) {
      await client.request();
      const now = performance.now();
      times.push(now - from);
      from = now;
    }
  };
  await Promise.all(clients.map(loop));
  const tookMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  return {
    requests: times.length,
    seconds: tookMs / 1000,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    ownCore: (user + system) / 1000 / tookMs,
  };
}
