/** HTTP against real servers: one open primary (its quorum is itself) and one closed replica. */

import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adoptAdminToken, ensureSystemSchema } from '../../src/auth/system-schema.js';
import { generateToken } from '../../src/auth/token.js';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { HttpServer } from '../../src/http/server.js';
import { bindValues, type TextValue } from '../../src/mysql-client/sql-text.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import { ManagedServer } from '../../src/server-process/managed-server.js';
import { type Logger, silentLogger } from '../../src/std/logger.js';
import { HonestNode } from '../kit/honest-node.js';
import { LARGE_LIMITS } from '../kit/http-node.js';
import { throughout, until } from '../kit/until.js';

/** Not faults of the request but of its time (it may have 50 ms), or of how much is going on. */
const OF_ITS_TIME: Record<number, unknown> = {
  412: expect.stringMatching(/^(POSITION_NOT_REACHED|LAG_TOO_LARGE)$/),
  429: 'TOKEN_BUSY',
  503: 'SERVER_BUSY',
  504: expect.stringMatching(/^(TIMEOUT|ER_.*)$/),
};

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks at is what the server sent
  body: any;
}

const secret = Buffer.alloc(32, 7);
const admin = generateToken();
const tokens = { admin, write: '', read: '' };
const logLines: Array<{ message: string } & Record<string, unknown>> = [];
const logger: Logger = {
  ...silentLogger,
  info: (data, message) => void logLines.push({ ...data, message }),
  warn: (data, message) => void logLines.push({ ...data, message }),
  error: (data, message) => void logLines.push({ ...data, message }),
};

let directory = '';
const servers: ManagedServer[] = [];
const nodes: HonestNode[] = [];
const https: HttpServer[] = [];
let primaryUrl = '';
let replicaUrl = '';

async function call(
  url: string,
  options: {
    method?: string;
    token?: string | null;
    body?: unknown;
    raw?: string;
    headers?: Record<string, string>;
    signal?: AbortSignal;
  } = {},
): Promise<Answer> {
  const token = options.token === undefined ? tokens.write : options.token;
  const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const response = await fetch(url, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body !== undefined && { body }),
    ...(options.signal && { signal: options.signal }),
  });
  const text = await response.text();
  const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : null };
}

const sql = (body: object | string, token = tokens.write, url = primaryUrl) =>
  call(`${url}/v1/sql`, { token, body: typeof body === 'string' ? { sql: body } : body });

/** The statement must succeed. */
async function ok(body: object | string, token = tokens.write, url = primaryUrl): Promise<Answer['body']> {
  const answer = await sql(body, token, url);
  if (answer.status !== 200) throw new Error(`${JSON.stringify(body)}: ${answer.status} ${answer.text}`);
  return answer.body;
}

async function rowsOf(statement: string, token = tokens.write): Promise<unknown[][]> {
  return (await ok(statement, token)).results[0].rows;
}

async function createToken(role: string): Promise<string> {
  const answer = await call(`${primaryUrl}/v1/tokens`, {
    token: admin,
    body: { name: `test ${role}`, role },
  });
  expect(answer.status).toBe(201);
  return answer.body.token;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-http-'));
  const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
  const binary = await obtainServer({ cacheDir }, { logger: silentLogger });
  for (const [i, role] of (['primary', 'replica'] as const).entries()) {
    const server = new ManagedServer(
      // Nobody acknowledges here: the quorum of this test is the primary alone.
      { directory: join(directory, `n${i + 1}`), secret, extraArgs: ['--rpl-semi-sync-master-enabled=0'] },
      { binary, program: mariadb.program, cacheDir, logger: silentLogger },
    );
    servers.push(server);
    await server.start();
    nodes.push(new HonestNode({ name: `n${i + 1}`, role, secret, primaryHttp: () => primaryUrl }, server));
  }
  const [primary, replica] = nodes as [HonestNode, HonestNode];
  await primary.open();
  for (const node of nodes) {
    const control = await node.control();
    if (node === replica) await control.run('SET SESSION sql_log_bin = 0');
    // The replica has what replication would have brought.
    const executor = {
      query: (sql: string, params: readonly TextValue[] = []) => control.queryRows(bindValues(sql, params)),
    };
    await ensureSystemSchema(executor);
    await ensureSystemSchema(executor);
    expect(await adoptAdminToken(executor, admin)).toBe(true);
    expect(await adoptAdminToken(executor, generateToken())).toBe(false);
    for (const statement of [
      'CREATE DATABASE demo',
      'CREATE DATABASE other',
      'CREATE TABLE demo.t (id INT PRIMARY KEY, name VARCHAR(100))',
      "INSERT INTO demo.t VALUES (1, 'one'), (2, 'two')",
      'CREATE TABLE demo.log (id INT AUTO_INCREMENT PRIMARY KEY, note TEXT)',
      "CREATE FUNCTION demo.noisy() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO demo.log (note) VALUES ('called'); RETURN 1; END",
      'CREATE FUNCTION demo.twice(x INT) RETURNS INT DETERMINISTIC NO SQL RETURN 2 * x',
      'CREATE VIEW demo.noisy_view AS SELECT demo.noisy() AS x',
      'CREATE PROCEDURE demo.two_results() BEGIN SELECT 1 AS a; SELECT 2 AS b, 3 AS c; END',
      "CREATE PROCEDURE demo.writes() BEGIN INSERT INTO demo.log (note) VALUES ('by procedure'); END",
      "CREATE PROCEDURE demo.half() BEGIN INSERT INTO demo.log (note) VALUES ('half'); COMMIT; SELECT * FROM demo.missing; END",
    ]) {
      await control.run(statement);
    }
  }
  for (const node of nodes) {
    const http = new HttpServer(
      {
        host: '127.0.0.1',
        port: 0,
        consoleDir: null,
        tokenRefreshMs: 200,
        outcomePurgeIntervalMs: 500,
        limits: LARGE_LIMITS,
      },
      { node, log: logger },
    );
    https.push(http);
    const { port } = await http.start();
    if (node === primary) primaryUrl = `http://127.0.0.1:${port}`;
    else replicaUrl = `http://127.0.0.1:${port}`;
  }
  tokens.write = await createToken('write');
  tokens.read = await createToken('read');
  // What replication would do with the token table.
  const rows = await (await primary.control()).query(
    'SELECT id, name, role, hash, created_at FROM skein.tokens',
  );
  const control = await replica.control();
  for (const row of rows) {
    await control.run(
      `REPLACE INTO skein.tokens (id, name, role, hash, created_at) VALUES (${row.map((v) => `'${v}'`).join(',')})`,
    );
  }
});

afterAll(async () => {
  for (const http of https) await http.stop();
  for (const node of nodes) node.close();
  for (const server of servers) await server.kill('test is over');
  await rm(directory, { recursive: true, force: true });
});

const primary = () => nodes[0] as HonestNode;
const gtidOf = async (node: HonestNode) =>
  (await (await node.control()).query('SELECT @@GLOBAL.gtid_binlog_pos'))[0]?.[0];

describe('statements', () => {
  it('answers a SELECT with columns, rows, position and who answered', async () => {
    const answer = await sql({ sql: 'SELECT id, name FROM demo.t WHERE id = ?', params: [2] }, tokens.read);
    expect(answer.status).toBe(200);
    expect(answer.body.results).toMatchObject([
      {
        columns: [
          { name: 'id', type: 'int', nullable: false },
          { name: 'name', type: 'varchar', nullable: true },
        ],
        rows: [[2, 'two']],
        rowCount: 1,
        affectedRows: 0,
        insertId: null,
        warnings: 0,
      },
    ]);
    expect(answer.body).toMatchObject({
      node: 'n1',
      role: 'primary',
      epoch: 1,
      lagMs: 0,
      acknowledgedBy: [],
    });
    expect(answer.headers.get('x-skein-position')).toBe(answer.body.position);
    expect(answer.headers.get('x-request-id')).toMatch(/^[\w-]{12}$/);
  });

  it('gives rows as objects, and refuses two columns of one name', async () => {
    const { results } = await ok({ sql: 'SELECT id, name FROM demo.t ORDER BY id', rows: 'object' });
    expect(results[0].rows).toEqual([
      { id: 1, name: 'one' },
      { id: 2, name: 'two' },
    ]);
    const answer = await sql({ sql: 'SELECT 1 AS a, 2 AS a', rows: 'object' });
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'DUPLICATE_COLUMN' } } });
  });

  it('gives the insert id, the affected rows and the transaction of a write', async () => {
    const body = await ok({ sql: "INSERT INTO log (note) VALUES ('x'), ('y')", database: 'demo' });
    expect(body.results[0]).toMatchObject({ columns: [], rows: [], rowCount: 0, affectedRows: 2 });
    expect(body.results[0].insertId).toMatch(/^\d+$/);
    expect(body.position).toBe(`1.${(await gtidOf(primary()))?.split('-')[2]}.${await gtidOf(primary())}`);
  });

  it('keeps ids beyond 2^53 exact', async () => {
    await ok('CREATE TABLE demo.big (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY)');
    const value = '18446744073709551610';
    const body = await ok({
      sql: 'INSERT INTO demo.big VALUES (?)',
      params: [{ $type: 'bigint', value }],
    });
    expect(body.results[0].insertId).toBe(value);
    expect(await rowsOf('SELECT id FROM demo.big')).toEqual([[value]]);
    const unsafe = await sql({ sql: 'SELECT id FROM demo.big', bigint: 'number' });
    expect(unsafe).toMatchObject({ status: 400, body: { error: { code: 'UNSAFE_BIGINT', applied: 'no' } } });
    expect(
      (await ok({ sql: 'SELECT COUNT(*) AS n FROM demo.big', bigint: 'number' })).results[0].rows,
    ).toEqual([[1]]);
  });

  it('runs several statements, atomically when asked', async () => {
    const failed = await sql({
      statements: [
        { sql: "INSERT INTO demo.t VALUES (50, 'fifty')" },
        { sql: "INSERT INTO demo.t VALUES (1, 'again')" },
      ],
      transaction: true,
    });
    expect(failed).toMatchObject({
      status: 409,
      body: { error: { code: 'ER_DUP_ENTRY', errno: 1062, sqlState: '23000', statement: 1, applied: 'no' } },
    });
    expect(failed.body.results).toBeUndefined();
    expect(await rowsOf('SELECT COUNT(*) FROM demo.t WHERE id = 50')).toEqual([['0']]);

    const done = await ok({
      statements: [
        { sql: 'INSERT INTO demo.t VALUES (?, ?)', params: [51, 'a'] },
        { sql: 'UPDATE demo.t SET name = ? WHERE id = ?', params: ['b', 51] },
        { sql: 'SELECT name FROM demo.t WHERE id = 51' },
      ],
      transaction: true,
    });
    expect(done.results.map((r: { statement: number }) => r.statement)).toEqual([0, 1, 2]);
    expect(done.results[2].rows).toEqual([['b']]);
  });

  it('gives the results of those done when one of a batch fails', async () => {
    const answer = await sql({
      statements: [
        { sql: "INSERT INTO demo.t VALUES (60, 'sixty')" },
        { sql: 'SELECT * FROM demo.missing' },
        { sql: "INSERT INTO demo.t VALUES (61, 'never')" },
      ],
    });
    expect(answer).toMatchObject({
      status: 400,
      body: {
        error: { code: 'ER_NO_SUCH_TABLE', statement: 1, applied: 'partial' },
        results: [{ statement: 0, affectedRows: 1 }],
      },
    });
    expect(await rowsOf('SELECT id FROM demo.t WHERE id IN (60, 61)')).toEqual([[60]]);
  });

  it('says so when a statement ends the transaction of the request, or leaves one open', async () => {
    const ddl = await sql({
      statements: [
        { sql: "INSERT INTO demo.t VALUES (70, 'x')" },
        { sql: 'CREATE TABLE demo.ddl (a INT)' },
        { sql: "INSERT INTO demo.t VALUES (71, 'x')" },
      ],
      transaction: true,
    });
    expect(ddl).toMatchObject({
      status: 400,
      body: { error: { code: 'TRANSACTION_ENDED', applied: 'partial' } },
    });
    const chain = await sql({
      statements: [{ sql: "INSERT INTO demo.t VALUES (72, 'x')" }, { sql: 'ROLLBACK AND CHAIN' }],
      transaction: true,
    });
    expect(chain).toMatchObject({
      status: 400,
      body: { error: { code: 'TRANSACTION_ENDED', applied: 'no' } },
    });
    const left = await sql({
      statements: [{ sql: 'START TRANSACTION' }, { sql: "INSERT INTO demo.t VALUES (73, 'x')" }],
    });
    expect(left).toMatchObject({ status: 400, body: { error: { code: 'OPEN_TRANSACTION', applied: 'no' } } });
    expect(await rowsOf('SELECT id FROM demo.t WHERE id BETWEEN 70 AND 79')).toEqual([[70]]);
  });

  it('gives every result of a CALL, and knows that a failed one has committed half', async () => {
    const { results } = await ok('CALL demo.two_results()');
    expect(results.slice(0, 2).map((r: { rows: unknown }) => r.rows)).toEqual([[[1]], [[2, 3]]]);
    expect(await sql('CALL demo.half()')).toMatchObject({
      status: 400,
      body: { error: { code: 'ER_NO_SUCH_TABLE', applied: 'partial' } },
    });
  });

  it('refuses several statements in one text and LOAD DATA LOCAL', async () => {
    expect((await sql('SELECT 1; SELECT 2')).body.error).toMatchObject({
      code: 'ER_PARSE_ERROR',
      statement: 0,
    });
    const load = await sql("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE demo.t");
    expect(load.status).toBeGreaterThanOrEqual(400);
    expect(load.body.error.applied).toBe('no');
  });

  it('binds what JSON can say, and refuses what JSON has already rounded', async () => {
    const params = [null, true, -7, 1.5, 'text', { a: [1] }, { $type: 'blob', value: 'AAH/' }];
    const marks = params.map((_, i) => `? AS p${i}`).join(', ');
    const { results } = await ok({
      sql: `SELECT ${marks}, ? AS d`,
      params: [...params, { $type: 'decimal', value: '1.10' }],
    });
    expect(results[0].rows).toEqual([[null, 1, '-7', 1.5, 'text', '{"a":[1]}', 'AAH/', '1.10']]);
    expect(
      (await ok({ sql: 'SELECT id FROM demo.t ORDER BY id LIMIT ?', params: [1] })).results[0].rows,
    ).toEqual([[1]]);
    const rounded = await call(`${primaryUrl}/v1/sql`, {
      raw: '{"sql":"SELECT ?","params":[12345678901234567890]}',
    });
    expect(rounded).toMatchObject({ status: 400, body: { error: { code: 'INEXACT_NUMBER' } } });
    expect((await sql({ sql: 'SELECT ?', params: [] })).body.error.code).toBe('PARAMETER_COUNT');
  });
});

describe('types', () => {
  it('gives every column type its stable form', async () => {
    await ok(`CREATE TABLE demo.types (
      ti TINYINT, tu TINYINT UNSIGNED, si SMALLINT, mi MEDIUMINT, mu MEDIUMINT UNSIGNED, i INT, iu INT UNSIGNED,
      bi BIGINT, bu BIGINT UNSIGNED, f FLOAT, d DOUBLE, de DECIMAL(65,30), y YEAR, da DATE, t TIME, t6 TIME(6),
      dt DATETIME, dt3 DATETIME(3), ts TIMESTAMP(6) NULL, c CHAR(3), v VARCHAR(10), tx TEXT, b BINARY(3),
      vb VARBINARY(3), bl BLOB, bt BIT(64), e ENUM('a','b'), s SET('a','b'), j JSON, g GEOMETRY, u UUID, i6 INET6)`);
    await ok({
      statements: [
        { sql: "SET SESSION sql_mode = ''" },
        {
          sql: `INSERT INTO demo.types VALUES (-128, 255, -32768, -8388608, 16777215, -2147483648, 4294967295,
            -9223372036854775808, 18446744073709551615, 1.1, 1e308, 12345678901234567890123456789012345.123456789012345678901234567891,
            2026, '0000-00-00', '-838:59:59', '12:00:00.000100', '0000-00-00 00:00:00', '2026-02-28 23:59:59.120',
            '2026-01-02 03:04:05.000006', 'ä', '😀', 'tx', 'abc', '', x'00ff', b'${'1'.repeat(64)}', 'b', 'a,b',
            '{"big": 12345678901234567890.10}', POINT(1, 2), '123e4567-e89b-12d3-a456-426655440000', '::1')`,
        },
        { sql: 'INSERT INTO demo.types () VALUES ()' },
      ],
    });
    const answer = await sql('SELECT * FROM demo.types');
    const [result] = answer.body.results;
    expect(
      Object.fromEntries(result.columns.map((c: { name: string; type: string }) => [c.name, c.type])),
    ).toEqual({
      ti: 'tinyint',
      tu: 'tinyint',
      si: 'smallint',
      mi: 'mediumint',
      mu: 'mediumint',
      i: 'int',
      iu: 'int',
      bi: 'bigint',
      bu: 'bigint',
      f: 'float',
      d: 'double',
      de: 'decimal',
      y: 'year',
      da: 'date',
      t: 'time',
      t6: 'time',
      dt: 'datetime',
      dt3: 'datetime',
      ts: 'timestamp',
      c: 'char',
      v: 'varchar',
      tx: 'text',
      b: 'binary',
      vb: 'varbinary',
      bl: 'blob',
      bt: 'bit',
      e: 'enum',
      s: 'set',
      j: 'json',
      g: 'geometry',
      u: 'uuid',
      i6: 'inet6',
    });
    const [first, second] = result.rows;
    expect(first.slice(0, 28)).toEqual([
      -128,
      255,
      -32768,
      -8388608,
      16777215,
      -2147483648,
      4294967295,
      '-9223372036854775808',
      '18446744073709551615',
      1.1,
      1e308,
      '12345678901234567890123456789012345.123456789012345678901234567891',
      2026,
      '0000-00-00',
      '-838:59:59',
      '12:00:00.000100',
      '0000-00-00 00:00:00',
      '2026-02-28 23:59:59.120',
      '2026-01-02 03:04:05.000006',
      'ä',
      '😀',
      'tx',
      'YWJj',
      '',
      'AP8=',
      '//////////8=',
      'b',
      'a,b',
    ]);
    expect(answer.text).toContain('{"big": 12345678901234567890.10}');
    expect(first[29]).toBe('AAAAAAEBAAAAAAAAAAAA8D8AAAAAAAAAQA==');
    expect(first.slice(30)).toEqual(['123e4567-e89b-12d3-a456-426655440000', '::1']);
    expect(second.every((value: unknown) => value === null)).toBe(true);
  });

  it('carries large values and many rows', async () => {
    // Around the size at which a packet needs a second frame, in both directions.
    for (const length of [0xffffff - 6, 0xffffff + 100_000]) {
      const value = 'x'.repeat(length);
      const { results } = await ok({
        sql: 'SELECT LENGTH(?) AS n, REPEAT("y", ?) AS v',
        params: [value, length],
      });
      expect(results[0].rows[0][0]).toBe(length);
      expect(results[0].rows[0][1]).toBe('y'.repeat(length));
    }
    const many = await ok(
      'SELECT a.seq FROM seq_1_to_1000 a, seq_1_to_100 b'.replaceAll(
        /seq_1_to_(\d+)/g,
        '(WITH RECURSIVE s(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM s WHERE seq < $1) SELECT seq FROM s)',
      ),
    );
    expect(many.results[0].rowCount).toBe(100_000);
  });
});

describe('roles and places', () => {
  const WRITES = [
    "INSERT INTO demo.t VALUES (90, 'x')",
    "UPDATE demo.t SET name = 'x'",
    'DELETE FROM demo.t',
    'CREATE TABLE demo.nope (a INT)',
    'CREATE TEMPORARY TABLE demo.nope (a INT)',
    'CALL demo.writes()',
    'SELECT demo.noisy()',
    'SELECT * FROM demo.noisy_view',
    "SELECT 1 INTO OUTFILE '/tmp/skein-nope'",
    'SELECT * FROM demo.t FOR UPDATE',
    'SELECT * FROM skein.tokens',
    'SET GLOBAL read_only = 1',
    'SET GLOBAL max_connections = 1',
    "SET PASSWORD = PASSWORD('x')",
    "SET @a = 1, PASSWORD = PASSWORD('x')",
    'SET DEFAULT ROLE NONE',
    'FLUSH TABLES',
    'LOCK TABLES demo.t WRITE',
    'BEGIN NOT ATOMIC COMMIT; SELECT * FROM demo.noisy_view; END',
    '/*!BEGIN NOT ATOMIC COMMIT; SELECT * FROM demo.noisy_view; END*/',
    'SET STATEMENT max_statement_time=1 FOR BEGIN NOT ATOMIC COMMIT; SELECT * FROM demo.noisy_view; END',
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE demo.t",
    'ANALYZE TABLE demo.t',
    'TRUNCATE TABLE demo.t',
    'DROP TABLE demo.t',
    'GRANT SELECT ON demo.* TO skein_read@localhost',
    'KILL 1',
    'SHUTDOWN',
  ];

  it.each(WRITES)('a read token may not: %s', async (statement) => {
    for (const url of [primaryUrl, replicaUrl]) {
      const before = await gtidOf(primary());
      const answer = await sql(statement, tokens.read, url);
      expect(answer.status, answer.text).toBe(403);
      expect(answer.body.error).toMatchObject({ code: 'FORBIDDEN', applied: 'no' });
      expect(await gtidOf(primary())).toBe(before);
    }
  });

  it('a read token cannot write after it has ended its own read-only transaction', async () => {
    const before = await gtidOf(primary());
    const answer = await sql(
      {
        statements: [
          { sql: 'SET SESSION tx_read_only = 0' },
          { sql: 'COMMIT' },
          { sql: 'SELECT * FROM demo.noisy_view' },
        ],
      },
      tokens.read,
    );
    expect(answer).toMatchObject({ status: 403, body: { error: { statement: 2, errno: 1792 } } });
    const snapshot = await sql(
      { statements: [{ sql: 'COMMIT' }, { sql: 'SELECT * FROM demo.noisy_view' }], transaction: true },
      tokens.read,
    );
    expect(snapshot).toMatchObject({ status: 400, body: { error: { code: 'TRANSACTION_ENDED' } } });
    expect(await gtidOf(primary())).toBe(before);
  });

  it.each([
    "INSERT INTO demo.t VALUES (90, 'x')",
    'CALL demo.writes()',
    'SELECT demo.noisy()',
    'WITH x AS (SELECT demo.noisy() AS a) SELECT * FROM x',
    'SELECT * FROM demo.noisy_view',
    'CREATE TABLE demo.nope (a INT)',
    'ANALYZE TABLE demo.t',
    'SELECT * FROM demo.t FOR UPDATE',
  ])('a write on a replica is sent to the primary: %s', async (statement) => {
    const before = await gtidOf(nodes[1] as HonestNode);
    const answer = await sql(statement, tokens.write, replicaUrl);
    expect(answer.status, answer.text).toBe(421);
    expect(answer.body.error).toMatchObject({
      code: 'NOT_PRIMARY',
      primary: primaryUrl,
      applied: 'no',
    });
    expect(await gtidOf(nodes[1] as HonestNode)).toBe(before);
  });

  it('reads on a replica with any role, and temporary tables there leave nothing in its log', async () => {
    for (const token of [tokens.read, tokens.write, tokens.admin]) {
      const body = await ok('SELECT id FROM demo.t WHERE id = 1', token, replicaUrl);
      expect(body).toMatchObject({ node: 'n2', role: 'replica', results: [{ rows: [[1]] }] });
    }
    const before = await gtidOf(nodes[1] as HonestNode);
    await sql(
      {
        statements: [
          { sql: 'CREATE TEMPORARY TABLE demo.tmp (a INT)' },
          { sql: 'INSERT INTO demo.tmp VALUES (1)' },
        ],
      },
      tokens.write,
      replicaUrl,
    );
    await ok('SELECT 1', tokens.write, replicaUrl);
    expect(await gtidOf(nodes[1] as HonestNode)).toBe(before);
  });

  it('keeps the session account out of reach of a write token too', async () => {
    for (const statement of ["SET PASSWORD = PASSWORD('x')", 'KILL 1', '/* x */ SET DEFAULT ROLE NONE']) {
      expect((await sql(statement)).status, statement).toBe(403);
    }
    expect((await sql({ sql: "UPDATE demo.t SET name = 'password' WHERE id = -1" })).status).toBe(200);
  });
});

describe('sessions', () => {
  it('nothing of one request is left for the next', async () => {
    for (let round = 0; round < 3; round++) {
      await ok({
        database: 'demo',
        statements: [
          { sql: 'SET @mine = 1, SESSION sql_mode = "", time_zone = "+05:00"' },
          { sql: 'CREATE TEMPORARY TABLE tmp (a INT)' },
          { sql: 'USE other' },
          { sql: 'SELECT GET_LOCK("skein-test", 0)' },
        ],
      });
    }
    const seen = await Promise.all(
      Array.from({ length: 20 }, () =>
        rowsOf("SELECT DATABASE(), @mine, @@time_zone, @@sql_mode <> '', IS_FREE_LOCK('skein-test')"),
      ),
    );
    for (const [row] of seen) expect(row).toEqual([null, null, '+00:00', 1, 1]);
    expect((await sql('SELECT * FROM demo.tmp')).body.error.code).toBe('ER_NO_SUCH_TABLE');
    await ok({ sql: 'USE demo' }, tokens.read);
    expect(await rowsOf('SELECT DATABASE()', tokens.read)).toEqual([[null]]);
    await ok({ sql: 'SELECT 1', database: 'demo' }, tokens.read);
    expect(await rowsOf('SELECT DATABASE()', tokens.read)).toEqual([[null]]);
    // A reset keeps the default database, also after a request that failed behind its USE.
    for (const token of [tokens.read, tokens.write]) {
      for (const transaction of [false, true]) {
        const statements = [{ sql: 'USE demo' }, { sql: 'SELECT * FROM missing' }];
        expect((await sql({ statements, transaction }, token)).status).toBe(400);
        for (let i = 0; i < 5; i++) expect(await rowsOf('SELECT DATABASE()', token)).toEqual([[null]]);
      }
    }
  });

  it('an unknown database is an error of that request only', async () => {
    expect(await sql({ sql: 'SELECT 1', database: 'nowhere' })).toMatchObject({
      status: 400,
      body: { error: { code: 'ER_BAD_DB_ERROR' } },
    });
    expect((await ok({ sql: 'SELECT DATABASE()', database: 'demo' })).results[0].rows).toEqual([['demo']]);
  });

  it('serves more requests at once than it has sessions', async () => {
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, i) => ok({ sql: 'SELECT ?, SLEEP(0.01)', params: [i] }, tokens.read)),
    );
    expect(answers.map((body, i) => body.results[0].rows[0][0] === String(i)).every(Boolean)).toBe(true);
  });
});

describe('time and truth', () => {
  it('a read that takes too long is stopped on the server', async () => {
    const started = performance.now();
    const answer = await sql({ sql: 'SELECT SLEEP(60), "stop me"', timeoutMs: 300 }, tokens.read);
    expect(answer).toMatchObject({ status: 504, body: { error: { code: 'TIMEOUT', applied: 'no' } } });
    expect(performance.now() - started).toBeLessThan(30_000);
    await until('the statement is gone', async () => {
      const rows = await (await primary().control()).query('SHOW PROCESSLIST');
      return !rows.some((row) => row.some((value) => value?.includes('stop me')));
    });
  });

  it('a write without its quorum is unknown, is not answered as done, and its fate is logged', async () => {
    const release = primary().hold();
    const answer = await sql({ sql: "INSERT INTO demo.t VALUES (100, 'late')", timeoutMs: 1500 });
    expect(answer).toMatchObject({
      status: 504,
      body: { error: { code: 'OUTCOME_UNKNOWN', applied: 'unknown' } },
    });
    const id = answer.body.error.requestId;
    expect(logLines.some((line) => line.requestId === id && line.applied === 'yes')).toBe(false);
    release();
    await until('the fate is logged', () =>
      logLines.some(
        (line) => line.requestId === id && line.message.includes('has ended') && line.applied === 'yes',
      ),
    );
  });

  it('a long write is not killed by its time-out, and what follows it is not begun', async () => {
    const answer = await sql({
      statements: [
        { sql: 'INSERT INTO demo.t SELECT 101, SLEEP(3)' },
        { sql: "INSERT INTO demo.t VALUES (102, 'never')" },
      ],
      timeoutMs: 1500,
    });
    expect(answer).toMatchObject({ status: 504, body: { error: { applied: 'unknown' } } });
    await until(
      'the first statement is done',
      async () => (await rowsOf('SELECT 1 FROM demo.t WHERE id = 101')).length === 1,
    );
    const isBegun = async () => (await rowsOf('SELECT id FROM demo.t WHERE id = 102')).length > 0;
    await throughout('the second is not begun', 300, async () => !(await isBegun()));
  });

  it('waits for a position, and says when it is not reached or was lost', async () => {
    const { position } = await ok("INSERT INTO demo.t VALUES (110, 'x')");
    expect((await sql({ sql: 'SELECT 1', read: { level: 'session', after: position } })).status).toBe(200);
    const late = await sql({ sql: 'SELECT 1', read: { after: '1.999999.0-1000001-999999' }, timeoutMs: 300 });
    expect(late).toMatchObject({ status: 412, body: { error: { code: 'POSITION_NOT_REACHED' } } });
    const header = await call(`${primaryUrl}/v1/sql`, {
      body: { sql: 'SELECT 1', timeoutMs: 300 },
      headers: { 'x-skein-position': '1.999999.0-1000001-999999' },
    });
    expect(header.status).toBe(412);
    primary().lost = '0-1000001-888888';
    const lost = await sql({ sql: 'SELECT 1', read: { after: '1.888888.0-1000001-888888' } });
    expect(lost).toMatchObject({ status: 409, body: { error: { code: 'TRANSACTION_LOST' } } });
    expect((await sql({ sql: 'SELECT 1', read: { after: 'nonsense' } })).body.error.code).toBe(
      'INVALID_POSITION',
    );
  });

  it('bounded reads are answered only as fresh as they asked', async () => {
    const replica = nodes[1] as HonestNode;
    const bounded = (maxLagMs: number) =>
      sql({ sql: 'SELECT 1', read: { level: 'bounded', maxLagMs } }, tokens.read, replicaUrl);
    replica.lagMs = 700;
    expect(await bounded(500)).toMatchObject({
      status: 412,
      body: { error: { code: 'LAG_TOO_LARGE', applied: 'no', retryable: true } },
    });
    expect((await bounded(700)).status).toBe(200);
    replica.lagMs = 0;
  });

  it('reads that only the primary may answer are sent there', async () => {
    for (const level of ['primary', 'linearizable']) {
      const body = { sql: 'SELECT COUNT(*) FROM demo.t', read: { level } };
      for (const token of [tokens.read, tokens.write]) {
        expect(await sql(body, token, replicaUrl)).toMatchObject({
          status: 421,
          body: { error: { code: 'NOT_PRIMARY', primary: primaryUrl, applied: 'no' } },
        });
        expect((await sql(body, token)).status).toBe(200);
      }
    }
  });

  it('a linearizable read waits for the quorum, a read of level primary does not', async () => {
    const goOn = primary().hold();
    try {
      for (const token of [tokens.read, tokens.write]) {
        const read = (level: string) => ({ sql: 'SELECT 1', read: { level } });
        expect((await sql(read('primary'), token)).status).toBe(200);
        expect(await sql({ ...read('linearizable'), timeoutMs: 300 }, token)).toMatchObject({
          status: 503,
          body: { error: { code: 'NO_QUORUM', applied: 'no', retryable: true } },
        });
      }
    } finally {
      goOn();
    }
  });

  it.each([
    { level: 'local', after: '1.1.0-1000001-1' },
    { level: 'primary', after: '1.1.0-1000001-1' },
    { level: 'bounded' },
    { level: 'session' },
    { level: 'local', maxLagMs: 5 },
    { maxLagMs: 5 },
  ])('refuses the contradiction %j', async (read) => {
    expect(await sql({ sql: 'SELECT 1', read }, tokens.read)).toMatchObject({
      status: 400,
      body: { error: { code: 'INVALID_FIELD' } },
    });
  });

  it('a closed node serves nothing and says why', async () => {
    primary().openness = { open: false, code: 'NO_QUORUM', reason: 'Only 1 of 2 voters is here.' };
    const answer = await sql('SELECT 1');
    const [ready, isPrimary] = await Promise.all([
      call(`${primaryUrl}/ready`, { token: null }),
      call(`${primaryUrl}/primary`, { token: null }),
    ]);
    primary().openness = { open: true };
    expect(answer).toMatchObject({
      status: 503,
      body: {
        error: { code: 'NO_QUORUM', message: 'Only 1 of 2 voters is here.', applied: 'no', retryable: true },
      },
    });
    expect([ready.status, isPrimary.status]).toEqual([503, 503]);
  });
});

describe('tokens', () => {
  it('refuses no token, a wrong one, a wrong role', async () => {
    expect(await call(`${primaryUrl}/v1/cluster`, { token: null })).toMatchObject({
      status: 401,
      body: { error: { code: 'UNAUTHORIZED' } },
    });
    expect((await call(`${primaryUrl}/v1/cluster`, { token: generateToken() })).status).toBe(401);
    expect((await call(`${primaryUrl}/v1/tokens`, { token: tokens.write })).status).toBe(403);
    const onReplica = await call(`${replicaUrl}/v1/tokens`, {
      token: admin,
      body: { name: 'x', role: 'read' },
    });
    expect(onReplica).toMatchObject({ status: 421, body: { error: { primary: primaryUrl } } });
  });

  it('lists without secrets, revokes at once', async () => {
    const created = await call(`${primaryUrl}/v1/tokens`, {
      token: admin,
      body: { name: 'short', role: 'read' },
    });
    const { id, token } = created.body;
    expect((await call(`${primaryUrl}/v1/cluster`, { token })).status).toBe(200);
    const list = await call(`${primaryUrl}/v1/tokens`, { token: admin });
    expect(list.body.tokens.find((t: { id: string }) => t.id === id)).toEqual({
      id,
      name: 'short',
      role: 'read',
      createdAt: expect.stringMatching(/Z$/),
      expiresAt: null,
      rateLimit: null,
      lastUsedAt: expect.stringMatching(/Z$/),
    });
    expect(list.text).not.toContain(token);
    expect((await call(`${primaryUrl}/v1/tokens/${id}`, { token: admin, method: 'DELETE' })).status).toBe(
      200,
    );
    expect((await call(`${primaryUrl}/v1/cluster`, { token })).status).toBe(401);
    expect((await call(`${primaryUrl}/v1/tokens/${id}`, { token: admin, method: 'DELETE' })).status).toBe(
      404,
    );
  });

  it('never logs a token, a parameter or a literal', async () => {
    await ok({ sql: "SELECT 'literal-secret', ?", params: ['parameter-secret'] });
    const text = JSON.stringify(logLines);
    for (const secretText of [admin, tokens.write, 'literal-secret', 'parameter-secret']) {
      expect(text).not.toContain(secretText);
    }
    expect(logLines.findLast((line) => line.path === '/v1/sql')).toMatchObject({
      method: 'POST',
      status: 200,
      role: 'write',
      rows: 1,
      outcome: 'ok',
    });
  });
});

describe('other endpoints', () => {
  it('health, readiness and roles need no token', async () => {
    const status = async (url: string) => (await call(url, { token: null })).status;
    expect(await status(`${primaryUrl}/health`)).toBe(200);
    expect(await status(`${primaryUrl}/primary`)).toBe(200);
    expect(await status(`${primaryUrl}/replica`)).toBe(503);
    expect(await status(`${replicaUrl}/replica`)).toBe(200);
    expect(await status(`${replicaUrl}/primary`)).toBe(503);
    (nodes[1] as HonestNode).lagMs = 900;
    expect(await status(`${replicaUrl}/replica?maxLagMs=500`)).toBe(503);
    expect(await status(`${replicaUrl}/replica?maxLagMs=1000`)).toBe(200);
    expect(await status(`${replicaUrl}/replica?maxLagMs=x`)).toBe(400);
    (nodes[1] as HonestNode).lagMs = 0;
  });

  it('streams events and resumes after the last one seen', async () => {
    const event = (reason: string) =>
      primary().events.push('member.state', { at: 'now', node: 'n1', subject: 'n2', reason });
    const { id } = event('first');
    event('second');
    const over = new AbortController();
    const response = await fetch(`${primaryUrl}/v1/events`, {
      headers: { authorization: `Bearer ${tokens.read}`, 'last-event-id': String(id) },
      signal: over.signal,
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    let text = '';
    const reading = (async () => {
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
    })().catch(() => {});
    await until('the missed event', () => text.includes('second'));
    event('third');
    await until('the new event', () => text.includes('third'));
    expect(text).not.toContain('first');
    expect(text).toContain(`id: ${id + 2}\nevent: member.state\ndata: {`);
    over.abort();
    await reading;
  });

  it('gives the tail of the log', async () => {
    primary().log.push('{"n":1}', '{"n":2}', '{"n":3}');
    const answer = await call(`${primaryUrl}/v1/logs?tail=2`);
    expect(answer.text).toBe('{"n":2}\n{"n":3}\n');
  });
});

describe('stored outcomes', () => {
  it('are out of reach of every token but for what their own writes store, and are removed when they are old', async () => {
    const control = await primary().control();
    const left = async () => Number((await control.query('SELECT COUNT(*) FROM skein.outcomes'))[0]?.[0]);
    const store = (name: string, createdAt: string) =>
      `INSERT INTO skein.outcomes VALUES (${name}, ${createdAt}, '', '', '')`;
    const answer = await call(`${primaryUrl}/v1/sql`, {
      body: { sql: "INSERT INTO demo.log (note) VALUES ('kept')" },
      headers: { 'idempotency-key': 'kept' },
    });
    expect(answer.status).toBe(200);
    for (const statement of [
      'SELECT * FROM skein.outcomes',
      "UPDATE skein.outcomes SET answer = ''",
      'DELETE FROM skein.outcomes',
      "REPLACE INTO skein.outcomes VALUES ('a', NOW(), '', '', '')",
      "INSERT INTO skein.outcomes VALUES ('a', NOW(), '', '', '') ON DUPLICATE KEY UPDATE answer = ''",
      "INSERT INTO skein.outcomes VALUES ('a', NOW(), '', '', '') RETURNING answer",
      'TRUNCATE skein.outcomes',
      'ALTER TABLE skein.outcomes ADD COLUMN x INT',
      'CREATE TRIGGER skein.peek BEFORE INSERT ON skein.outcomes FOR EACH ROW SET @x = NEW.answer',
      'SELECT * FROM skein.tokens',
      "INSERT INTO skein.tokens VALUES ('x', 'x', 'admin', '', NOW(), NULL, NULL, NULL, NULL)",
    ]) {
      expect([statement, (await sql(statement)).status]).toEqual([statement, 403]);
    }
    // A made-up row of the future is no use to anybody, and goes as the old ones do.
    await ok(
      'CREATE TABLE demo.holds_it (id CHAR(64) CHARACTER SET ascii COLLATE ascii_bin, FOREIGN KEY (id) REFERENCES skein.outcomes (id))',
    );
    // In one transaction: it may be removed at any moment.
    await ok({
      statements: [
        { sql: store("'made up'", 'NOW() + INTERVAL 1 YEAR') },
        { sql: "INSERT INTO demo.holds_it VALUES ('made up')" },
      ],
      transaction: true,
    });
    for (let i = 0; i < 3; i++) {
      await control.run(
        `INSERT INTO skein.outcomes SELECT CONCAT('old', ${i}, '-', seq), UTC_TIMESTAMP(3) - INTERVAL 25 HOUR, '', '', '' FROM demo.seq_1_to_400`,
      );
    }
    await until('only what is young is left', async () => (await left()) === 1);
    const again = await call(`${primaryUrl}/v1/sql`, {
      body: { sql: "INSERT INTO demo.log (note) VALUES ('kept')" },
      headers: { 'idempotency-key': 'kept' },
    });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    await control.run("UPDATE skein.outcomes SET answer = '[]'");
    const forged = await call(`${primaryUrl}/v1/sql`, {
      body: { sql: "INSERT INTO demo.log (note) VALUES ('kept')" },
      headers: { 'idempotency-key': 'kept' },
    });
    expect(forged).toMatchObject({ status: 500, body: { error: { applied: 'unknown' } } });
    await control.run('DELETE FROM skein.outcomes');
  });
});

describe('streams', () => {
  const stream = async (body: object, token = tokens.read) => {
    const answer = await call(`${primaryUrl}/v1/sql`, {
      token,
      body,
      headers: { accept: 'application/x-ndjson' },
    });
    const isLines = (answer.headers.get('content-type') ?? '').startsWith('application/x-ndjson');
    const lines = isLines
      ? answer.text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [];
    return { ...answer, lines };
  };

  it('tells columns, rows and the end in lines', async () => {
    const { status, lines } = await stream({ sql: 'SELECT id, name FROM demo.t WHERE id < 3 ORDER BY id' });
    expect(status).toBe(200);
    expect(lines).toMatchObject([
      { type: 'columns', columns: [{ name: 'id', type: 'int' }, { name: 'name' }] },
      { type: 'row', row: [1, 'one'] },
      { type: 'row', row: [2, 'two'] },
      { type: 'end', results: [{ rowCount: 2, affectedRows: 0 }], node: 'n1', role: 'primary' },
    ]);
    expect(lines.at(-1).position).toMatch(/^1\./);
    const objects = await stream({ sql: 'SELECT id FROM demo.t WHERE id = 1', rows: 'object' });
    expect(objects.lines[1]).toEqual({ type: 'row', row: { id: 1 } });
  });

  it('many rows come whole and in order', async () => {
    const { lines } = await stream({ sql: 'SELECT seq, REPEAT("x", seq % 50) FROM demo.seq_1_to_50000' });
    expect(lines.length).toBe(50_002);
    expect(lines.slice(1, -1).every((line, i) => line.row[0] === String(i + 1))).toBe(true);
    expect(lines.at(-1)).toMatchObject({ type: 'end', results: [{ rowCount: 50_000 }] });
  });

  it('an error before the first row has its status, a later one is the last line', async () => {
    expect(await stream({ sql: 'SELECT * FROM demo.missing' })).toMatchObject({
      status: 400,
      body: { error: { code: 'ER_NO_SUCH_TABLE' } },
    });
    const statements = [{ sql: 'SELECT 1' }, { sql: 'SELECT 2 FROM demo.missing' }];
    const late = await stream({ statements });
    expect([late.status, late.lines.at(-1)]).toMatchObject([
      200,
      { type: 'error', error: { code: 'ER_NO_SUCH_TABLE', statement: 1, applied: 'no' }, results: [{}] },
    ]);
    const unsafe = await stream({ sql: 'SELECT 9007199254740993', bigint: 'number' });
    expect(unsafe.lines.at(-1) ?? unsafe.body).toMatchObject({ error: { code: 'UNSAFE_BIGINT' } });
  });

  it('a write ends only when its quorum has it', async () => {
    const insert = (id: number) => ({
      sql: `INSERT INTO demo.t VALUES (${id}, 'streamed')`,
      timeoutMs: 1500,
    });
    expect((await stream({ ...insert(1201), timeoutMs: 30_000 }, tokens.write)).lines).toMatchObject([
      { type: 'end', results: [{ affectedRows: 1 }] },
    ]);
    const goOn = primary().hold();
    const held = await stream(insert(1202), tokens.write);
    const told = await stream({ ...insert(1203), sql: `${insert(1203).sql} RETURNING id` }, tokens.write);
    goOn();
    expect(held).toMatchObject({ status: 504, body: { error: { applied: 'unknown' } } });
    expect(told.lines).toMatchObject([
      { type: 'columns' },
      { type: 'row', row: [1203] },
      { type: 'error', error: { code: 'OUTCOME_UNKNOWN', applied: 'unknown' } },
    ]);
  });

  it.each(['read', 'write'] as const)(
    'a client that does not read holds the statement up, one that vanishes ends it (%s token)',
    async (role) => {
      const seen = async () =>
        (
          await (
            await primary().control()
          ).query(
            "SELECT STATE FROM information_schema.processlist WHERE COMMAND = 'Execute' AND INFO LIKE '%streamed_rows%' AND ID <> CONNECTION_ID()",
          )
        ).map(([state]) => state);
      const body = JSON.stringify({
        sql: 'SELECT seq, REPEAT("x", 500) AS streamed_rows FROM demo.seq_1_to_5000000',
      });
      const url = new URL(primaryUrl);
      const socket = net.connect(Number(url.port), url.hostname);
      let got = 0;
      socket.on('data', (chunk) => {
        got += chunk.length;
        if (got > 1_000_000) socket.pause();
      });
      socket.on('error', () => {});
      socket.write(
        `POST /v1/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokens[role]}\r\nAccept: application/x-ndjson\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      await until('the client has read enough', () => got > 1_000_000);
      await until('the server waits for its client', async () => (await seen()).includes('Writing to net'));
      const before = got;
      await throughout('nothing more is taken', 200, () => got === before);
      socket.destroy();
      await until('the statement has ended', async () => (await seen()).length === 0);
    },
  );
});

describe('bad input', () => {
  it.each([
    ['{', 'INVALID_JSON'],
    ['', 'INVALID_JSON'],
    ['[]', 'INVALID_FIELD'],
    ['null', 'INVALID_FIELD'],
    ['{}', 'INVALID_FIELD'],
    ['{"sql":1}', 'INVALID_FIELD'],
    ['{"sql":" "}', 'INVALID_FIELD'],
    ['{"sql":"SELECT 1","sqll":1}', 'UNKNOWN_FIELD'],
    ['{"sql":"SELECT 1","__proto__":{}}', 'UNKNOWN_FIELD'],
    ['{"sql":"SELECT 1","tx":"tx_1","transaction":true}', 'INVALID_FIELD'],
    ['{"sql":"SELECT 1","read":{"level":"nonsense"}}', 'INVALID_FIELD'],
    ['{"sql":"SELECT 1","write":{"acknowledge":"async"}}', 'INVALID_FIELD'],
    ['{"sql":"SELECT ?","params":[{"$type":"blob","value":"%"}]}', 'INVALID_PARAMETER'],
    ['{"sql":"SELECT ?","params":[{"$type":"what","value":"1"}]}', 'INVALID_PARAMETER'],
  ])('%s is %s', async (raw, code) => {
    const answer = await call(`${primaryUrl}/v1/sql`, { raw, method: 'POST' });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ code, applied: 'no' });
    expect(answer.body.error.requestId).toBe(answer.headers.get('x-request-id'));
  });

  it('refuses a body over its limit, and asks for the token first', async () => {
    const raw = `{"sql":"SELECT '${'x'.repeat(32 * 1024 * 1024)}'"}`;
    expect(await call(`${primaryUrl}/v1/sql`, { raw })).toMatchObject({
      status: 413,
      body: { error: { code: 'BODY_TOO_LARGE' } },
    });
    expect((await call(`${primaryUrl}/v1/sql`, { raw: '{', token: null })).status).toBe(401);
  });

  it('answers what is no HTTP, an unknown path and a wrong method in the same shape', async () => {
    const port = Number(new URL(primaryUrl).port);
    const text = await new Promise<string>((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write('\u0016\u0003\u0001 hello\r\n\r\n'));
      let received = '';
      socket.on('data', (chunk) => {
        received += chunk;
      });
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
    });
    expect(text).toContain('400 Bad Request');
    expect(text).toContain('"code":"INVALID_REQUEST"');
    for (const path of ['/v1/nothing', '/v1/sql', '/%', '/etc/passwd']) {
      const answer = await call(`${primaryUrl}${path}`);
      expect(answer.body.error.code, path).toMatch(/NOT_FOUND|INVALID_REQUEST/);
    }
  });
});

describe('limits and losses', () => {
  it('stops a read whose answer would be too large, early', async () => {
    // What the server has sent so far, in MB of all sessions.
    const sent = async () =>
      Number((await (await primary().control()).query("SHOW GLOBAL STATUS LIKE 'Bytes_sent'"))[0]?.[1]) / 1e6;
    const before = await sent();
    for (const text of [
      "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 900) SELECT REPEAT('x', 1000000) FROM s",
      'SELECT seq, REPEAT("x", 10000) FROM demo.seq_1_to_90000',
    ]) {
      expect(await sql(text, tokens.read)).toMatchObject({
        status: 400,
        body: { error: { code: 'RESULT_TOO_LARGE', applied: 'no', message: expect.stringMatching(/limit/) } },
      });
    }
    // Of 1800 MB; the limit of an answer is 16 MiB (docs/limits.md), and some are on their way when it is met.
    expect((await sent()) - before).toBeLessThan(400);
    await ok('SELECT 1', tokens.read);
  });

  it('stops the read of a client that has gone away', async () => {
    const over = new AbortController();
    const request = call(`${primaryUrl}/v1/sql`, {
      token: tokens.read,
      body: { sql: 'SELECT SLEEP(30), "gone away"' },
      signal: over.signal,
    }).catch(() => null);
    const running = async () =>
      (await (await primary().control()).query('SHOW PROCESSLIST')).some((row) =>
        row.some((value) => value?.includes('gone away')),
      );
    await until('the statement runs', running);
    over.abort();
    await request;
    await until('the statement is gone', async () => !(await running()));
  });

  it('no body or header makes a 500, and none of them writes without its role', async () => {
    const before = await gtidOf(primary());
    const texts = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'SELECT 1',
        'INSERT INTO demo.t VALUES (1,1)',
        'SET @a = ?',
        'CALL demo.writes()',
        '?',
        '(',
        '-- x',
      ),
    );
    const body = fc.oneof(
      fc.record(
        {
          sql: texts,
          params: fc.array(fc.jsonValue(), { maxLength: 3 }),
          database: fc.oneof(fc.string(), fc.constantFrom('demo', 'skein', 'mysql')),
          rows: fc.constantFrom('array', 'object'),
          transaction: fc.boolean(),
          timeoutMs: fc.integer({ min: 50, max: 2000 }),
          forward: fc.boolean(),
          tx: fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('tx_1.n1', 'tx_1_x.n2')),
          read: fc.record(
            {
              level: fc.constantFrom('local', 'bounded', 'session', 'primary', 'linearizable'),
              after: fc.oneof(fc.string(), fc.constantFrom('1.1.0-1000001-1')),
              maxLagMs: fc.integer({ min: 0, max: 100 }),
            },
            { requiredKeys: [] },
          ),
          write: fc.record({ acknowledge: fc.constantFrom('majority', 'all') }),
        },
        { requiredKeys: ['sql'] },
      ),
      fc.record({
        statements: fc.array(fc.record({ sql: texts }), { minLength: 1, maxLength: 3 }),
        transaction: fc.boolean(),
      }),
      fc.jsonValue(),
    );
    await fc.assert(
      fc.asyncProperty(
        body,
        fc.stringMatching(/^[ -~]{0,20}$/),
        fc.boolean(),
        async (value, header, lines) => {
          const answer = await call(`${primaryUrl}/v1/sql`, {
            token: tokens.read,
            body: value,
            method: 'POST',
            headers: {
              'x-skein-position': header,
              'x-request-id': header,
              'idempotency-key': header,
              'x-skein-forwarded-by': header,
              ...(lines && { accept: 'application/x-ndjson' }),
            },
          });
          expect([200, 400, 403, 409, 421, ...Object.keys(OF_ITS_TIME).map(Number)], answer.text).toContain(
            answer.status,
          );
          if (answer.status === 200 || lines) return;
          expect(answer.body.error).toMatchObject({
            applied: 'no',
            code: OF_ITS_TIME[answer.status] ?? expect.any(String),
          });
        },
      ),
      { numRuns: 400 },
    );
    expect(await gtidOf(primary())).toBe(before);
  });

  it('tells the truth about a write whose server dies, and serves again when it is back', async () => {
    const [server] = servers as [ManagedServer];
    const writing = sql('INSERT INTO demo.t SELECT 200, SLEEP(30)');
    const reading = sql('SELECT SLEEP(30)', tokens.read);
    await until('both run', async () => {
      const rows = await (await primary().control()).query('SHOW PROCESSLIST');
      return rows.filter((row) => row.some((value) => value?.includes('SLEEP(30)'))).length === 2;
    });
    const up = new Promise<void>((resolve) => {
      const off = server.up.on(() => {
        off();
        resolve();
      });
    });
    void server.kill('test', { restart: true });
    expect(await writing).toMatchObject({
      status: 504,
      body: { error: { code: 'OUTCOME_UNKNOWN', applied: 'unknown' } },
    });
    expect(await reading).toMatchObject({
      status: 503,
      body: { error: { code: 'SERVER_DOWN', applied: 'no' } },
    });
    // Who is known is let in even while the server is down, and told why nothing works.
    expect((await call(`${primaryUrl}/v1/cluster`)).status).toBe(200);
    await up;
    await primary().open();
    await until('requests are served again', async () => (await sql('SELECT 1')).status === 200);
    await ok("INSERT INTO demo.t VALUES (201, 'after')");
  });

  it('stops in time although a write waits for its quorum, which is answered as unknown', async () => {
    const node = nodes[0] as HonestNode;
    const second = new HttpServer(
      { host: '127.0.0.1', port: 0, consoleDir: null, tokenRefreshMs: 200 },
      { node, log: logger },
    );
    const { port } = await second.start();
    await until(
      'tokens are read',
      async () => (await call(`http://127.0.0.1:${port}/v1/cluster`)).status === 200,
    );
    const release = node.hold();
    const waiting = sql("INSERT INTO demo.t VALUES (300, 'x')", tokens.write, `http://127.0.0.1:${port}`);
    await until('it waits', () => node.waiting > 0);
    const started = performance.now();
    await second.stop();
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(await waiting).toMatchObject({ status: 504, body: { error: { applied: 'unknown' } } });
    release();
  });
});

describe('too many wrong tokens', () => {
  it('are answered with 429 from the 21st of a minute on, while right ones still work', async () => {
    // A server of its own: others have counted wrong tokens of this address already.
    const fresh = new HttpServer(
      { host: '127.0.0.1', port: 0, consoleDir: null, tokenRefreshMs: 200 },
      { node: nodes[0] as HonestNode, log: logger },
    );
    try {
      const { port } = await fresh.start();
      const url = `http://127.0.0.1:${port}/v1/cluster`;
      await until('tokens are read', async () => (await call(url)).status === 200);
      const answers: Answer[] = [];
      for (let i = 0; i < 25; i++) answers.push(await call(url, { token: generateToken() }));
      const statuses = answers.map(({ status }) => status);
      expect(statuses).toEqual([...Array(20).fill(401), ...Array(5).fill(429)]);
      expect(answers[24]?.body.error).toMatchObject({ code: 'TOO_MANY_FAILURES', applied: 'no' });
      const waitS = Number(answers[24]?.headers.get('retry-after'));
      expect(waitS > 0 && waitS <= 60, `Retry-After: ${waitS}`).toBe(true);
      expect((await call(url, { token: tokens.read })).status).toBe(200);
      // Asking without a token is a mistake, not a guess.
      expect((await call(url, { token: null })).status).toBe(401);
    } finally {
      await fresh.stop();
    }
  });
});
