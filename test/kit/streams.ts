import type { TestNode } from './test-node.js';

export interface DrainedStream {
  rows: number;
  bytes: number;
  seconds: number;
  last: { type: string };
  /** Highest of the samples taken while reading, in whatever `sample` gives. */
  peak: number;
}

/** Reads `count` rows of some 60 bytes as a stream, keeping none; `sample` is asked about every 50 ms meanwhile. */
export async function drainStream(
  node: TestNode,
  token: string,
  count: number,
  sample: () => Promise<number>,
): Promise<DrainedStream> {
  const startedAt = performance.now();
  const response = await fetch(`${node.url}/v1/sql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, accept: 'application/x-ndjson' },
    body: JSON.stringify({
      sql: `SELECT seq, REPEAT('x', 20), seq * 2 FROM demo.seq_1_to_${count}`,
      timeoutMs: 600_000,
    }),
  });
  if (response.status !== 200 || !response.body) throw new Error(await response.text());
  let [lines, bytes, peak, sampledAt] = [0, 0, 0, 0];
  let tail = Buffer.alloc(0);
  for await (const chunk of response.body) {
    bytes += chunk.length;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++;
    tail = Buffer.concat([tail, chunk]).subarray(-4096);
    if (performance.now() - sampledAt < 50) continue;
    peak = Math.max(peak, await sample());
    sampledAt = performance.now();
  }
  const last = tail.toString('utf8').trimEnd().split('\n').at(-1) ?? '';
  return {
    rows: lines - 2,
    bytes,
    seconds: (performance.now() - startedAt) / 1000,
    last: JSON.parse(last),
    peak,
  };
}
