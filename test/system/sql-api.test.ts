import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { memoryOf } from '../kit/processes.js';
import { withSql } from '../kit/sql-node.js';
import { drainStream } from '../kit/streams.js';
import type { ErrorAnswer, HttpAnswer, SqlAnswer, TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

let cluster: TestCluster;
showLogsOnFailure(() => cluster);
const tokens = { read: '', write: '' };

beforeAll(async () => {
  cluster = await TestCluster.start({ proxied: true, patient: true });
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
    const read = (node: TestNode, level: string) =>
      post(node, { sql: 'SELECT 1', read: { level }, timeoutMs: 200 });
    // After five seconds without an answer of the others the primary closes, and another is elected.
    const [cut, near, far] = await until('three answers within four seconds of the cut', async () => {
      await cluster.makePrimary('n1');
      const cutAt = performance.now();
      for (const name of ['n2', 'n3']) cluster.proxy(name).cut();
      try {
        const answers = await Promise.all([
          read(cluster.primary, 'linearizable'),
          read(cluster.primary, 'primary'),
          read(cluster.node('n2'), 'linearizable'),
        ]);
        return performance.now() - cutAt < 4000 ? answers : null;
      } finally {
        for (const name of ['n2', 'n3']) cluster.proxy(name).heal();
      }
    });
    expect([cut.status, errorOf(cut)?.code, errorOf(cut)?.applied]).toEqual([503, 'NO_QUORUM', 'no']);
    expect(near.status).toBe(200);
    expect([far.status, errorOf(far)?.primary]).toEqual([421, cluster.primary.url]);
    await cluster.makePrimary('n1');
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

  it('says unknown of a write of which no answer came back, and no of a read', async () => {
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
    // Another node may have been elected, when it stood for long. A node that was the primary passes writes on for a moment.
    await cluster.makePrimary('n1');
    for (const replica of cluster.replicas)
      await until(`${replica.name} refuses writes`, async () => {
        return (await post(replica, { sql: 'DELETE FROM demo.t WHERE id = 0' })).status === 421;
      });
  });
});

describe('a text that was run before', () => {
  const insert = { sql: 'INSERT INTO known (v) VALUES (?)', params: ['a'], database: 'demo' };
  const bystander = { sql: 'INSERT INTO bystander (v) VALUES (?)', params: ['b'], database: 'demo' };
  const count = async (table: string) =>
    (await cluster.primary.rows(`SELECT COUNT(*) FROM demo.${table}`))[0]?.[0];

  it('is executed together with its preparation, and refused with it', async () => {
    for (const table of ['known', 'bystander'])
      await cluster.primary.sql(
        `CREATE TABLE demo.${table} (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(9))`,
      );
    for (const body of [insert, insert, bystander, bystander])
      expect((await post(cluster.primary, body)).body.results[0]?.affectedRows).toBe(1);
    const tooMany = await post(cluster.primary, { ...insert, params: ['a', 'b'] });
    expect(errorOf(tooMany)?.code).toBe('PARAMETER_COUNT');
    const nowhere = await post(cluster.primary, { ...insert, database: 'nowhere' });
    expect([errorOf(nowhere)?.code, errorOf(nowhere)?.applied]).toEqual(['ER_BAD_DB_ERROR', 'no']);
    expect(await count('known')).toBe('2');
    await cluster.primary.sql('DROP TABLE demo.known');
    for (let i = 0; i < 3; i++) {
      expect((await post(cluster.primary, bystander)).status).toBe(200);
      const refused = await post(cluster.primary, insert);
      const error = errorOf(refused);
      expect([refused.status, error?.code, error?.applied]).toEqual([400, 'ER_NO_SUCH_TABLE', 'no']);
    }
    expect(await count('bystander')).toBe('5');
  });

  it('is read in a transaction that was begun before it came, and sees what was committed meanwhile', async () => {
    await cluster.primary.sql('CREATE TABLE demo.fresh (v INT)');
    await cluster.primary.sql('INSERT INTO demo.fresh VALUES (0)');
    for (let i = 1; i <= 5; i++) {
      const update = { sql: 'UPDATE fresh SET v = ?', params: [i], database: 'demo' };
      const { position } = (await post(cluster.primary, update)).body;
      const read = {
        sql: 'SELECT v FROM fresh',
        database: 'demo',
        read: { level: 'session', after: position },
      };
      for (const node of [cluster.primary, cluster.node('n2')]) {
        for (const token of [tokens.read, tokens.write])
          expect((await post(node, read, { token })).body.results[0]?.rows).toEqual([[i]]);
      }
    }
  });

  it('writes nothing where only reads are allowed, as often as it comes', async () => {
    await cluster.primary.sql(
      'CREATE FUNCTION demo.sneaky() RETURNS INT BEGIN INSERT INTO demo.fresh VALUES (99); RETURN 1; END',
    );
    await waitApplied(cluster.primary, cluster.replicas);
    const refused = async (node: TestNode, sql: string, token?: string) => {
      for (let i = 0; i < 4; i++) {
        const answer = await post(node, { sql }, token === undefined ? {} : { token });
        expect([answer.status >= 400, errorOf(answer)?.applied], answer.text).toEqual([true, 'no']);
        expect((await post(node, { sql: 'SELECT 1' })).body.results[0]?.rows).toEqual([[1]]);
      }
    };
    await refused(cluster.node('n2'), 'SELECT demo.sneaky()');
    await refused(cluster.node('n2'), 'INSERT INTO demo.fresh VALUES (99)');
    await refused(cluster.primary, 'INSERT INTO demo.fresh VALUES (99)', tokens.read);
    for (const node of cluster.nodes)
      expect(await node.rows('SELECT COUNT(*) FROM demo.fresh WHERE v = 99')).toEqual([['0']]);
  });

  it('finds nothing of the request before', async () => {
    const variable = { sql: 'SELECT @left' };
    for (let i = 0; i < 3; i++) {
      await post(cluster.primary, { statements: [{ sql: 'SET @left = 1' }, { sql: 'SELECT @left' }] });
      expect((await post(cluster.primary, variable)).body.results[0]?.rows).toEqual([[null]]);
    }
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
    const over = await open(cluster.primary, { totalMs: 3_000 });
    await post(cluster.primary, insert(idle, 'undone'));
    await post(cluster.primary, insert(over, 'undone'));
    const slow = await post(cluster.primary, { tx: over, sql: 'SELECT SLEEP(20)' });
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
    // Its first statement waits for a lock of ours, as long as we want.
    const { slow, busy } = await withSql(cluster.primary, async (connection) => {
      await connection.query('LOCK TABLES demo.t WRITE');
      const slow = post(cluster.primary, { tx: id, sql: 'SELECT COUNT(*) FROM demo.t' });
      const waiting =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE STATE LIKE '%table metadata%'";
      await until('it waits', async () => (await cluster.primary.rows(waiting))[0]?.[0] === '1');
      const busy = await post(cluster.primary, { tx: id, sql: 'SELECT 1' });
      await connection.query('UNLOCK TABLES');
      return { slow: await slow, busy };
    });
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

  it('is limited in number, to the share of a token in half of the sessions', async () => {
    const answers = await Promise.all(
      Array.from({ length: 32 }, () =>
        cluster.node('n3').request<Opened>('POST', '/v1/tx', {}, { token: tokens.read }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201).length).toBe(24);
    expect(answers.filter(({ status }) => status === 429).length).toBe(8);
    for (const { body } of answers)
      if (body.id) await end(cluster.node('n3'), body.id, 'rollback', tokens.read);
  });

  it('has a defined answer when its server or its node has restarted', async () => {
    const replica = cluster.node('n3');
    const openOne = () => open(replica, { readOnly: true }, tokens.read);
    const [behindServer, behindNode] = [await openOne(), await openOne()];
    const read = (tx: string) => post(replica, { tx, sql: 'SELECT 1' }, { token: tokens.read });
    await read(behindServer);
    const serverPid = await replica.kill('server');
    await replica.untilRestarted('server', serverPid);
    await replica.untilReady();
    const lost = await read(behindServer);
    expect([lost.status, errorOf(lost)?.code, errorOf(lost)?.applied]).toEqual([409, 'TX_ENDED', 'no']);
    const ended = await end(replica, behindServer, 'commit', tokens.read);
    expect(ended.body.error).toMatchObject({ applied: 'no' });
    await replica.kill('node');
    cluster.startNode('n3');
    await replica.untilReady();
    const unknown = await read(behindNode);
    expect([unknown.status, errorOf(unknown)?.code, errorOf(unknown)?.applied]).toEqual([
      409,
      'TX_UNKNOWN',
      'no',
    ]);
  });
});

describe('idempotency keys', () => {
  const keyed = (
    key: string,
    body: object,
    options: { token?: string; node?: TestNode; accept?: string } = {},
  ) =>
    post(options.node ?? cluster.primary, body, {
      token: options.token ?? tokens.write,
      headers: { 'idempotency-key': key, ...(options.accept && { accept: options.accept }) },
    });
  const outcome = (key: string, node = cluster.primary, token = tokens.write) =>
    node.request<{ applied: string; recordedAt: string | null; position: string }>(
      'GET',
      `/v1/outcome/${encodeURIComponent(key)}`,
      undefined,
      { token },
    );
  const insert = (v: string) => ({ sql: 'INSERT INTO demo.t (v) VALUES (?)', params: [v] });
  const rowsOf = async (v: string) =>
    Number((await cluster.primary.rows('SELECT COUNT(*) FROM demo.t WHERE v = ?', [v]))[0]?.[0]);

  it('a write is done once, and answered again with the first results', async () => {
    const first = await keyed('once', insert('once'));
    const again = await keyed('once', insert('once'));
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([200, null]);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(again.body.results).toEqual(first.body.results);
    expect(first.body.results[0]?.insertId).toMatch(/^\d+$/);
    expect(await rowsOf('once')).toBe(1);
    const other = await keyed('once', insert('twice'));
    expect([other.status, errorOf(other)?.code, errorOf(other)?.applied]).toEqual([
      422,
      'IDEMPOTENCY_KEY_REUSED',
      'no',
    ]);
    // By way of a replica, and with another token's key of the same name.
    const far = await keyed('once', { ...insert('once'), forward: true }, { node: cluster.node('n3') });
    expect([far.status, far.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    const admin = await keyed('once', insert('by admin'), { token: cluster.token });
    expect([admin.status, admin.headers.get('idempotency-replayed')]).toEqual([200, null]);
    expect((await outcome('once')).body).toMatchObject({ applied: 'yes', recordedAt: expect.any(String) });
    expect((await outcome('never-sent')).body).toMatchObject({ applied: 'no', recordedAt: null });
    const seen = (await outcome('once')).body.position;
    await post(cluster.node('n2'), { sql: 'SELECT 1', read: { after: seen } });
    expect((await outcome('once', cluster.node('n2'))).body.applied).toBe('yes');
    expect((await outcome('never-sent', cluster.node('n2'))).status).toBe(421);
  });

  it('of many at a time exactly one is done', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        keyed('many', { statements: [insert('many'), { sql: 'SELECT SLEEP(0.1)' }], transaction: true }),
      ),
    );
    expect(await rowsOf('many')).toBe(1);
    for (const answer of answers) {
      if (answer.status === 200) continue;
      expect([answer.status, errorOf(answer)?.code]).toEqual([409, 'IDEMPOTENCY_KEY_IN_USE']);
    }
    expect(answers.some(({ status }) => status === 200)).toBe(true);
  });

  it('what failed was not done, and may be sent again with the same key', async () => {
    await cluster.primary.sql("INSERT INTO demo.t (id, v) VALUES (910001, 'in the way')");
    const body = { sql: "INSERT INTO demo.t (id, v) VALUES (910001, 'second try')" };
    const failed = await keyed('again', body);
    expect([failed.status, errorOf(failed)?.applied]).toEqual([409, 'no']);
    expect((await outcome('again')).body.applied).toBe('no');
    await cluster.primary.sql('DELETE FROM demo.t WHERE id = 910001');
    expect((await keyed('again', body)).status).toBe(200);
    expect((await outcome('again')).body.applied).toBe('yes');
  });

  it('refuses what cannot be kept together with its outcome', async () => {
    const refused = [
      await keyed('ddl', { sql: '/* x */ CREATE TABLE demo.never (id INT PRIMARY KEY)' }),
      await keyed('batch', { statements: [insert('a'), insert('b')] }),
      await keyed('stream', insert('a'), { accept: 'application/x-ndjson' }),
    ];
    for (const answer of refused) {
      expect([answer.status, errorOf(answer)?.code, errorOf(answer)?.applied]).toEqual([
        400,
        'NOT_REPEATABLE',
        'no',
      ]);
    }
    expect((await keyed('ü', insert('a')).catch(() => null))?.status ?? 400).toBe(400);
    expect((await keyed('x'.repeat(201), insert('a'))).status).toBe(400);
    const large = await keyed('large', {
      statements: [insert('too large'), { sql: "SELECT REPEAT('x', 2000000)" }],
      transaction: true,
    });
    expect([large.status, errorOf(large)?.code, errorOf(large)?.applied]).toEqual([
      400,
      'RESULT_TOO_LARGE',
      'no',
    ]);
    expect(await rowsOf('too large')).toBe(0);
    await cluster.primary.sql(
      'CREATE PROCEDURE demo.hidden_ddl() CREATE OR REPLACE TABLE demo.hidden (id INT)',
    );
    const hidden = await keyed('hidden', {
      statements: [insert('before DDL'), { sql: 'CALL demo.hidden_ddl()' }],
      transaction: true,
    });
    expect([hidden.status, errorOf(hidden)?.code, errorOf(hidden)?.applied]).toEqual([
      400,
      'TRANSACTION_ENDED',
      'partial',
    ]);
  });
});
