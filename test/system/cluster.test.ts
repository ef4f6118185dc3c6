import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { History } from '../../src/model/history.js';
import { formatPosition, parsePosition } from '../../src/model/position.js';
import { checksumAtRest } from '../kit/checksum.js';
import { skein } from '../kit/cli.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { rowsOf, run, scalarOf, withSql } from '../kit/sql-node.js';
import type { HttpAnswer, SqlAnswer, TestNode } from '../kit/test-node.js';
import { throughout, until } from '../kit/until.js';

let cluster: TestCluster;
let pidsAtStart: number[];
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ patient: true });
  pidsAtStart = await cluster.pids();
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql(
    'CREATE TABLE demo.t (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(100) UNIQUE)',
  );
  const { position } = await cluster.primary.sql(
    'CREATE PROCEDURE demo.add_one(IN x VARCHAR(50)) BEGIN INSERT INTO t (v) VALUES (x); END',
  );
  for (const node of cluster.replicas) await node.sql('SELECT 1', [], { read: { after: position } });
});

afterAll(async () => {
  await cluster?.dispose();
});

const sqlOn = (node: TestNode, body: unknown, options = {}): Promise<HttpAnswer<SqlAnswer>> =>
  node.request<SqlAnswer>('POST', '/v1/sql', body, options);

describe('after the start', () => {
  it('says "skein ready" with the first address, and every node is ready without a token', async () => {
    expect(cluster.readyUrl).toBe(cluster.primary.url);
    for (const node of cluster.nodes) expect(await node.isReady()).toBe(true);
  });

  it('keeps secrets to the owner', () => {
    for (const name of ['admin.token', 'cluster.secret']) {
      expect(statSync(join(cluster.directory, name)).mode & 0o777).toBe(0o600);
    }
  });

  it('shows one primary and two live replicas, the same on every node', async () => {
    for (const node of cluster.nodes) {
      const members = await until(`${node.name} sees three live members`, async () => {
        const status = await node.cluster();
        return status.members.length === 3 && status.members.every(({ state }) => state === 'live')
          ? status.members
          : null;
      });
      expect(members.map(({ name, role }) => `${name} ${role}`).sort()).toEqual([
        'n1 primary',
        'n2 replica',
        'n3 replica',
      ]);
    }
    const status = await cluster.primary.cluster();
    expect(status).toMatchObject({
      primary: 'n1',
      acknowledge: 'majority',
      quorum: { needed: 2, attached: 3 },
    });
  });

  it('tells load balancers who is who', async () => {
    const ask = async (node: TestNode, path: string) =>
      (await node.request('GET', path, undefined, { token: null })).status;
    for (const node of cluster.nodes) {
      const isPrimary = node === cluster.primary;
      expect(await ask(node, '/health')).toBe(200);
      expect(await ask(node, '/primary')).toBe(isPrimary ? 200 : 503);
      expect(await ask(node, '/replica')).toBe(isPrimary ? 503 : 200);
    }
  });
});

describe('a write and its reads', () => {
  it('is read on every node with read.after, and never earlier than written', async () => {
    for (let i = 0; i < 40; i++) {
      const value = `read-your-writes ${i}`;
      const { position } = await cluster.primary.sql('INSERT INTO demo.t (v) VALUES (?)', [value]);
      for (const node of cluster.nodes) {
        const answer = await node.sql('SELECT COUNT(*) FROM demo.t WHERE v = ?', [value], {
          read: { level: 'session', after: position },
        });
        expect(answer.results[0]?.rows, `${node.name} after ${position}`).toEqual([['1']]);
      }
    }
  });

  it('takes the position from the header too', async () => {
    const written = await sqlOn(cluster.primary, { sql: "INSERT INTO demo.t (v) VALUES ('by header')" });
    const position = written.headers.get('x-skein-position');
    expect(position).toBe(written.body.position);
    const read = await sqlOn(
      cluster.node('n3'),
      { sql: "SELECT v FROM demo.t WHERE v = 'by header'" },
      { headers: { 'x-skein-position': position ?? '' } },
    );
    expect(read.body.results[0]?.rows).toEqual([['by header']]);
  });

  it('waits for a position that is not there yet, and gives up with 412', async () => {
    const { position } = await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('known')");
    const { epoch, ordinal, gtid } = parsePosition(position);
    const future = formatPosition({
      epoch,
      ordinal: ordinal + 1000,
      gtid: gtid.replace(/\d+$/, (sequence) => String(Number(sequence) + 1000)),
    });
    const answer = await sqlOn(cluster.node('n2'), {
      sql: 'SELECT 1',
      timeoutMs: 400,
      read: { level: 'session', after: future },
    });
    expect(answer.status).toBe(412);
  });

  it('replicates what is not a row: tables, views, triggers, procedures, users of none', async () => {
    const write = (sql: string) => cluster.primary.sql(sql, [], { database: 'demo' });
    await write('CREATE TABLE noted (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(100))');
    await write('CREATE TRIGGER note AFTER INSERT ON t FOR EACH ROW INSERT INTO noted (what) VALUES (NEW.v)');
    await write('CREATE VIEW newest AS SELECT MAX(id) id FROM t');
    const { position } = await write("CALL add_one('by procedure')");
    for (const node of cluster.replicas) {
      const answer = await node.sql(
        "SELECT (SELECT COUNT(*) FROM noted WHERE what = 'by procedure'), (SELECT id FROM newest) = (SELECT MAX(id) FROM t)",
        [],
        { database: 'demo', read: { after: position } },
      );
      expect(answer.results[0]?.rows).toEqual([['1', 1]]);
    }
  });
});

describe('a write on a replica', () => {
  const writes = [
    "INSERT INTO demo.t (v) VALUES ('x')",
    'DELETE FROM demo.t',
    'CREATE TABLE demo.x (a INT)',
    'TRUNCATE TABLE demo.t',
    "CALL demo.add_one('on a replica')",
  ];

  it.each(writes)('is 421 with the address of the primary: %s', async (sql) => {
    for (const node of cluster.replicas) {
      const answer = await sqlOn(node, { sql });
      expect(answer.status, answer.text).toBe(421);
      expect(answer.body.error).toMatchObject({ primary: cluster.primary.url, applied: 'no' });
    }
  });

  it('leaves nothing in the replica’s own binary log', async () => {
    // The last GTID of each server that ever wrote here: one that the replica wrote itself would be one more.
    const logOf = (node: TestNode) =>
      withSql(node, (connection) => scalarOf(connection, 'SELECT @@global.gtid_binlog_state'));
    for (const node of cluster.replicas) {
      for (const sql of writes) await sqlOn(node, { sql });
      await until(`${node.name} has logged what the primary has, and nothing else`, async () => {
        const [ours, theirs] = [await logOf(node), await logOf(cluster.primary)];
        return ours !== null && ours !== '' && ours === theirs;
      });
    }
    await checksumAtRest(cluster.primary, cluster.replicas);
  });
});

describe('bad requests', () => {
  const select = { sql: 'SELECT 1' };
  const tooLarge = { sql: 'SELECT ?', params: ['x'.repeat(9 * 1024 * 1024)] };
  const cases: Array<
    [name: string, body: unknown, options: object, status: number, code: string, message: RegExp]
  > = [
    ['no token', select, { token: null }, 401, 'UNAUTHORIZED', /token is needed/],
    ['a wrong token', select, { token: 'x'.repeat(43) }, 401, 'UNAUTHORIZED', /not known/],
    ['malformed JSON', '{"sql": "SELECT 1"', {}, 400, 'INVALID_JSON', /JSON/],
    ['an unknown field', { ...select, shout: true }, {}, 400, 'UNKNOWN_FIELD', /shout/],
    ['a syntax error', { sql: 'SELEC 1' }, {}, 400, 'ER_PARSE_ERROR', /SELEC 1/],
    ['no such table', { sql: 'SELECT * FROM demo.nothing' }, {}, 400, 'ER_NO_SUCH_TABLE', /demo\.nothing/],
    ['too few parameters', { sql: 'SELECT ?, ?', params: [1] }, {}, 400, 'PARAMETER_COUNT', /2 parameter/],
    [
      'a position of nobody',
      { ...select, read: { after: 'tomorrow' } },
      {},
      400,
      'INVALID_POSITION',
      /posit/,
    ],
    ['a body over the limit', tooLarge, {}, 413, 'BODY_TOO_LARGE', /limit/],
  ];

  it.each(cases)('%s', async (_name, body, options, status, code, message) => {
    for (const node of [cluster.primary, cluster.node('n2')]) {
      const answer = await sqlOn(node, body, options);
      expect(answer.status, answer.text.slice(0, 300)).toBe(status);
      expect(answer.body.error).toMatchObject({ code, message: expect.stringMatching(message) });
    }
  });

  it('a duplicate key is 409 and says that nothing was applied', async () => {
    await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('twice')");
    const answer = await sqlOn(cluster.primary, { sql: "INSERT INTO demo.t (v) VALUES ('twice')" });
    expect(answer.status).toBe(409);
    expect(answer.body.error).toMatchObject({
      code: 'ER_DUP_ENTRY',
      errno: 1062,
      sqlState: '23000',
      applied: 'no',
    });
  });

  it('an account that was given another password is put right by itself, on every node', async () => {
    const made = await cluster.primary.request<{ token: string }>('POST', '/v1/tokens', {
      role: 'write',
      name: 'w',
    });
    const { token } = made.body;
    // In a procedure: where it can be seen in the text of the request it is refused.
    await cluster.primary.sql(
      "CREATE PROCEDURE demo.lock_out() SQL SECURITY INVOKER BEGIN SET PASSWORD = PASSWORD('locked out'); END",
    );
    const locked = await sqlOn(cluster.primary, { sql: 'CALL demo.lock_out()' }, { token });
    expect(locked.status, locked.text).toBe(200);
    for (const node of cluster.nodes) {
      await until(`${node.name} serves write tokens again`, async () => {
        const answers = await Promise.all(
          Array.from({ length: 8 }, () => sqlOn(node, { sql: 'SELECT SLEEP(0.05)' }, { token })),
        );
        return answers.every(({ status }) => status === 200);
      });
    }
  });

  it('a read token may read on every node and write on none', async () => {
    const made = await cluster.primary.request<{ token: string }>('POST', '/v1/tokens', {
      role: 'read',
      name: 'r',
    });
    expect(made.status, made.text).toBeLessThan(300);
    const token = made.body.token;
    for (const node of cluster.nodes) {
      await until(
        `${node.name} knows the new token`,
        async () => (await sqlOn(node, { sql: 'SELECT 1' }, { token })).status === 200,
      );
      for (const sql of [
        "INSERT INTO demo.t (v) VALUES ('r')",
        "CALL demo.add_one('r')",
        'DROP TABLE demo.t',
      ]) {
        const answer = await sqlOn(node, { sql }, { token });
        expect(answer.status, `${node.name} ${sql}: ${answer.text}`).toBe(403);
      }
    }
  });
});

describe('a second start', () => {
  it('on the same directory is refused and names the owner', async () => {
    const result = await skein(cluster.demoArguments);
    expect(result).toMatchObject({ code: 1, signal: null });
    expect(result.stderr).toContain(String(cluster.supervisorPid));
    expect(result.stdout).not.toContain('skein ready');
  });

  it('on a port that is taken is refused, names port and owner, and starts nothing', async () => {
    const other = await TestCluster.prepare();
    const server = createServer();
    try {
      const port = other.httpPort + 1;
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      const result = await skein(other.demoArguments);
      expect(result).toMatchObject({ code: 1, signal: null });
      expect(result.stderr).toContain(String(port));
      expect(result.stderr).toContain(String(process.pid));
      expect(await other.pids()).toEqual([]);
    } finally {
      server.close();
      await other.dispose();
    }
  });

  it('in a directory that cannot be written is refused with what to do', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'skein-closed-'));
    const isRoot = process.getuid?.() === 0;
    const directory = isRoot ? join(parent, 'sub') : '/proc/skein';
    try {
      const result = await skein(['demo', '--dir', directory, '--http-port', String(cluster.httpPort + 7)], {
        cwd: '/',
        ...(isRoot ? { uid: 65534 } : {}),
      });
      expect(result, result.stderr).toMatchObject({ code: 1, signal: null });
      expect(result.stderr).toContain(directory);
      expect(result.stderr).toContain('--dir');
    } finally {
      await rm(parent, { recursive: true, force: true });
    }
  });
});

/** So many commits of this server wait for each other; 0 = they do not. */
const gathered = (node: TestNode) =>
  withSql(node, async (connection) => {
    const [row] = await rowsOf(connection, 'SELECT @@global.binlog_commit_wait_count AS n');
    return Number(row?.n);
  });

it('lets the pages of all members call any node, and no other page', async () => {
  const [called] = cluster.replicas as [TestNode];
  const authorization = `Bearer ${cluster.token}`;
  const call = (method: string, path: string, headers: Record<string, string>) =>
    fetch(called.url + path, { method, headers, signal: AbortSignal.timeout(20_000) });
  const allowed = async (path: string, headers: Record<string, string>) => {
    const answer = await call('GET', path, headers);
    await answer.body?.cancel();
    return answer.headers.get('access-control-allow-origin');
  };
  for (const { url: origin } of cluster.nodes) {
    expect(await allowed('/v1/cluster', { origin, authorization })).toBe(origin);
    expect(await allowed('/v1/events', { origin, authorization }), 'a stream').toBe(origin);
    expect(await allowed('/v1/cluster', { origin }), 'a refusal').toBe(origin);
    const asked = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    const preflight = await call('OPTIONS', '/v1/sql', { origin, ...asked });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization');
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
  }
  for (const origin of ['http://127.0.0.1:1', 'https://skein.example', 'null']) {
    expect(await allowed('/v1/cluster', { origin, authorization })).toBe(null);
    expect((await call('OPTIONS', '/v1/sql', { origin })).status).toBe(404);
  }
  const page = await call('GET', '/', {});
  for (const { url } of cluster.nodes)
    expect(page.headers.get('content-security-policy')).toMatch(new RegExp(`connect-src [^;]*${url}[ ;]`));
});

it('commits of replicas gather while many come, never the primary’s, and not afterwards', async () => {
  let writing = true;
  const writers = Array.from({ length: 32 }, () =>
    withSql(cluster.primary, async (connection) => {
      while (writing) await run(connection, 'INSERT INTO demo.t (v) VALUES (UUID())');
    }),
  );
  try {
    await until(
      'both replicas gather',
      async () => (await Promise.all(cluster.replicas.map(gathered))).every((n) => n === 8),
      { deadlineMs: 90_000 },
    );
    expect(await gathered(cluster.primary)).toBe(0);
  } finally {
    writing = false;
    await Promise.all(writers);
  }
  await until('no replica does', async () =>
    (await Promise.all(cluster.replicas.map(gathered))).every((n) => n === 0),
  );
});

it('every node has what all nodes did in the last seconds', async () => {
  const known = (values: readonly (number | null)[] = []) => values.filter((value) => value !== null);
  const historyOf = async (node: TestNode) =>
    (await node.request<History>('GET', '/v1/history?seconds=600')).body.members;
  const { members: now, primary } = await cluster.primary.cluster();
  const end = now.find(({ name }) => name === primary)?.positions.committed ?? 0;
  for (const node of cluster.nodes) {
    await until(`${node.name} has seen all that was written`, async () =>
      (await historyOf(node)).every(({ series }) =>
        [series.committed, series.applied].every((ordinals) => (known(ordinals).at(-1) ?? 0) >= end),
      ),
    );
    const members = await historyOf(node);
    expect(members.map(({ name }) => name).sort()).toEqual(cluster.nodes.map(({ name }) => name));
    for (const { name, series } of members) {
      const where = `${node.name} about ${name}`;
      expect(known(series.committed)[0], where).toBeLessThan(end);
      expect(Math.max(...known(series.cpuPercent)), where).toBeGreaterThan(1);
      expect(Math.max(...known(series.spoolBytes)), where).toBeGreaterThan(1_000);
      const waits = known(series.commitWaitMs);
      expect(waits.length > 0, where).toBe(name === cluster.primary.name);
      expect(waits.every((ms) => ms > 0)).toBe(true);
    }
  }
});

it('a primary whose commits gather as a replica’s do is put right, one that its operator has set so is left', async () => {
  const set = (count: number, waitUs: number) =>
    withSql(cluster.primary, async (connection) => {
      await run(connection, `SET GLOBAL binlog_commit_wait_usec = ${waitUs}`);
      await run(connection, `SET GLOBAL binlog_commit_wait_count = ${count}`);
    });
  await set(2, 100);
  await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('gathered')");
  // The node looks at its server's settings at each heartbeat.
  await throughout('it is left alone', 1_500, async () => (await gathered(cluster.primary)) === 2);
  await set(8, 4_999);
  await until('the primary’s do not', async () => (await gathered(cluster.primary)) === 0);
});

it('after all that, nothing has crashed and nothing is lost', async () => {
  expect(await cluster.pids()).toEqual(pidsAtStart);
  const report = await checksumAtRest(cluster.primary, cluster.replicas);
  expect([...report.tables.keys()]).toContain('`demo`.`t`');
});
