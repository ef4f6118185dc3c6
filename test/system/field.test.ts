/**
 * Values in and out of HTTP, one by one, beside what the plain server does with the same: inputs of users' reports. What
 * cannot be carried exactly is refused, and then nothing was stored.
 */
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { runsAtLeast } from '../kit/server-version.js';
import { rowsOf, scalarOf, withSql } from '../kit/sql-node.js';
import type { HttpAnswer, RequestOptions, SqlAnswer, TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

let cluster: TestCluster;
let plain: Connection;
let writer = '';
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ replicas: 1 });
  const made = await cluster.primary.request<{ token: string }>('POST', '/v1/tokens', {
    name: 'writer',
    role: 'write',
  });
  writer = made.body.token;
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.kept (id INT AUTO_INCREMENT PRIMARY KEY, v LONGBLOB)');
  plain = await cluster.primary.connect({ database: 'demo' });
});
afterAll(async () => {
  plain?.destroy();
  await cluster?.dispose();
});

/** `body` may be a text, because that is what arrives: JSON.stringify could not write `1e999`. */
const post = (body: string | object, options: RequestOptions = {}, node: TestNode = cluster.primary) =>
  node.request<SqlAnswer>('POST', '/v1/sql', body, { token: writer, ...options });

const lines = (answer: HttpAnswer<unknown>): unknown[] =>
  answer.text
    .trimEnd()
    .split(/[\n\r\u0085\u2028\u2029]/)
    .map((line) => JSON.parse(line));

const blob = (hex: string) => Buffer.from(hex, 'hex');
const tagged = (type: string, value: unknown) => JSON.stringify({ $type: type, value });
const base64 = (hex: string) => blob(hex).toString('base64');
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('hex');
const MAX_DECIMAL = `${'9'.repeat(27)}.${'9'.repeat(38)}`;
const STRANGE_TEXT = 'a\u0000b\n\r\t"\\\'\u2028\u2029\u0085é漢😀\u200d';

/** Column type | parameter as JSON text | the same parameter for mysql2 | what HTTP answers, as JSON text. */
const STORED: readonly (readonly [string, string, unknown, string])[] = [
  ['TINYINT', '-128', -128, '-128'],
  ['TINYINT UNSIGNED', '255', 255, '255'],
  ['BOOLEAN', 'true', true, '1'],
  ['SMALLINT', '-32768', -32768, '-32768'],
  ['MEDIUMINT UNSIGNED', '16777215', 16777215, '16777215'],
  ['INT UNSIGNED', '4294967295', 4294967295, '4294967295'],
  ['BIGINT', '9007199254740991', '9007199254740991', '"9007199254740991"'],
  ['BIGINT', tagged('bigint', '-9223372036854775808'), '-9223372036854775808', '"-9223372036854775808"'],
  [
    'BIGINT UNSIGNED',
    tagged('bigint', '18446744073709551615'),
    '18446744073709551615',
    '"18446744073709551615"',
  ],
  ['DECIMAL(10,2)', '"12.50"', '12.50', '"12.50"'],
  ['DECIMAL(65,38)', tagged('decimal', MAX_DECIMAL), MAX_DECIMAL, `"${MAX_DECIMAL}"`],
  ['DECIMAL(65,0)', tagged('decimal', `-${'9'.repeat(65)}`), `-${'9'.repeat(65)}`, `"-${'9'.repeat(65)}"`],
  ['DECIMAL(10,2)', '1e2', 100, '"100.00"'],
  ['DOUBLE', '0.1', 0.1, '0.1'],
  ['DOUBLE', '1e300', 1e300, '1e+300'],
  ['DOUBLE', '1.7976931348623157e308', 1.7976931348623157e308, '1.7976931348623157e+308'],
  ['DOUBLE', '5e-324', 5e-324, '5e-324'],
  // The server itself stores 0 for it.
  ['DOUBLE', '-0', -0, '0'],
  ['FLOAT', '1.1', 1.1, '1.1'],
  ['FLOAT', '-3.40282e38', -3.40282e38, '-3.40282e+38'],
  ['BIT(12)', '2748', 2748, `"${base64('0abc')}"`],
  ['YEAR', '2155', 2155, '2155'],
  ['DATE', '"9999-12-31"', '9999-12-31', '"9999-12-31"'],
  ['DATE', tagged('datetime', '2024-02-29'), '2024-02-29', '"2024-02-29"'],
  ['TIME(6)', '"-838:59:58.999999"', '-838:59:58.999999', '"-838:59:58.999999"'],
  [
    'DATETIME(6)',
    tagged('datetime', '2024-02-29T23:59:59.999999-05:30'),
    '2024-03-01 05:29:59.999999',
    '"2024-03-01 05:29:59.999999"',
  ],
  [
    'DATETIME',
    tagged('datetime', '0099-01-01T00:00:00+00:00'),
    '0099-01-01 00:00:00',
    '"0099-01-01 00:00:00"',
  ],
  [
    'TIMESTAMP(3)',
    tagged('datetime', '2038-01-19T03:14:07.123Z'),
    '2038-01-19 03:14:07.123',
    '"2038-01-19 03:14:07.123"',
  ],
  ['CHAR(10)', '"é 😀"', 'é 😀', '"é 😀"'],
  ['VARCHAR(100)', JSON.stringify(STRANGE_TEXT), STRANGE_TEXT, JSON.stringify(STRANGE_TEXT)],
  ['VARCHAR(10) CHARACTER SET latin1', '"é€"', 'é€', '"é€"'],
  ['TEXT', '"1e999"', '1e999', '"1e999"'],
  ['BINARY(4)', tagged('blob', base64('00ff')), blob('00ff'), `"${base64('00ff0000')}"`],
  ['VARBINARY(300)', tagged('blob', base64(EVERY_BYTE)), blob(EVERY_BYTE), `"${base64(EVERY_BYTE)}"`],
  ['BLOB', tagged('blob', ''), Buffer.alloc(0), '""'],
  ["ENUM('a','b c')", '"b c"', 'b c', '"b c"'],
  ["SET('a','b')", '"a,b"', 'a,b', '"a,b"'],
  ['JSON', '{"n":[1,null,0.5]}', '{"n":[1,null,0.5]}', '{"n":[1,null,0.5]}'],
  ['JSON', tagged('json', [1, { a: '\n' }]), '[1,{"a":"\\n"}]', '[1,{"a":"\\n"}]'],
  ['JSON', tagged('json', null), 'null', 'null'],
  ['JSON', '"{\\"n\\": 12345678901234567890}"', '{"n": 12345678901234567890}', '{"n": 12345678901234567890}'],
  ['JSON', '"{\\n \\"a\\":\\r\\n 1}"', '{\n "a":\r\n 1}', '{  "a":   1}'],
  [
    'UUID',
    '"123e4567-e89b-12d3-a456-426655440000"',
    '123e4567-e89b-12d3-a456-426655440000',
    '"123e4567-e89b-12d3-a456-426655440000"',
  ],
  ['INET6', '"2001:db8::ff00:42:8329"', '2001:db8::ff00:42:8329', '"2001:db8::ff00:42:8329"'],
  ['INT', 'null', null, 'null'],
  ['INT', tagged('decimal', null), null, 'null'],
];

describe('a parameter is stored as by the plain server, and comes back exactly', () => {
  it.each(STORED.map((row, i) => [i, ...row] as const))(
    '%i: %s %s',
    async (i, type, parameter, same, answered) => {
      const table = `demo.stored_${i}`;
      await plain.query(`CREATE TABLE ${table} (id INT PRIMARY KEY, v ${type} NULL)`);
      const stored = await post(`{"sql":"INSERT INTO ${table} VALUES (1, ?)","params":[${parameter}]}`);
      expect([stored.status, stored.text]).toEqual([200, expect.any(String)]);
      const named = await post(`{"sql":"INSERT INTO ${table} VALUES (3, :v)","params":{"v":${parameter}}}`);
      expect(named.status).toBe(200);
      await plain.execute(`INSERT INTO ${table} VALUES (2, ?)`, [same as string]);
      const bytes = await rowsOf(
        plain,
        `SELECT id, v IS NULL AS absent, HEX(CAST(v AS BINARY)) AS bytes FROM ${table} ORDER BY id`,
      );
      expect(bytes.map(({ id: _, ...value }) => value)).toEqual(
        Array(3).fill({ ...bytes[1], id: undefined }),
      );
      const read = await post({ sql: `SELECT v FROM ${table} WHERE id = 1` });
      expect(/"rows":\[\[(.*)\]\],"rowCount"/s.exec(read.text)?.[1]).toBe(answered);
      const streamed = await post(
        { sql: `SELECT v FROM ${table} WHERE id = 1` },
        { headers: { accept: 'application/x-ndjson' } },
      );
      expect(lines(streamed)[1]).toEqual({ type: 'row', row: [JSON.parse(answered)] });
    },
  );

  it('and reaches the replica as it is', async () => {
    await waitApplied(cluster.primary, cluster.replicas);
    const replica = cluster.node('n2');
    for (const [i, [type, , , answered]] of STORED.entries()) {
      const [row] = await replica.rows(`SELECT v FROM demo.stored_${i} WHERE id = 1`);
      expect([type, row]).toEqual([type, [JSON.parse(answered)]]);
    }
  });
});

/** Statements whose answers are compared with the plain server's, value by value as texts. */
const ANSWERED = [
  'SELECT JSON_DETAILED(\'{"a":[1,2]}\')',
  'ANALYZE FORMAT=JSON SELECT 1 WHERE 0',
  'EXPLAIN FORMAT=JSON SELECT 1',
  "SELECT JSON_ARRAYAGG(x), JSON_OBJECTAGG(x, x) FROM (SELECT '\\n' x UNION SELECT 'b') t",
  "SELECT 1.10, 1e0, 0.1e0 + 0.2e0, 10 / 3, CAST(1 AS UNSIGNED), -1, 18446744073709551615, 0x4142, b'1010'",
  "SELECT DATE '2024-02-29', TIME '-01:02:03.5', TIMESTAMP '2024-02-29 01:02:03.000001', CAST('0000-00-00' AS DATE)",
  "SELECT _latin1 x'e9', _utf16 x'00e9', _binary 'x', '\u2028', ''",
  'SELECT NULL, TRUE, SUM(1), AVG(1), COUNT(*), GROUP_CONCAT(1)',
  'VALUES (1, 2), (3, 4)',
  'SHOW CREATE TABLE demo.kept',
  'SHOW COLUMNS FROM demo.kept',
  'CHECK TABLE demo.kept',
  'CHECKSUM TABLE demo.kept',
  "SHOW VARIABLES LIKE 'character_set_c%'",
  '/* app */ SHOW WARNINGS',
  'WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n',
];

describe('a statement is answered as by the plain server', () => {
  it.each(ANSWERED)('%s', async (sql) => {
    const [expected] = await plain.query({ sql, rowsAsArray: true });
    const answer = await post({ sql });
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    const { columns = [], rows = [] } = answer.body.results?.[0] ?? {};
    const isBytes = columns.map(({ type }) => /^(binary|varbinary|blob|bit|geometry)$/.test(type));
    const asPlain = (value: unknown, at: number): unknown => {
      if (value === null) return null;
      if (columns[at]?.type === 'json') return value;
      return isBytes[at] ? Buffer.from(String(value), 'base64').toString('hex') : String(value);
    };
    const plainText = (value: unknown, at: number): unknown => {
      if (value === null) return null;
      if (Buffer.isBuffer(value)) return value.toString('hex');
      if (columns[at]?.type === 'json') return typeof value === 'string' ? JSON.parse(value) : value;
      return String(value);
    };
    // Times of an execution differ from one to the next.
    const masked = (value: unknown) =>
      typeof value === 'string' ? value.replace(/("r_\w*time\w*"): [\d.e-]+/g, '$1: 0') : value;
    expect(rows.map((row) => row.map(asPlain).map(masked))).toEqual(
      (expected as unknown[][]).map((row) => row.map(plainText).map(masked)),
    );
  });

  it('where the plain protocol has an infinity, JSON has its name', async () => {
    const sql = 'SELECT SUM(x), -SUM(x) AS n FROM (SELECT 1.7e308 AS x UNION ALL SELECT 1.7e308) t';
    const answer = await post({ sql });
    expect(answer.body.results?.[0]?.rows).toEqual([['Infinity', '-Infinity']]);
    const streamed = await post({ sql }, { headers: { accept: 'application/x-ndjson' } });
    expect(lines(streamed)[1]).toEqual({ type: 'row', row: ['Infinity', '-Infinity'] });
    const headers = { 'idempotency-key': 'infinity' };
    const first = await post({ sql }, { headers });
    const again = await post({ sql, params: [] }, { headers });
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(again.body.results).toEqual(first.body.results);
  });

  it('has a name for every error of the server', async () => {
    const errors: [string, number, string][] = [
      ['SELECT 1 UNION SELECT 1, 2', 1222, 'ER_WRONG_NUMBER_OF_COLUMNS_IN_SELECT'],
      ['SELECT 18446744073709551615 + 1', 1690, 'ER_DATA_OUT_OF_RANGE'],
      ['ALTER TABLE demo.kept ADD v INT', 1060, 'ER_DUP_FIELDNAME'],
      ['ALTER TABLE demo.kept DROP nothing', 1091, 'ER_CANT_DROP_FIELD_OR_KEY'],
      ['SELECT (SELECT 1 UNION SELECT 2)', 1242, 'ER_SUBQUERY_NO_1_ROW'],
      ["SET time_zone = 'nowhere'", 1298, 'ER_UNKNOWN_TIME_ZONE'],
      ['SELECT NEXTVAL(demo.nothing)', 4091, 'ER_UNKNOWN_SEQUENCES'],
      ['DROP SEQUENCE demo.nothing', 4091, 'ER_UNKNOWN_SEQUENCES'],
    ];
    for (const [sql, errno, code] of errors) {
      const { error } = (await post({ sql })).body;
      expect([sql, error?.errno, error?.code]).toEqual([sql, errno, code]);
    }
  });

  it('says what to do about an engine that is not offered', async () => {
    const { status, body } = await post({ sql: 'CREATE TEMPORARY TABLE demo.m (a INT) ENGINE=MEMORY' });
    expect([status, body.error?.errno]).toEqual([400, 1290]);
    expect(body.error?.message).toContain('ENGINE=InnoDB');
  });
});

/** Body | status | code. Each would have stored another value than the one that was sent. */
const INSERT = 'INSERT INTO demo.kept (v) VALUES (?)';
const inserting = (parameter: string) => `{"sql":"${INSERT}","params":[${parameter}]}`;
const REFUSED: readonly (readonly [string, string, string])[] = [
  ['1e999', inserting('1e999'), 'INEXACT_NUMBER'],
  ['-1e999', inserting('-1e999'), 'INEXACT_NUMBER'],
  ['1e-400', inserting('1e-400'), 'INEXACT_NUMBER'],
  ['2^53 + 1', inserting('9007199254740993'), 'INEXACT_NUMBER'],
  ['2^53, which may have been rounded', inserting('9007199254740992'), 'INVALID_PARAMETER'],
  ['more digits than a double', inserting('0.12345678901234567890'), 'INEXACT_NUMBER'],
  ['the same in a JSON document', inserting('{"a":[1e400]}'), 'INEXACT_NUMBER'],
  [
    'the same by name',
    `{"sql":"INSERT INTO demo.kept (v) VALUES (:v)","params":{"v":1e999}}`,
    'INEXACT_NUMBER',
  ],
  ['a lone surrogate', inserting('"\\ud800"'), 'INVALID_JSON'],
  [
    'a lone surrogate in the statement',
    `{"sql":"INSERT INTO demo.kept (v) VALUES ('\\udc00')"}`,
    'INVALID_JSON',
  ],
  ['30 February', inserting(tagged('datetime', '2024-02-30T00:00:00+00:00')), 'INVALID_PARAMETER'],
  ['year 10000', inserting(tagged('datetime', '9999-12-31T23:00:00-05:00')), 'INVALID_PARAMETER'],
  ['66 digits', inserting(tagged('decimal', '9'.repeat(66))), 'INVALID_PARAMETER'],
  ['39 digits after the point', inserting(tagged('decimal', `0.${'1'.repeat(39)}`)), 'INVALID_PARAMETER'],
  ['base64 with junk', inserting(tagged('blob', 'AA=A')), 'INVALID_PARAMETER'],
  ['base64url', inserting(tagged('blob', '_-8=')), 'INVALID_PARAMETER'],
  ['a list', '{"sql":"DELETE FROM demo.kept WHERE id NOT IN (?)","params":[[1,2,3]]}', 'INVALID_PARAMETER'],
  [
    'a name without a value',
    '{"sql":"DELETE FROM demo.kept WHERE id = :id","params":{}}',
    'INVALID_PARAMETER',
  ],
  ['a value without a name', '{"sql":"DELETE FROM demo.kept","params":{"id":1}}', 'INVALID_PARAMETER'],
];

describe('what cannot be carried exactly is refused, and nothing is stored', () => {
  beforeAll(() => post({ sql: "INSERT INTO demo.kept (v) VALUES ('kept')" }));
  const kept = () => scalarOf(plain, 'SELECT GROUP_CONCAT(id, v) FROM demo.kept');

  it.each(REFUSED)('%s', async (_what, body, code) => {
    const before = await kept();
    for (const headers of [undefined, { 'idempotency-key': 'refused' }]) {
      const answer = await post(body, headers && { headers });
      expect([answer.status, answer.body.error?.code, answer.body.error?.applied]).toEqual([400, code, 'no']);
    }
    expect(await kept()).toBe(before);
  });

  it('bytes that are not UTF-8', async () => {
    const before = await kept();
    const response = await fetch(`${cluster.primary.url}/v1/sql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${writer}` },
      body: Buffer.concat([
        Buffer.from(`{"sql":"${INSERT}","params":["`),
        Buffer.from([0xff]),
        Buffer.from('"]}'),
      ]),
    });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { error: { code: 'INVALID_JSON' } },
    ]);
    expect(await kept()).toBe(before);
  });
});

describe('statements in a session', () => {
  it('are texts or objects', async () => {
    const answer = await post({ statements: ['SELECT 1', { sql: 'SELECT :a', params: { a: 'x' } }] });
    expect(answer.body.results?.map(({ rows }) => rows)).toEqual([[[1]], [['x']]]);
  });

  /** Statements that change a variable on which the node depends. */
  it.each([
    'SET NAMES latin1',
    'SET NAMES utf8mb3',
    'SET CHARACTER SET latin1',
    "SET character_set_results = 'utf16'",
    'SET character_set_results = NULL',
    "SET character_set_client = 'cp1251'",
    "SET collation_connection = 'latin1_bin'",
    '/* app */ SET NAMES latin1',
    'SET completion_type = 1',
    "SET completion_type = 'RELEASE'",
    'CALL demo.sets_results()',
    'SELECT demo.sets_results()',
    'INSERT INTO demo.other SELECT demo.sets_results()',
  ])('cannot change what the node depends on: %s', async (sql) => {
    await plain.query('CREATE OR REPLACE PROCEDURE demo.sets_results() SET character_set_results = latin1');
    await plain.query(
      'CREATE OR REPLACE FUNCTION demo.sets_results() RETURNS INT BEGIN SET character_set_results = latin1; RETURN 1; END',
    );
    await plain.query('CREATE TABLE IF NOT EXISTS demo.other (a INT)');
    const before = await scalarOf(plain, 'SELECT COUNT(*) FROM demo.kept');
    const batch = { statements: [sql, { sql: INSERT, params: ['é漢'] }] };
    for (const body of [batch, { ...batch, transaction: true }]) {
      const { status, body: answer } = await post(body);
      expect([status, answer.error?.code, answer.error?.statement]).toEqual([400, 'SESSION_VARIABLE', 0]);
    }
    expect(await scalarOf(plain, 'SELECT COUNT(*) FROM demo.kept')).toBe(before);
    for (let i = 0; i < 8; i++) {
      expect((await post({ sql: 'SELECT ?', params: ['é漢'] })).body.results?.[0]?.rows).toEqual([['é漢']]);
    }
  });

  it('cannot change it in an open transaction either, which goes on', async () => {
    const opened = await cluster.primary.request<{ id: string }>('POST', '/v1/tx', {}, { token: writer });
    const tx = opened.body.id;
    for (const sql of ['SET NAMES latin1', 'SET completion_type = 2']) {
      expect((await post({ tx, sql })).body.error?.code).toBe('SESSION_VARIABLE');
    }
    const answer = await post({ tx, sql: 'SELECT ?', params: ['é漢'] });
    expect([answer.status, answer.body.results?.[0]?.rows]).toEqual([200, [['é漢']]]);
    const committed = await cluster.primary.request('POST', `/v1/tx/${tx}/commit`, {}, { token: writer });
    expect(committed.status).toBe(200);
  });

  it.each(['SET NAMES utf8mb4', "SET NAMES utf8mb4 COLLATE 'utf8mb4_bin'", "SET time_zone = '+01:00'"])(
    'may say what does not matter: %s',
    async (sql) => {
      const answer = await post({ statements: [sql, { sql: 'SELECT ?', params: ['é漢'] }] });
      expect([answer.status, answer.body.results?.[1]?.rows]).toEqual([200, [['é漢']]]);
    },
  );

  it.each(['SET sql_select_limit = 0', 'SET SESSION session_track_system_variables = ""'])(
    'are answered with the position and the quorum of what they wrote, also after %s',
    async (sql) => {
      const before = (await post({ sql: 'SELECT 1' })).body.position;
      const answer = await post({ statements: [sql, { sql: INSERT, params: ['quorum'] }] });
      expect([answer.status, answer.body.position === before]).toEqual([200, false]);
      expect(answer.body).toHaveProperty('acknowledgedBy', ['n2']);
    },
  );

  it.each(['write', 'read'])(
    'are refused, when their answer cannot be read, with a reason (%s)',
    async (role) => {
      const made = await cluster.primary.request<{ token: string }>('POST', '/v1/tokens', {
        name: role,
        role,
      });
      const { status, body } = await post({ sql: "HELP 'select'" }, { token: made.body.token });
      if (await runsAtLeast(cluster.primary, 11, 8)) {
        // It can be prepared there.
        expect([status, body.results?.[0]?.columns[0]?.name]).toEqual([200, 'name']);
        return;
      }
      expect([status, body.error?.code, body.error?.applied]).toEqual([501, 'UNREADABLE_ANSWER', 'no']);
      expect(body.error?.message).toContain('MySQL port');
      await until('the log has the reason', async () =>
        (await cluster.primary.logs(500)).includes(`"requestId":"${body.error?.requestId}","err"`),
      );
    },
  );

  it('of every kind are answered, or refused by the server with its own error', async () => {
    const handler = ['HANDLER demo.stored_0 OPEN AS h', 'HANDLER h READ FIRST', 'HANDLER h CLOSE'];
    const read = await post({ statements: handler });
    expect(read.body.results?.[1]?.rows).toEqual([[1, -128]]);
    const analysed = await post({ sql: 'SELECT id FROM demo.stored_0 PROCEDURE ANALYSE()' });
    expect([analysed.status, analysed.body.results?.[0]?.rowCount]).toEqual([200, 1]);
    const compound = await post({ sql: 'BEGIN NOT ATOMIC SELECT 1; SELECT 2, 3; END' });
    expect(compound.body.results?.map(({ rows }) => rows)).toEqual([[[1]], [[2, 3]], []]);
    const refused = [
      ["LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE demo.kept (v)", 4166],
      ["EXECUTE IMMEDIATE 'SELECT 1'", 1295],
      ['SELECT 1; SELECT 2', 1064],
    ] as const;
    for (const [sql, errno] of refused) {
      const { status, body } = await post({ sql });
      expect([sql, status, body.error?.errno, body.error?.applied]).toEqual([sql, 400, errno, 'no']);
    }
  });

  it('give no object with two equal keys', async () => {
    const sql = 'INSERT INTO demo.kept (v) VALUES (1) RETURNING id, v AS id';
    const alone = await post({ sql, rows: 'object' });
    expect([alone.status, alone.body.error?.code, alone.body.error?.applied]).toEqual([
      400,
      'DUPLICATE_COLUMN',
      'yes',
    ]);
    const before = await scalarOf(plain, 'SELECT COUNT(*) FROM demo.kept');
    const together = await post({ sql, rows: 'object', transaction: true });
    expect([together.body.error?.code, together.body.error?.applied]).toEqual(['DUPLICATE_COLUMN', 'no']);
    await plain.query('CREATE OR REPLACE PROCEDURE demo.twice() SELECT 1 AS a, 2 AS a');
    expect((await post({ sql: 'CALL demo.twice()', rows: 'object' })).body.error?.code).toBe(
      'DUPLICATE_COLUMN',
    );
    expect((await post({ sql: 'CALL demo.twice()' })).body.results?.[0]?.rows).toEqual([[1, 2]]);
    expect(await scalarOf(plain, 'SELECT COUNT(*) FROM demo.kept')).toBe(before);
  });

  it('are the same request with one key, however they are spelled', async () => {
    const headers = { 'idempotency-key': 'spelled' };
    const spellings = [
      { sql: INSERT, params: [7] },
      { sql: INSERT, params: [{ $type: 'bigint', value: '7' }], rows: 'array' },
      { sql: 'INSERT INTO demo.kept (v) VALUES (:n)', params: { n: 7 } },
    ];
    const ids = [];
    for (const body of spellings) ids.push((await post(body, { headers })).body.results?.[0]?.insertId);
    expect(new Set(ids).size).toBe(1);
    expect((await post({ sql: INSERT, params: [8] }, { headers })).status).toBe(422);
  });

  it('of the plain server see what HTTP stored', async () => {
    await withSql(cluster.primary, async (connection) => {
      expect(await scalarOf(connection, "SELECT COUNT(*) FROM demo.kept WHERE v = 'quorum'")).toBe('2');
    });
  });
});
