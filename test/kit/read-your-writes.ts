import type { TestCluster } from './cluster.js';
import type { SqlAnswer } from './test-node.js';

export interface ReadYourWrites {
  pairs: number;
  /** Reads that did not see the write before them. */
  staleWithPosition: number;
  staleWithoutPosition: number;
  seconds: number;
}

/** Sessions at a time: enough to keep a replica a little behind, few enough for two cores. */
const SESSIONS = 16;

/**
 * Each pair writes a row by way of one node and reads it at once on a replica, with the write's position and without it.
 * Positions travel in the header and in the body, by turns; writes go to the primary and by way of a replica, by turns.
 */
export async function readYourWrites(
  cluster: TestCluster,
  token: string,
  pairs: number,
): Promise<ReadYourWrites> {
  await cluster.primary.sql('CREATE DATABASE IF NOT EXISTS ryw');
  const { position } = await cluster.primary.sql('CREATE OR REPLACE TABLE ryw.t (id INT PRIMARY KEY)');
  for (const replica of cluster.replicas) {
    await replica.sql('SELECT 1', [], { read: { level: 'session', after: position } });
  }
  const startedAt = performance.now();
  const result = { pairs, staleWithPosition: 0, staleWithoutPosition: 0 };
  let next = 0;
  const session = async () => {
    for (let id = next++; id < pairs; id = next++) await onePair(cluster, token, id, result);
  };
  await Promise.all(Array.from({ length: SESSIONS }, session));
  return { ...result, seconds: (performance.now() - startedAt) / 1000 };
}

async function onePair(
  cluster: TestCluster,
  token: string,
  id: number,
  result: { staleWithPosition: number; staleWithoutPosition: number },
): Promise<void> {
  const replicas = cluster.replicas;
  const reader = replicas[id % replicas.length] ?? cluster.primary;
  const writer = id % 4 === 3 ? reader : cluster.primary;
  const written = await writer.request<SqlAnswer>(
    'POST',
    '/v1/sql',
    { sql: 'INSERT INTO ryw.t VALUES (?)', params: [id], forward: true },
    { token },
  );
  if (written.status !== 200) throw new Error(`pair ${id}: ${written.status} ${written.text}`);
  const { position } = written.body;
  const query = { sql: 'SELECT COUNT(*) FROM ryw.t WHERE id = ?', params: [id] };
  const inBody = id % 2 === 0;
  const [without, withPosition] = await Promise.all([
    reader.request<SqlAnswer>('POST', '/v1/sql', { ...query, read: { level: 'local' } }, { token }),
    reader.request<SqlAnswer>(
      'POST',
      '/v1/sql',
      inBody ? { ...query, read: { level: 'session', after: position } } : query,
      { token, headers: inBody ? {} : { 'x-skein-position': position } },
    ),
  ]);
  for (const answer of [without, withPosition]) {
    if (answer.status !== 200) throw new Error(`pair ${id}: ${answer.status} ${answer.text}`);
  }
  if (without.body.results[0]?.rows[0]?.[0] !== '1') result.staleWithoutPosition++;
  if (withPosition.body.results[0]?.rows[0]?.[0] !== '1') result.staleWithPosition++;
}
