/** The package @skein/client on a real cluster: nodes die in between, answers are lost, a browser runs the bundle. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, SkeinClient, SkeinError } from '../../client/src/index.js';
import { launch, obtainBrowser } from '../kit/browser.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { until } from '../kit/until.js';

let cluster: TestCluster;
showLogsOnFailure(() => cluster);
const tokens = { read: '', write: '' };
let client: SkeinClient;

const clientOf = (options: Partial<ConstructorParameters<typeof SkeinClient>[0]> = {}) =>
  new SkeinClient({
    nodes: cluster.nodes.map(({ url }) => url),
    token: tokens.write,
    database: 'demo',
    ...options,
  });

/** A fetch whose first answer to a matching request is lost, after the node has done its work. */
function losing(matches: (url: string) => boolean, times = 1): typeof fetch {
  let left = times;
  return async (input, init) => {
    const response = await fetch(input, init);
    if (left <= 0 || !matches(String(input))) return response;
    left--;
    await response.text();
    throw new TypeError('fetch failed', { cause: Object.assign(new Error('lost'), { code: 'ECONNRESET' }) });
  };
}

beforeAll(async () => {
  // A test holds the applier of a replica for as long as readers wait for it.
  cluster = await TestCluster.start({ settings: { applierStallMs: 300_000 } });
  for (const role of ['read', 'write'] as const) {
    const made = await cluster.primary.request<{ token: string }>('POST', '/v1/tokens', { name: role, role });
    tokens[role] = made.body.token;
  }
  const admin = clientOf({ token: cluster.token, database: undefined as never });
  await admin.execute('CREATE DATABASE demo');
  await admin.execute('CREATE TABLE demo.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(200), UNIQUE (v))');
  client = clientOf();
  await until('the tokens are everywhere', async () => {
    const each = await Promise.all(
      cluster.nodes.map((node) => client.call('getCluster', { node: node.url })),
    );
    return each.length === cluster.nodes.length;
  });
});
afterAll(async () => {
  await cluster?.dispose();
});

describe('statements', () => {
  it('writes on the primary, reads on replicas, and always sees its own writes', async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const written = await client.execute('INSERT INTO t (v) VALUES (?)', [`own ${i}`]);
      expect(written).toMatchObject({ role: 'primary', affectedRows: 1, replayed: false });
      const read = await client.query<{ v: string }>('SELECT v FROM t WHERE id = ?', [written.insertId]);
      expect(read.rows).toEqual([{ v: `own ${i}` }]);
      seen.add(`${read.node} ${read.role}`);
    }
    expect([...seen].sort()).toEqual(['n2 replica', 'n3 replica']);
  });

  it('a session of its own, and one that goes on from a position somewhere else', async () => {
    const other = client.session();
    expect(other.position).toBeNull();
    await other.execute("INSERT INTO t (v) VALUES ('handed on')");
    const elsewhere = clientOf().session(other.position);
    expect((await elsewhere.query("SELECT COUNT(*) AS n FROM t WHERE v = 'handed on'")).rows).toEqual([
      { n: '1' },
    ]);
  });

  it.each(['local', 'bounded', 'primary', 'linearizable'] as const)('reads of level %s', async (level) => {
    const read = await client.query('SELECT 1 AS one', [], {
      level,
      ...(level === 'bounded' && { maxLagMs: 10_000 }),
    });
    expect(read.rows).toEqual([{ one: 1 }]);
    expect(read.role).toBe(level === 'local' || level === 'bounded' ? 'replica' : 'primary');
  });

  it('several at once, all or nothing', async () => {
    const done = await client.batch([
      { sql: 'INSERT INTO t (v) VALUES (?)', params: ['batch 1'] },
      { sql: 'SELECT COUNT(*) AS n FROM t WHERE v LIKE ?', params: ['batch%'] },
    ]);
    expect(done.results.map(({ rows }) => rows)).toEqual([[], [{ n: '1' }]]);
    const failed = client.batch([
      { sql: "INSERT INTO t (v) VALUES ('batch 2')" },
      { sql: "INSERT INTO t (v) VALUES ('batch 1')" },
    ]);
    await expect(failed).rejects.toMatchObject({
      name: 'SkeinError',
      code: 'ER_DUP_ENTRY',
      status: 409,
      errno: 1062,
      statement: 1,
      applied: 'no',
      requestId: expect.stringMatching(/./),
    });
    expect((await client.query("SELECT 1 FROM t WHERE v = 'batch 2'", [], { rows: 'array' })).rows).toEqual(
      [],
    );
  });

  it('binds values of JavaScript', async () => {
    const { rows } = await client.query(
      'SELECT ? + 0 AS big, ? AS time, HEX(?) AS bytes',
      [18446744073709551615n, new Date(0), new Uint8Array([1, 255])],
      { rows: 'array' },
    );
    expect(rows).toEqual([['18446744073709551615', '1970-01-01 00:00:00.000', '01FF']]);
  });

  it('stores bytes and documents as they are, and gives the result sets of a procedure', async () => {
    const bytes = new Uint8Array([0, 1, 255]);
    const { rows } = await client.query(
      'SELECT HEX(:buffer) AS buffer, HEX(:part) AS part, :document AS document, :list AS list',
      {
        buffer: bytes.buffer,
        part: new DataView(bytes.buffer, 1),
        document: { id: 12345678901234567890n },
        list: json([1, 2]),
      },
    );
    expect(rows).toEqual([
      { buffer: '0001FF', part: '01FF', document: '{"id":12345678901234567890}', list: '[1,2]' },
    ]);
    await expect(client.query('SELECT ?', [[1] as never])).rejects.toMatchObject({
      code: 'INVALID_PARAMETER',
      applied: 'no',
    });
    await client.execute('CREATE PROCEDURE two() BEGIN SELECT 1 AS a; SELECT 2 AS b UNION SELECT 3; END');
    const called = await client.query('CALL two()');
    expect(called.rows).toEqual([{ a: 1 }]);
    expect(called.resultSets.map((set) => set.rows)).toEqual([[{ a: 1 }], [{ b: 2 }, { b: 3 }]]);
    const inside = await client.transaction((tx) => tx.query('CALL two()'));
    expect(inside.resultSets).toHaveLength(2);
  });

  it('says what a token may not', async () => {
    const reader = clientOf({ token: () => Promise.resolve(tokens.read) });
    await expect(reader.execute('DELETE FROM t')).rejects.toMatchObject({ status: 403, applied: 'no' });
    await expect(clientOf({ token: 'skein_wrong' }).query('SELECT 1')).rejects.toMatchObject({ status: 401 });
  });

  it('offers every other endpoint by its name', async () => {
    const { members } = await client.call('getCluster');
    expect(members.map(({ name }) => name)).toEqual(['n1', 'n2', 'n3']);
    const table = await client.call('getTable', { params: { database: 'demo', table: 't' } });
    expect(table.primaryKey).toEqual(['id']);
    const page = await client.call('getRows', {
      params: { database: 'demo', table: 't' },
      query: { limit: 3 },
    });
    expect(page.rows).toHaveLength(3);
    expect(await client.call('getMetrics')).toContain('skein_');
  });
});

describe('transactions', () => {
  it('commit what was done, roll back when the work fails, and are seen at once', async () => {
    const count = async () =>
      Number(
        (await client.query<{ n: string }>("SELECT COUNT(*) AS n FROM t WHERE v LIKE 'tx%'")).rows[0]?.n,
      );
    const result = await client.transaction(async (tx) => {
      const { insertId } = await tx.execute("INSERT INTO t (v) VALUES ('tx 1')");
      expect((await tx.query('SELECT v FROM t WHERE id = ?', [insertId])).rows).toEqual([{ v: 'tx 1' }]);
      expect(await count()).toBe(0);
      return insertId;
    });
    expect(result).toMatch(/^\d+$/);
    expect(await count()).toBe(1);
    const failing = client.transaction(async (tx) => {
      await tx.execute("INSERT INTO t (v) VALUES ('tx 2')");
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await count()).toBe(1);
  });

  it('read-only ones run on a replica and see the own writes', async () => {
    await client.execute("INSERT INTO t (v) VALUES ('before the snapshot')");
    const rows = await client.transaction(
      async (tx) => (await tx.query("SELECT v FROM t WHERE v = 'before the snapshot'")).rows,
      { readOnly: true },
    );
    expect(rows).toEqual([{ v: 'before the snapshot' }]);
  });

  it('whose answer to the commit is lost are found to be committed', async () => {
    const unlucky = clientOf({ fetch: losing((url) => url.endsWith('/commit')) });
    await unlucky.transaction(async (tx) => {
      await tx.execute("INSERT INTO t (v) VALUES ('lost commit')");
    });
    expect((await unlucky.query("SELECT COUNT(*) AS n FROM t WHERE v = 'lost commit'")).rows).toEqual([
      { n: '1' },
    ]);
  });
});

describe('streams', () => {
  const many = (rows: number) =>
    `WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ${rows}) SELECT n, REPEAT('x', 100) AS x FROM s`;

  it('give every row, the columns, and a summary at the end', async () => {
    const stream = client.stream<{ n: string }>(many(900));
    let sum = 0;
    for await (const row of stream) sum += Number(row.n);
    expect(sum).toBe((900 * 901) / 2);
    expect(stream.columns.map(({ name }) => name)).toEqual(['n', 'x']);
    expect(stream.summary).toMatchObject({ role: 'replica', results: [{ rowCount: 900 }] });
  });

  it('can be left early, and abort with their signal', async () => {
    let rows = 0;
    for await (const _row of client.stream('SELECT a.v FROM t a, t b, t c')) if (++rows === 10) break;
    expect(rows).toBe(10);
    const over = new AbortController();
    const reading = async () => {
      for await (const _row of client.stream('SELECT a.v FROM t a, t b, t c', [], { signal: over.signal }))
        over.abort();
    };
    await expect(reading()).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('that are cut are no whole answer', async () => {
    const cutting: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!response.headers.get('content-type')?.includes('ndjson')) return response;
      const text = await response.text();
      return new Response(text.slice(0, text.lastIndexOf('{"type":"end"')), { headers: response.headers });
    };
    const read = async () => {
      for await (const _row of clientOf({ fetch: cutting }).stream('SELECT 1'));
    };
    await expect(read()).rejects.toMatchObject({ code: 'STREAM_CUT' });
    await expect(async () => {
      for await (const _row of client.stream('SELECT nonsense'));
    }).rejects.toMatchObject({ code: 'ER_BAD_FIELD_ERROR', status: 400 });
  });
});

describe('trouble', () => {
  it('a write whose answer was lost is done once, and its first result comes', async () => {
    const unlucky = clientOf({ fetch: losing((url) => url.endsWith('/v1/sql'), 2) });
    const written = await unlucky.execute("INSERT INTO t (v) VALUES ('lost answer')");
    expect(written).toMatchObject({ affectedRows: 1, replayed: true });
    expect((await unlucky.query("SELECT id FROM t WHERE v = 'lost answer'")).rows).toEqual([
      { id: Number(written.insertId) },
    ]);
  });

  it('without a key it is not sent again, and said to be unknown', async () => {
    const unlucky = clientOf({ fetch: losing((url) => url.endsWith('/v1/sql')), idempotent: false });
    await expect(unlucky.execute("INSERT INTO t (v) VALUES ('not again')")).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
      applied: 'unknown',
    });
    expect(
      (await client.query("SELECT COUNT(*) AS n FROM t WHERE v = 'not again'", [], { level: 'primary' }))
        .rows,
    ).toEqual([{ n: '1' }]);
  });

  it('what became of a write can be asked for by its key', async () => {
    await client.execute("INSERT INTO t (v) VALUES ('keyed')", [], { idempotencyKey: 'key-1' });
    expect(await client.outcome('key-1')).toMatchObject({ applied: 'yes' });
    expect(await client.outcome('key-2')).toMatchObject({ applied: 'no' });
  });

  it('DDL has no key, and works all the same', async () => {
    await client.execute('CREATE TABLE made (a INT)');
    await expect(
      client.execute('CREATE TABLE made2 (a INT)', [], { idempotencyKey: 'mine' }),
    ).rejects.toMatchObject({
      code: 'NOT_REPEATABLE',
      applied: 'no',
    });
  });

  it('a signal ends a call, whatever it does', async () => {
    const started = performance.now();
    const sleeping = client.query('SELECT SLEEP(60)', [], { signal: AbortSignal.timeout(200) });
    await expect(sleeping).rejects.toBeInstanceOf(SkeinError);
    await expect(
      client.execute('SELECT 1', [], { signal: AbortSignal.abort(new Error('no')) }),
    ).rejects.toMatchObject({
      code: 'ABORTED',
      applied: 'no',
      cause: expect.objectContaining({ message: 'no' }),
    });
    await expect(client.query('SELECT SLEEP(60)', [], { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    expect(performance.now() - started).toBeLessThan(40_000);
  });

  it('one address is enough: the others are learned, or, when they are not wanted, the node forwards', async () => {
    const [replica] = cluster.replicas;
    const nodes = replica?.url ?? '';
    const learning = clientOf({ nodes });
    expect(await learning.execute("INSERT INTO t (v) VALUES ('learned')")).toMatchObject({ node: 'n1' });
    const asked = new Set<string>();
    const staying = clientOf({
      nodes,
      discover: false,
      fetch: (input, init) => {
        asked.add(new URL(String(input)).origin);
        return fetch(input, init);
      },
    });
    expect(await staying.execute("INSERT INTO t (v) VALUES ('forwarded')")).toMatchObject({ node: 'n1' });
    expect((await staying.query("SELECT COUNT(*) AS n FROM t WHERE v = 'forwarded'")).rows).toEqual([
      { n: '1' },
    ]);
    expect([...asked]).toEqual([new URL(nodes).origin]);
  });

  it('a replica that does not apply holds no reader up for long, and its statement has all the time it needs', async () => {
    const nodes = [cluster.node('n2').url, cluster.primary.url];
    const lone = clientOf({ nodes, discover: false });
    const stuck = await cluster.node('n2').connectAs('skein');
    try {
      await stuck.query('FLUSH TABLES WITH READ LOCK');
      const started = performance.now();
      for (let i = 0; i < 4; i++) {
        const { insertId } = await lone.execute('INSERT INTO t (v) VALUES (?)', [`stuck ${i}`]);
        const { rows, node } = await lone.query('SELECT v FROM t WHERE id = ?', [insertId], {
          timeoutMs: 25_000,
        });
        expect([rows, node]).toEqual([[{ v: `stuck ${i}` }], 'n1']);
      }
      expect(performance.now() - started, 'not one time-out').toBeLessThan(25_000);
    } finally {
      await stuck.query('UNLOCK TABLES');
      await stuck.end();
    }
    const slow = client.query<{ s: number }>('SELECT SLEEP(1.5) AS s', [], { timeoutMs: 20_000 });
    expect((await slow).rows).toEqual([{ s: 0 }]);
  });

  it('the primary is killed again and again: every write is done once, reads go on, nothing is stale', async () => {
    const working = { over: false, written: 0, read: 0 };
    const writer = async (name: string) => {
      const session = client.session();
      for (let i = 0; !working.over; i++) {
        const { insertId } = await session.execute('INSERT INTO t (v) VALUES (?)', [`${name} ${i}`], {
          timeoutMs: 60_000,
        });
        const { rows } = await session.query('SELECT v FROM t WHERE id = ?', [insertId], {
          timeoutMs: 60_000,
        });
        expect(rows).toEqual([{ v: `${name} ${i}` }]);
        working.written++;
      }
    };
    const reader = async () => {
      while (!working.over) {
        await client.query('SELECT COUNT(*) FROM t', [], { level: 'local', timeoutMs: 20_000 });
        working.read++;
      }
    };
    const work = Promise.all([writer('a'), writer('b'), writer('c'), reader()]);
    const more = async (what: string) => {
      const before = working.written;
      const lost = work.then(() => Promise.reject(new Error('the work ended')));
      await Promise.race([until(what, () => working.written > before + 10, { deadlineMs: 60_000 }), lost]);
    };
    try {
      await more('writes before');
      await cluster.primary.kill('node');
      await more('writes after the node was killed');
      // Another node serves, and the first one is coming back.
      await (await cluster.untilPrimary()).kill('server');
      await more('writes after the server was killed');
      await cluster.untilPrimary();
      for (const node of cluster.nodes) await node.untilReady();
    } finally {
      working.over = true;
      await work;
    }
    const { rows } = await client.query<{ n: string }>(
      "SELECT COUNT(*) AS n FROM t WHERE v RLIKE '^[abc] [0-9]+$'",
      [],
      { level: 'primary' },
    );
    expect(rows).toEqual([{ n: String(working.written) }]);
    expect(working.read).toBeGreaterThan(20);
  });
});

const obtained = await obtainBrowser();
const because = obtained.kind === 'missing' ? ` (${obtained.reason})` : '';

describe.skipIf(obtained.kind === 'missing')(`a browser${because}`, () => {
  it('runs the built bundle: a write, a read of it, a stream, an error', async () => {
    const bundle = readFileSync(join(import.meta.dirname, '../../client/dist/skein-client.js'));
    const browser = await launch(obtained.kind === 'found' ? obtained.command : '');
    try {
      // The node's page allows scripts of its own only; the origin is what counts here.
      const page = await (await browser.newContext({ bypassCSP: true })).newPage();
      await page.goto(cluster.replicas[0]?.url ?? '');
      const given = {
        source: `data:text/javascript;base64,${bundle.toString('base64')}`,
        token: tokens.write,
      };
      // As text: the test runner rewrites `import()` in functions.
      const seen = await page.evaluate(`(async ({ source, token }) => {
        const { SkeinClient } = await import(source);
        const client = new SkeinClient({ nodes: location.origin, token, database: 'demo', discover: false });
        const written = await client.execute('INSERT INTO t (v) VALUES (?)', ['from a browser']);
        const { rows } = await client.query('SELECT v FROM t WHERE id = ?', [written.insertId]);
        const streamed = [];
        const stream = client.stream("SELECT v, X'00ff' AS b FROM t WHERE id = ?", [written.insertId]);
        for await (const row of stream) streamed.push(row);
        const failed = await client.query('SELECT nonsense').catch((error) => error.code);
        return { node: written.node, rows, streamed, failed };
      })(${JSON.stringify(given)})`);
      expect(seen).toEqual({
        node: cluster.primary.name,
        rows: [{ v: 'from a browser' }],
        streamed: [{ v: 'from a browser', b: 'AP8=' }],
        failed: 'ER_BAD_FIELD_ERROR',
      });
    } finally {
      await browser.close();
    }
  });
});
