import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { sum } from '../throughput/statistics.js';

const run = promisify(execFile);

/** Bytes that were sent so far over each connection, by the port of its other end. */
export type SentBytes = ReadonlyMap<number, number>;

/**
 * Of the connections that end at a port of this machine, as the kernel counts them.
 * @throws Error when there is no `ss`
 */
export async function sentBytesOf(localPort: number): Promise<SentBytes> {
  try {
    const args = ['-tinHO', 'state', 'established', `sport = :${localPort}`];
    return parseSentBytes((await run('ss', args)).stdout);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error('There is no program "ss"; install iproute2.', { cause: error });
  }
}

/** Exported for its test. Nothing was sent yet where the kernel names no number. */
export function parseSentBytes(text: string): SentBytes {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return new Map(
    lines.map((line) => {
      const [, peer] = /^\s*\d+\s+\d+\s+\S+:\d+\s+\S+:(\d+)\s/.exec(line) ?? [];
      if (peer === undefined) throw new Error(`a line of ss is not understood: ${line}`);
      return [Number(peer), Number(/\bbytes_sent:(\d+)/.exec(line)?.[1] ?? 0)];
    }),
  );
}

/** Over the connections that were there all the time: those of replicas, not those of the load. */
export function sentBetween(before: SentBytes, after: SentBytes): { connections: number; bytes: number } {
  const lasting = [...before].filter(([peer]) => after.has(peer));
  return {
    connections: lasting.length,
    bytes: sum(lasting.map(([peer, bytes]) => (after.get(peer) ?? 0) - bytes)),
  };
}
