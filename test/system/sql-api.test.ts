/** `POST /v1/sql` and what belongs to it, on a real cluster: read levels, forwarding, streams, transactions, keys. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import type { ErrorAnswer, HttpAnswer, SqlAnswer, TestNode } from '../kit/test-node.js';

let cluster: TestCluster;
showLogsOnFailure(() => cluster);
const tokens = { read: '', write: '' };

beforeAll(async () => {
  cluster = await TestCluster.start({ proxied: true });
  for (const role of ['read', 'write'] as const) {
    const made = await cluster.primary.request<{ token: string }>('POST', '/v1/tokens', { name: role, role });
    tokens[role] = made.body.token;
  }
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(200))');
});
afterAll(async () => {
  await cluster?.dispose();
});

const post = (
  node: TestNode,
  body: object,
  options: { token?: string; headers?: Record<string, string> } = {},
): Promise<HttpAnswer<SqlAnswer>> =>
  node.request<SqlAnswer>('POST', '/v1/sql', body, { token: tokens.write, ...options });

const errorOf = (answer: HttpAnswer<SqlAnswer>): ErrorAnswer | undefined => answer.body.error;

describe('read levels', () => {
  it('linearizable: the quorum is asked for each read, by whoever asks', async () => {
    const read = { level: 'linearizable' };
    await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('linear')");
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        post(
          cluster.primary,
          { sql: "SELECT COUNT(*) FROM demo.t WHERE v = 'linear'", read },
          { token: i % 2 ? tokens.read : tokens.write },
        ),
      ),
    );
    for (const answer of answers) expect(answer.body.results?.[0]?.rows).toEqual([['1']]);
  });

  it('linearizable: a primary that is cut off from its quorum says so, and reads of other levels go on', async () => {
    for (const { name } of cluster.replicas) cluster.proxy(name).cut();
    try {
      const cut = await post(cluster.primary, {
        sql: 'SELECT 1',
        read: { level: 'linearizable' },
        timeoutMs: 500,
      });
      expect([cut.status, errorOf(cut)?.code, errorOf(cut)?.applied]).toEqual([503, 'NO_QUORUM', 'no']);
      expect((await post(cluster.primary, { sql: 'SELECT 1', read: { level: 'primary' } })).status).toBe(200);
      const replica = cluster.node('n2');
      const far = await post(replica, { sql: 'SELECT 1', read: { level: 'linearizable' } });
      expect([far.status, errorOf(far)?.primary]).toEqual([421, cluster.primary.url]);
    } finally {
      for (const { name } of cluster.replicas) cluster.proxy(name).heal();
    }
    const again = await post(cluster.primary, { sql: 'SELECT 1', read: { level: 'linearizable' } });
    expect(again.status).toBe(200);
  });
});
