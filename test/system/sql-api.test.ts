/** `POST /v1/sql` and what belongs to it, on a real cluster: read levels, forwarding, streams, transactions, keys. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { memoryOf } from '../kit/processes.js';
import { drainStream } from '../kit/streams.js';
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

describe('forwarding', () => {
  const forwarded = (body: object, options: Parameters<typeof post>[2] = {}) =>
    post(cluster.node('n2'), { forward: true, ...body }, options);

  it('a replica serves what it can itself, and passes on the rest', async () => {
    const insert = await forwarded({ sql: "INSERT INTO demo.t (v) VALUES ('by way of n2')" });
    expect([insert.status, insert.body.node, insert.body.results[0]?.affectedRows]).toEqual([200, 'n1', 1]);
    expect(insert.headers.get('x-skein-position')).toBe(insert.body.position);
    const select = await forwarded({
      sql: "SELECT v FROM demo.t WHERE v = 'by way of n2'",
      read: { after: insert.body.position },
    });
    expect([select.body.node, select.body.results[0]?.rows]).toEqual(['n2', [['by way of n2']]]);
    const exact = await forwarded({ sql: 'SELECT 1', read: { level: 'linearizable' } });
    expect([exact.status, exact.body.node]).toEqual([200, 'n1']);
    const ddl = await forwarded({ sql: 'CREATE TABLE demo.forwarded (id INT PRIMARY KEY)' });
    expect([ddl.status, ddl.body.node]).toEqual([200, 'n1']);
  });

  it('passes on errors, streams and who asks', async () => {
    const wrong = await forwarded({ sql: 'INSERT INTO demo.missing VALUES (1)' });
    expect([wrong.status, errorOf(wrong)?.code]).toEqual([400, 'ER_NO_SUCH_TABLE']);
    const denied = await forwarded({ sql: "INSERT INTO demo.t (v) VALUES ('no')" }, { token: tokens.read });
    expect([denied.status, errorOf(denied)?.code]).toEqual([403, 'FORBIDDEN']);
    const lines = await forwarded(
      { sql: 'SELECT seq FROM demo.seq_1_to_20000', read: { level: 'primary' } },
      { headers: { accept: 'application/x-ndjson' } },
    );
    const told = lines.text.trimEnd().split('\n');
    expect(told.length).toBe(20_002);
    expect(JSON.parse(told.at(-1) ?? '')).toMatchObject({ type: 'end', node: 'n1' });
  });

  it('never goes round in a circle', async () => {
    const again = await forwarded(
      { sql: "INSERT INTO demo.t (v) VALUES ('circle')" },
      { headers: { 'x-skein-forwarded-by': 'n3' } },
    );
    expect([again.status, errorOf(again)?.code]).toEqual([421, 'NOT_PRIMARY']);
  });

  it('says no when the request never left, and unknown when no answer came back', async () => {
    const insert = { sql: "INSERT INTO demo.t (v) VALUES ('lost')", timeoutMs: 500 };
    await cluster.primary.freeze('node');
    try {
      const [lost, read] = await Promise.all([
        forwarded(insert),
        forwarded({ sql: 'SELECT 1', read: { level: 'primary' }, timeoutMs: 500 }, { token: tokens.read }),
      ]);
      expect([lost.status, errorOf(lost)?.code, errorOf(lost)?.applied]).toEqual([
        504,
        'OUTCOME_UNKNOWN',
        'unknown',
      ]);
      expect([read.status, errorOf(read)?.applied]).toEqual([504, 'no']);
    } finally {
      await cluster.primary.unfreeze('node');
    }
    await cluster.primary.kill('node');
    const refused = await forwarded(insert);
    expect([refused.status, errorOf(refused)?.code, errorOf(refused)?.applied]).toEqual([
      503,
      'PRIMARY_UNREACHABLE',
      'no',
    ]);
    cluster.startNode('n1');
    await cluster.primary.untilReady();
  });
});

describe('streams', () => {
  it('a million rows leave the node in constant memory', async () => {
    const rssMiB = async () => (await memoryOf(await cluster.primary.pid('node'))).rssBytes / 2 ** 20;
    const before = await rssMiB();
    const { rows, bytes, seconds, last, peak } = await drainStream(
      cluster.primary,
      tokens.read,
      1_000_000,
      rssMiB,
    );
    console.log(
      `${rows} rows, ${(bytes / 2 ** 20).toFixed(0)} MiB in ${seconds.toFixed(1)} s; node's RSS ${before.toFixed(0)} -> at most ${peak.toFixed(0)} MiB`,
    );
    expect([rows, last.type]).toEqual([1_000_000, 'end']);
    expect(peak - before).toBeLessThan(100);
  });
});
