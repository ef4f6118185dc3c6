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

describe('interactive transactions', () => {
  type Opened = { id: string; readOnly: boolean; expiresAt: string };
  const open = async (node: TestNode, body: object = {}, token = tokens.write): Promise<string> => {
    const answer = await node.request<Opened>('POST', '/v1/tx', body, { token });
    expect([answer.status, answer.text]).toEqual([201, expect.stringContaining('"id":"tx_')]);
    return answer.body.id;
  };
  const end = (node: TestNode, id: string, how: 'commit' | 'rollback', token = tokens.write, body?: object) =>
    node.request<{ state: string; position: string; acknowledgedBy: string[] }>(
      'POST',
      `/v1/tx/${id}/${how}`,
      body,
      { token },
    );
  const rowsOf = async (v: string, node = cluster.primary) =>
    Number((await node.rows('SELECT COUNT(*) FROM demo.t WHERE v = ?', [v]))[0]?.[0]);
  const insert = (tx: string, v: string) => ({ tx, sql: 'INSERT INTO demo.t (v) VALUES (?)', params: [v] });

  it('carries statements until it is committed, and is then on the other nodes', async () => {
    const id = await open(cluster.primary, { database: 'demo' });
    for (const v of ['tx 1', 'tx 1']) {
      const answer = await post(cluster.primary, insert(id, v));
      expect([answer.status, answer.body.results[0]?.affectedRows]).toEqual([200, 1]);
    }
    const inside = await post(cluster.primary, { tx: id, sql: "SELECT COUNT(*) FROM t WHERE v = 'tx 1'" });
    expect([inside.body.results[0]?.rows, await rowsOf('tx 1')]).toEqual([[['2']], 0]);
    const committed = await end(cluster.primary, id, 'commit');
    expect([committed.status, committed.body.state]).toEqual([200, 'committed']);
    expect(committed.body.acknowledgedBy.length).toBeGreaterThan(0);
    // Asked again, because the first answer may have been lost.
    const again = await end(cluster.primary, id, 'commit');
    expect([again.status, again.body.position]).toEqual([200, committed.body.position]);
    const seen = await post(cluster.node('n3'), {
      sql: "SELECT COUNT(*) FROM demo.t WHERE v = 'tx 1'",
      read: { after: committed.body.position },
    });
    expect(seen.body.results[0]?.rows).toEqual([['2']]);
    const late = await post(cluster.primary, insert(id, 'tx 1'));
    expect([late.status, errorOf(late)?.code, errorOf(late)?.applied]).toEqual([409, 'TX_ENDED', 'yes']);
  });

  it('rolls back when asked, when idle, and when its time is over', async () => {
    const asked = await open(cluster.primary);
    await post(cluster.primary, insert(asked, 'undone'));
    expect((await end(cluster.primary, asked, 'rollback')).status).toBe(200);
    const idle = await open(cluster.primary, { idleMs: 200 });
    const over = await open(cluster.primary, { totalMs: 400 });
    await post(cluster.primary, insert(idle, 'undone'));
    await post(cluster.primary, insert(over, 'undone'));
    const slow = await post(cluster.primary, { tx: over, sql: 'SELECT SLEEP(5)' });
    expect([slow.status, errorOf(slow)?.applied]).toEqual([504, 'no']);
    for (const id of [asked, idle, over]) {
      const answer = await post(cluster.primary, insert(id, 'undone'));
      expect([answer.status, errorOf(answer)?.code, errorOf(answer)?.applied]).toEqual([
        409,
        'TX_ENDED',
        'no',
      ]);
      expect((await end(cluster.primary, id, 'commit')).status).toBe(409);
    }
    expect(await rowsOf('undone')).toBe(0);
  });

  it('goes on after an error that undid one statement, and is over after one that undid all', async () => {
    await cluster.primary.sql("INSERT INTO demo.t (id, v) VALUES (900001, 'a'), (900002, 'b')");
    const [a, b] = [await open(cluster.primary), await open(cluster.primary)];
    await post(cluster.primary, insert(a, 'after an error'));
    const duplicate = await post(cluster.primary, {
      tx: a,
      sql: "INSERT INTO demo.t (id, v) VALUES (900001, 'x')",
    });
    expect([duplicate.status, errorOf(duplicate)?.applied]).toEqual([409, 'no']);
    const touch = (tx: string, id: number) =>
      post(cluster.primary, { tx, sql: 'UPDATE demo.t SET v = CONCAT(v, "!") WHERE id = ?', params: [id] });
    await touch(a, 900001);
    await touch(b, 900002);
    const [first, second] = await Promise.all([touch(a, 900002), touch(b, 900001)]);
    const [survivor, victim] = first.status === 200 ? [a, b] : [b, a];
    const deadlock = first.status === 200 ? second : first;
    expect([deadlock.status, errorOf(deadlock)?.code]).toEqual([409, 'ER_LOCK_DEADLOCK']);
    const afterwards = await post(cluster.primary, insert(victim, 'victim'));
    expect(errorOf(afterwards)?.code).toBe('TX_ENDED');
    expect((await end(cluster.primary, survivor, 'commit')).status).toBe(200);
    expect(await rowsOf('after an error')).toBe(survivor === a ? 1 : 0);
  });

  it('tells what a statement that ends the transaction has done', async () => {
    const id = await open(cluster.primary);
    await post(cluster.primary, insert(id, 'committed by DDL'));
    const ddl = await post(cluster.primary, { tx: id, sql: 'CREATE TABLE demo.by_tx (id INT PRIMARY KEY)' });
    expect([ddl.status, errorOf(ddl)?.code, errorOf(ddl)?.applied]).toEqual([
      400,
      'TRANSACTION_ENDED',
      'partial',
    ]);
    expect(await rowsOf('committed by DDL')).toBe(1);
    expect(errorOf(await post(cluster.primary, insert(id, 'later')))).toMatchObject({
      code: 'TX_ENDED',
      applied: 'partial',
    });
  });

  it('belongs to its token and its node, and takes one request at a time', async () => {
    const id = await open(cluster.primary);
    const stranger = await post(cluster.primary, { tx: id, sql: 'SELECT 1' }, { token: cluster.token });
    expect([stranger.status, errorOf(stranger)?.code]).toEqual([403, 'FORBIDDEN']);
    const elsewhere = await post(cluster.node('n2'), { tx: id, sql: 'SELECT 1' });
    expect([elsewhere.status, errorOf(elsewhere)?.code]).toEqual([421, 'TX_ELSEWHERE']);
    const [slow, busy] = await Promise.all([
      post(cluster.primary, { tx: id, sql: 'SELECT SLEEP(0.3)' }),
      new Promise((resolve) => setTimeout(resolve, 100)).then(() =>
        post(cluster.primary, { tx: id, sql: 'SELECT 1' }),
      ),
    ]);
    expect([slow.status, busy.status, errorOf(busy)?.code]).toEqual([200, 409, 'TX_BUSY']);
    expect((await end(cluster.primary, id, 'rollback')).status).toBe(200);
  });

  it('is a snapshot on a replica, where nothing can write', async () => {
    const replica = cluster.node('n2');
    const refused = await replica.request('POST', '/v1/tx', {}, { token: tokens.write });
    expect(refused.status).toBe(421);
    for (const token of [tokens.read, tokens.write]) {
      const id = await open(replica, { readOnly: true }, token);
      const count = { tx: id, sql: "SELECT COUNT(*) FROM demo.t WHERE v = 'snapshot'" };
      const before = (await post(replica, count, { token })).body.results[0]?.rows;
      const { position } = await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('snapshot')");
      await post(replica, { sql: 'SELECT 1', read: { after: position } });
      expect((await post(replica, count, { token })).body.results[0]?.rows).toEqual(before);
      const write = await post(replica, insert(id, 'never'), { token });
      expect(write.status).toBe(token === tokens.read ? 403 : 421);
      const escaped = await post(replica, { tx: id, sql: 'COMMIT' }, { token });
      expect(errorOf(escaped)?.code).toBe('TRANSACTION_ENDED');
      expect(errorOf(await post(replica, count, { token }))?.code).toBe('TX_ENDED');
    }
  });

  it('is limited in number', async () => {
    const answers = await Promise.all(
      Array.from({ length: 25 }, () =>
        cluster.node('n3').request<Opened>('POST', '/v1/tx', {}, { token: tokens.read }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201).length).toBe(20);
    expect(answers.filter(({ status }) => status === 429).length).toBe(5);
    for (const { body } of answers)
      if (body.id) await end(cluster.node('n3'), body.id, 'rollback', tokens.read);
  });

  it('has a defined answer when its server or its node has restarted', async () => {
    const [server, node] = [await open(cluster.primary), await open(cluster.primary)];
    await post(cluster.primary, insert(server, 'restarted'));
    const serverPid = await cluster.primary.kill('server');
    await cluster.primary.untilRestarted('server', serverPid);
    await cluster.primary.untilReady();
    const lost = await post(cluster.primary, insert(server, 'restarted'));
    expect([lost.status, errorOf(lost)?.code, errorOf(lost)?.applied]).toEqual([409, 'TX_ENDED', 'no']);
    expect((await end(cluster.primary, server, 'commit')).body.error).toMatchObject({ applied: 'no' });
    await cluster.primary.kill('node');
    cluster.startNode('n1');
    await cluster.primary.untilReady();
    const unknown = await post(cluster.primary, insert(node, 'restarted'));
    expect([unknown.status, errorOf(unknown)?.code, errorOf(unknown)?.applied]).toEqual([
      409,
      'TX_UNKNOWN',
      'no',
    ]);
    expect(await rowsOf('restarted')).toBe(0);
  });
});
