/** What one token may try against the sessions of others, of its role and of the node itself; and that the cluster is whole after it. */
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { READ_ONLY_PORT_ADDRESS } from '../../src/flavour/accounts.js';
import { tmpBytes } from '../../src/server-process/tmp-space.js';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { startSleepers } from '../kit/sleepers.js';
import { openSql, rowsOf, run, scalarOf, withSql } from '../kit/sql-node.js';
import type { HttpAnswer, SqlAnswer, TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** One token gets 12 of them. */
const SESSIONS = 16;
const SHARE = 12;
const TMP_BYTES = 48 * 1024 ** 2;
const SLEEP = 'SELECT SLEEP(20)';

let cluster: TestCluster;
showLogsOnFailure(() => cluster);
let attacker = '';
let other = '';
let reader = '';
let otherReader = '';

const ask = (body: object, token: string, node: TestNode = cluster.primary): Promise<HttpAnswer<SqlAnswer>> =>
  node.request<SqlAnswer>('POST', '/v1/sql', body, { token, timeoutMs: 110_000 });

const sleepers = (count: number, account: string, token: string) =>
  startSleepers(cluster.primary, {
    count,
    token,
    inUse: async () => (await running(account, 'SLEEP')) >= SHARE,
  });
/** Whether a replica has confirmed it, as it must have with a write. */
const acknowledged = (answer: HttpAnswer<SqlAnswer>) => /"acknowledgedBy":\["n/.test(answer.text);
const told = ({ status, body }: HttpAnswer<SqlAnswer>) => [status, body.error?.code, body.error?.applied];

beforeAll(async () => {
  cluster = await TestCluster.start({
    settings: { httpSessionsPerRole: SESSIONS, serverTmpBytesMax: TMP_BYTES },
  });
  const { primary } = cluster;
  const made = async (name: string, role: string) =>
    (await primary.request<{ token: string }>('POST', '/v1/tokens', { name, role })).body.token;
  attacker = await made('attacker', 'write');
  other = await made('other', 'write');
  reader = await made('reader', 'read');
  otherReader = await made('other reader', 'read');
  for (const sql of [
    'CREATE DATABASE demo',
    'CREATE TABLE demo.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(200))',
    "INSERT INTO demo.t VALUES (1, 'one')",
    'CREATE SEQUENCE demo.s',
    "CREATE FUNCTION demo.noisy() RETURNS INT BEGIN INSERT INTO demo.t (v) VALUES ('function'); RETURN 7; END",
    `CREATE PROCEDURE demo.branch(name TEXT) BEGIN
      EXECUTE IMMEDIATE CONCAT('XA START ''', name, '''');
      UPDATE demo.t SET v = 'from a branch' WHERE id = 1;
      EXECUTE IMMEDIATE CONCAT('XA END ''', name, '''');
      EXECUTE IMMEDIATE CONCAT('XA PREPARE ''', name, '''');
    END`,
    "CREATE PROCEDURE demo.locked_out() EXECUTE IMMEDIATE CONCAT('SET PASS', 'WORD = PASS', 'WORD(''x'')')",
  ]) {
    await primary.sql(sql);
  }
});
afterAll(async () => {
  await cluster?.dispose();
});

/** Branches that are prepared on any node. */
async function branches(): Promise<unknown[]> {
  const found = await Promise.all(
    cluster.nodes.map((node) => withSql(node, (connection) => rowsOf(connection, 'XA RECOVER'))),
  );
  return found.flat();
}

/** Statements of this account that run on the primary now, as the server sees them. */
const running = (account: string, part: string): Promise<number> =>
  withSql(cluster.primary, async (connection) =>
    Number(
      await scalarOf(
        connection,
        'SELECT COUNT(*) FROM information_schema.processlist WHERE user = ? AND info LIKE ?',
        [account, `%${part}%`],
      ),
    ),
  );

const untilNothingRuns = (account: string, part: string) =>
  until(`nothing of ${account} runs ${part}`, async () => (await running(account, part)) === 0);

describe('XA over HTTP', () => {
  it.each([
    "XA START 'a'",
    "/* x */ XA START 'a'",
    "/*! XA START 'a' */",
    "/*!50000 XA */ START 'a'",
    "-- x\nXA PREPARE 'a'",
    "SET STATEMENT max_statement_time = 9 FOR XA START 'a'",
    "BEGIN NOT ATOMIC XA START 'a'; UPDATE demo.t SET v = 'x'; XA END 'a'; XA PREPARE 'a'; END",
  ])('is refused: %s', async (sql) => {
    expect(told(await ask({ sql }, attacker))).toEqual([403, 'FORBIDDEN', 'no']);
  });

  it('is refused in a batch, of which nothing stays', async () => {
    const texts = ["XA START 'a'", "UPDATE demo.t SET v = 'x'", "XA END 'a'", "XA PREPARE 'a'"];
    for (const transaction of [false, true]) {
      const statements = texts.map((sql) => ({ sql }));
      expect(told(await ask({ statements, transaction }, attacker))).toEqual([403, 'FORBIDDEN', 'no']);
    }
    expect(await branches()).toEqual([]);
  });

  it('leaves no branch and no poisoned session where a procedure hides it', async () => {
    const requests = Array.from({ length: 40 }, (_, i) =>
      ask({ sql: 'CALL demo.branch(?)', params: [`p${i}`] }, attacker),
    );
    const answers = (await Promise.all(requests)).map(({ status, body }) => ({
      status,
      code: body.error?.code,
      text: body.error?.message,
    }));
    const ours = answers.filter(({ code }) => code === 'OPEN_TRANSACTION');
    expect(ours.length).toBeGreaterThan(0);
    for (const answer of ours) {
      expect(answer).toMatchObject({
        status: 400,
        text: expect.stringContaining('the branch was rolled back'),
      });
    }
    for (let i = 0; i < 20; i++) {
      const answer = await ask(
        { sql: 'UPDATE demo.t SET v = ? WHERE id = 1', params: [`after ${i}`] },
        other,
      );
      expect(answer.status, answer.text).toBe(200);
    }
    await until('no node has a branch', async () => (await branches()).length === 0);
  });

  it('leaves no branch behind in an open transaction that a procedure has left', async () => {
    const { primary } = cluster;
    const opened = await primary.request<{ id: string }>('POST', '/v1/tx', {}, { token: attacker });
    const tx = opened.body.id;
    const hidden = `BEGIN NOT ATOMIC COMMIT; CALL demo.branch('t'); END`;
    await ask({ sql: hidden, tx }, attacker);
    await primary.request('POST', `/v1/tx/${tx}/rollback`, undefined, { token: attacker });
    await until('no node has a branch', async () => (await branches()).length === 0);
    const answer = await ask({ sql: "UPDATE demo.t SET v = 'free' WHERE id = 1" }, other);
    expect(answer.status, answer.text).toBe(200);
  });
});

describe('a session that comes back', () => {
  it('brings nothing of the request before it', async () => {
    const left = [
      "SELECT GET_LOCK('left', 0)",
      'CREATE TEMPORARY TABLE demo.left_table (i INT)',
      'SET @left = 5',
      "SET SESSION sql_mode = 'ANSI', lock_wait_timeout = 3, max_statement_time = 9",
      'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
      'SET timestamp = 5, insert_id = 500, last_insert_id = 9',
      'SET profiling = 1, profiling_history_size = 50',
      'SELECT NEXTVAL(demo.s)',
      "SELECT 'a secret' AS secret",
      'LOCK TABLES demo.t WRITE',
      'SELECT CONNECTION_ID()',
    ];
    const before = await ask({ statements: left.map((sql) => ({ sql })) }, attacker);
    expect(before.body.error?.statement ?? left.length, before.text).toBe(left.length);
    const after = await ask(
      {
        statements: [
          { sql: 'SELECT CONNECTION_ID()' },
          {
            sql: `SELECT IS_USED_LOCK('left'), @left, @@sql_mode LIKE '%ANSI%', @@lock_wait_timeout = 3, @@autocommit,
              @@max_statement_time + 0, @@tx_isolation, @@character_set_client, @@timestamp > 1e9, @@insert_id,
              LAST_INSERT_ID(), @@profiling, LASTVAL(demo.s), @@in_transaction`,
          },
          { sql: 'SHOW PROFILES' },
          { sql: "INSERT INTO demo.t (v) VALUES ('not locked')" },
          { sql: 'SELECT * FROM demo.left_table' },
        ],
      },
      other,
    );
    const rowsAt = (answer: HttpAnswer<SqlAnswer>, i: number) => answer.body.results[i]?.rows;
    expect(rowsAt(after, 0), 'the same session').toEqual(rowsAt(before, before.body.results.length - 1));
    expect(
      rowsAt(after, 1)?.map((row) => row.map((value) => (value === null ? null : String(value)))),
    ).toEqual([
      [null, null, '0', '0', '1', '0', 'REPEATABLE-READ', 'utf8mb4', '1', '0', '0', '0', null, '0'],
    ]);
    expect(rowsAt(after, 2)).toEqual([]);
    expect(after.body.error).toMatchObject({ code: 'ER_NO_SUCH_TABLE', statement: 4 });
  });
});

it.each([
  'BACKUP LOCK t',
  'HANDLER t OPEN',
  'FLUSH TABLES t WITH READ LOCK',
  'FLUSH TABLES WITH READ LOCK',
  'LOCK TABLES t WRITE',
])('a lock does not outlive its request: %s', async (sql) => {
  await ask({ sql, database: 'demo' }, attacker);
  const alter = await ask({ sql: `ALTER TABLE demo.t COMMENT = '${sql}'`, timeoutMs: 30_000 }, other);
  expect(alter.status, alter.text).toBe(200);
});

describe('reads of a write token on the primary', () => {
  it('that take too long are stopped, and said to be reads', async () => {
    for (const body of [{ sql: SLEEP }, { statements: [{ sql: 'SELECT 1' }, { sql: SLEEP }] }]) {
      const answer = await ask({ ...body, timeoutMs: 1_500 }, attacker);
      expect(told(answer)).toEqual([504, 'TIMEOUT', 'no']);
      expect(answer.body.error?.message).toContain('The read did not finish');
    }
    await untilNothingRuns('skein_write', 'SLEEP');
  });

  it('are stopped when their client hangs up', async () => {
    const { hostname, port } = new URL(cluster.primary.url);
    const body = JSON.stringify({ sql: SLEEP });
    const socket = net.connect(Number(port), hostname);
    socket.write(
      `POST /v1/sql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${attacker}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await until('it runs', async () => (await running('skein_write', 'SLEEP')) === 1);
    socket.destroy();
    await untilNothingRuns('skein_write', 'SLEEP');
  });

  it('do not keep writers out, forty at once', async () => {
    const end = await sleepers(40, 'skein_write', attacker);
    const write = await ask({ sql: "INSERT INTO demo.t (v) VALUES ('beside')" }, other);
    expect(write.status, write.text).toBe(200);
    expect(told(await ask({ sql: SLEEP, timeoutMs: 300 }, attacker))).toEqual([429, 'TOKEN_BUSY', 'no']);
    await end();
    await untilNothingRuns('skein_write', 'SLEEP');
  });

  it.each([
    ['SELECT demo.noisy() AS x', [[7]]],
    ['WITH q AS (SELECT 1) SELECT demo.noisy() AS x FROM q', [[7]]],
    ['(SELECT demo.noisy() AS x)', [[7]]],
  ])('that write all the same are writes: %s', async (sql, rows) => {
    const count = async () => Number((await cluster.primary.rows('SELECT COUNT(*) FROM demo.t'))[0]?.[0]);
    const before = await count();
    const answer = await ask({ sql }, attacker);
    expect([answer.status, answer.body.results?.[0]?.rows, acknowledged(answer)]).toEqual([200, rows, true]);
    expect(await count()).toBe(before + 1);
  });

  it('that lock, count or come after another one are done as before', async () => {
    for (const sql of [
      'SELECT * FROM demo.t WHERE id = 1 FOR UPDATE',
      'SELECT NEXTVAL(demo.s)',
      'SHOW TABLES FROM demo',
    ]) {
      const answer = await ask({ sql }, attacker);
      expect([sql, answer.status]).toEqual([sql, 200]);
    }
    const batch = await ask({ statements: [{ sql: 'SELECT 1' }, { sql: 'SELECT demo.noisy()' }] }, attacker);
    expect([batch.status, batch.body.results.map(({ rows }) => rows)]).toEqual([200, [[[1]], [[7]]]]);
  });

  it('take their transaction with them, which holds no lock any longer', async () => {
    const statements = [{ sql: "UPDATE demo.t SET v = 'held' WHERE id = 1" }, { sql: SLEEP }];
    const batch = await ask({ statements, transaction: true, timeoutMs: 1_500 }, attacker);
    expect(told(batch)).toEqual([504, 'TIMEOUT', 'no']);
    const opened = await cluster.primary.request<{ id: string }>('POST', '/v1/tx', {}, { token: attacker });
    const tx = opened.body.id;
    await until('the row is free', async () => {
      const answer = await ask({ sql: "UPDATE demo.t SET v = 'in tx' WHERE id = 1", tx }, attacker);
      return answer.status === 200;
    });
    expect(told(await ask({ sql: SLEEP, tx, timeoutMs: 1_500 }, attacker))).toEqual([504, 'TIMEOUT', 'no']);
    const answer = await ask({ sql: "UPDATE demo.t SET v = 'free' WHERE id = 1", timeoutMs: 30_000 }, other);
    expect(answer.status, answer.text).toBe(200);
    await untilNothingRuns('skein_write', 'SLEEP');
  });
});

describe('one read token', () => {
  it('leaves sessions to others of its role however many it asks for', async () => {
    const end = await sleepers(60, 'skein_read', reader);
    const answer = await ask({ sql: 'SELECT 1', timeoutMs: 20_000 }, otherReader);
    expect(answer.status, answer.text).toBe(200);
    expect(await running('skein_read', 'SLEEP')).toBeLessThanOrEqual(SHARE);
    expect(told(await ask({ sql: SLEEP, timeoutMs: 300 }, reader))).toEqual([429, 'TOKEN_BUSY', 'no']);
    await end();
    await untilNothingRuns('skein_read', 'SLEEP');
  });

  it('leaves sessions to others though it reads none of its 45 streams', async () => {
    const over = new AbortController();
    const streams = Array.from({ length: 45 }, () =>
      fetch(`${cluster.primary.url}/v1/sql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${reader}`, accept: 'application/x-ndjson' },
        body: JSON.stringify({
          sql: "SELECT REPEAT('x', 1000) FROM demo.seq_1_to_10000000",
          timeoutMs: 100_000,
        }),
        signal: over.signal,
      }).catch(() => null),
    );
    await until('its share is in use', async () => (await running('skein_read', 'seq_1_to')) >= SHARE);
    const answer = await ask({ sql: 'SELECT 1', timeoutMs: 20_000 }, otherReader);
    expect(answer.status, answer.text).toBe(200);
    over.abort();
    await Promise.all(streams);
    await untilNothingRuns('skein_read', 'seq_1_to');
  });

  it('leaves places for the transactions of others', async () => {
    const { primary } = cluster;
    const open = (token: string) => primary.request<{ id: string }>('POST', '/v1/tx', {}, { token });
    const opened = await Promise.all(Array.from({ length: SESSIONS }, () => open(reader)));
    expect(opened.filter(({ status }) => status === 201)).toHaveLength(6);
    const refused = opened.find(({ status }) => status !== 201);
    expect([refused?.status, refused?.body.error?.code]).toEqual([429, 'TOO_MANY_TRANSACTIONS']);
    const others = await open(otherReader);
    expect(others.status, others.text).toBe(201);
    const rollback = (id: string, token: string) =>
      primary.request('POST', `/v1/tx/${id}/rollback`, undefined, { token });
    for (const { status, body } of opened) if (status === 201) await rollback(body.id, reader);
    await rollback(others.body.id, otherReader);
  });
});

describe('temporary files', () => {
  /** Sorts ten million keys of 36 bytes. */
  const SORT = 'SELECT MD5(seq) AS x FROM seq_1_to_10000000 ORDER BY x LIMIT 9000000, 1';
  /** One temporary table of some hundred megabytes. */
  const TABLE =
    "SELECT COUNT(*) FROM (SELECT a.seq AS x, REPEAT('x', 200) AS y FROM seq_1_to_2000 a, seq_1_to_1000 b LIMIT 1999999) AS q";

  const bytesNow = async (node: TestNode) =>
    (await tmpBytes(await node.pid('server'), join(node.directory, 'tmp'))) ?? 0;

  it('of one table are bounded, and no session can raise that', async () => {
    const statements = [{ sql: 'SET tmp_disk_table_size = 1000000000000' }, { sql: TABLE }];
    const answer = await ask({ statements, database: 'demo', timeoutMs: 90_000 }, reader);
    expect([answer.status, answer.body.error?.errno]).toEqual([400, 1114]);
  });

  it('of a sort are bounded: the read of an HTTP token is ended, and said', async () => {
    const answer = await ask({ sql: SORT, database: 'demo', timeoutMs: 90_000 }, reader);
    expect([answer.status, answer.body.error?.code]).toEqual([504, 'ER_QUERY_INTERRUPTED']);
    expect(await cluster.primary.logs(1_000)).toContain('read.killed');
    await until('they are gone', async () => (await bytesNow(cluster.primary)) < TMP_BYTES / 8);
  });

  it('of a sort are bounded on a replica, also through its read-only port', async () => {
    const node = cluster.node('n2');
    const { members } = await node.cluster();
    const address = members.find(({ name }) => name === node.name)?.mysqlRo ?? '';
    const connection = await openSql({
      host: '127.0.0.1',
      port: Number(address.split(':').at(-1)),
      user: 'app',
      password: cluster.primary.password('app'),
      database: 'demo',
    });
    try {
      await expect(rowsOf(connection, SORT)).rejects.toMatchObject({ errno: 1317 });
    } finally {
      connection.destroy();
    }
  });
});

describe('KILL over HTTP', () => {
  it.each([
    'KILL 1',
    '/*!KILL 1*/',
    '/*!999999 x */ KILL 1',
    'SET STATEMENT max_statement_time = 9 FOR KILL QUERY 1',
    'BEGIN NOT ATOMIC KILL 1; END',
  ])('is refused: %s', async (sql) => {
    expect(told(await ask({ sql }, attacker))).toEqual([403, 'FORBIDDEN', 'no']);
  });
});

describe('an account whose password a client changed', () => {
  const port = async (kind: 'mysqlRw' | 'mysqlRo', node = cluster.primary) => {
    const { members } = await cluster.primary.cluster();
    const address = members.find(({ name }) => name === node.name)?.[kind] ?? '';
    return Number(address.split(':').at(-1));
  };
  const login = async (kind: 'mysqlRw' | 'mysqlRo', node = cluster.primary) =>
    openSql({
      host: '127.0.0.1',
      port: await port(kind, node),
      user: 'app',
      password: cluster.primary.password('app'),
    });
  /** How accounts log in, on each node. */
  const logins = () =>
    Promise.all(
      cluster.nodes.map((node) =>
        withSql(node, (connection) =>
          rowsOf(
            connection,
            "SELECT User, Host, JSON_VALUE(Priv, '$.authentication_string') AS hash FROM mysql.global_priv ORDER BY 1, 2",
          ),
        ),
      ),
    );
  const repairs = (node: TestNode) =>
    node.logs(4_000).then((text) => text.split('accounts.repaired').length - 1);

  async function everybodyLogsIn(): Promise<void> {
    for (const node of cluster.nodes) {
      await until(`app logs in to the read-only port of ${node.name}`, async () => {
        const connection = await login('mysqlRo', node);
        connection.destroy();
        return true;
      });
      await until(
        `HTTP of ${node.name} answers`,
        async () => (await ask({ sql: 'SELECT 1' }, other, node)).status === 200,
      );
    }
    const connection = await login('mysqlRw');
    connection.destroy();
  }

  const ways: [string, () => Promise<unknown>][] = [
    [
      'through a read-write port',
      async () => {
        const connection = await login('mysqlRw');
        await run(connection, "SET PASSWORD = PASSWORD('x')").finally(() => connection.destroy());
      },
    ],
    [
      'through a read-only port of the primary',
      async () => {
        const connection = await login('mysqlRo');
        try {
          await expect(run(connection, "SET PASSWORD = PASSWORD('x')")).rejects.toMatchObject({
            errno: 1792,
          });
          // Whether a session is read-only is its own to say.
          await run(connection, 'SET SESSION TRANSACTION READ WRITE');
          await run(connection, "SET PASSWORD = PASSWORD('x')");
        } finally {
          connection.destroy();
        }
      },
    ],
    ['by a procedure over HTTP', () => ask({ sql: 'CALL demo.locked_out()' }, attacker)],
    [
      'by EXECUTE IMMEDIATE over HTTP',
      () =>
        ask(
          { sql: "BEGIN NOT ATOMIC EXECUTE IMMEDIATE CONCAT('SET PASS', 'WORD = PASS', 'WORD(''y'')'); END" },
          attacker,
        ),
    ],
  ];

  it.each(ways)('%s gets it back on every node within seconds', async (_way, change) => {
    const before = await logins();
    const said = await Promise.all(cluster.nodes.map(repairs));
    await change();
    // It was changed: each node says that it has put it right.
    await until('each node has put it right', async () => {
      const now = await Promise.all(cluster.nodes.map(repairs));
      return now.every((count, i) => count > (said[i] ?? 0));
    });
    await until(
      'all log in as before',
      async () => JSON.stringify(await logins()) === JSON.stringify(before),
    );
    await everybodyLogsIn();
  });

  it('is put right also when the node was away meanwhile', async () => {
    const node = cluster.node('n2');
    const before = await logins();
    await withSql(node, async (connection) => {
      await run(connection, 'SET SESSION sql_log_bin = 0');
      const pid = await node.kill('node');
      await run(connection, `SET PASSWORD FOR 'app'@'${READ_ONLY_PORT_ADDRESS}' = PASSWORD('z')`);
      await node.untilRestarted('node', pid);
    });
    await node.untilReady();
    await until(
      'all log in as before',
      async () => JSON.stringify(await logins()) === JSON.stringify(before),
    );
    await everybodyLogsIn();
  });
});

it('all nodes live, the quorum is there, and the data is the same everywhere', async () => {
  await until('all are live', async () => {
    const { members, quorum } = await cluster.primary.cluster();
    return members.every(({ state }) => state === 'live') && quorum.attached >= quorum.needed;
  });
  expect(await branches()).toEqual([]);
  await checksumAtRest(cluster.primary, cluster.replicas);
});
