/** What no token may do over HTTP, whatever the statement is, on the primary and on a replica; and reading one's own writes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { whileApplierHeld } from '../kit/hold-applier.js';
import { readYourWrites } from '../kit/read-your-writes.js';
import { rowsOf, withSql } from '../kit/sql-node.js';
import type { HttpAnswer, SqlAnswer, TestNode } from '../kit/test-node.js';

let cluster: TestCluster;
showLogsOnFailure(() => cluster);
const tokens = { read: '', write: '' };
let outside = '';

beforeAll(async () => {
  cluster = await TestCluster.start({ patient: true });
  outside = join(cluster.directory, 'written-by-the-server');
  for (const role of ['read', 'write'] as const) {
    const made = await cluster.primary.request<{ token: string }>('POST', '/v1/tokens', { name: role, role });
    tokens[role] = made.body.token;
  }
  let position = '';
  for (const sql of [
    'CREATE DATABASE demo',
    'CREATE TABLE demo.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(200))',
    "INSERT INTO demo.t VALUES (1, 'one')",
    "CREATE PROCEDURE demo.definer_writes() SQL SECURITY DEFINER INSERT INTO demo.t (v) VALUES ('definer')",
    "CREATE PROCEDURE demo.invoker_writes() SQL SECURITY INVOKER INSERT INTO demo.t (v) VALUES ('invoker')",
    "CREATE PROCEDURE demo.escapes() BEGIN COMMIT; START TRANSACTION READ WRITE; INSERT INTO demo.t (v) VALUES ('x'); COMMIT; END",
    "CREATE FUNCTION demo.noisy() RETURNS INT BEGIN INSERT INTO demo.t (v) VALUES ('function'); RETURN 1; END",
    'CREATE SQL SECURITY DEFINER VIEW demo.noisy_view AS SELECT demo.noisy() AS x',
    'CREATE SEQUENCE demo.numbers',
    'CREATE FUNCTION demo.plus_one(a INT) RETURNS INT RETURN a + 1',
    'CREATE FUNCTION demo.rows_of_t() RETURNS INT RETURN (SELECT COUNT(*) FROM demo.t)',
    'CREATE FUNCTION demo.calls() RETURNS INT BEGIN CALL demo.escapes(); RETURN 1; END',
    'CREATE FUNCTION demo.next_number() RETURNS INT RETURN NEXTVAL(demo.numbers)',
    "CREATE FUNCTION demo.read_write() RETURNS INT BEGIN SET SESSION TRANSACTION READ WRITE; SET @@tx_read_only = 0; INSERT INTO demo.t (v) VALUES ('x'); RETURN 1; END",
    'CREATE FUNCTION demo.temporary() RETURNS INT BEGIN CREATE TEMPORARY TABLE demo.x (a INT); INSERT INTO demo.t SELECT a, a FROM demo.x; RETURN 1; END',
    "CREATE FUNCTION demo.branch() RETURNS INT BEGIN XA START 'no'; RETURN 1; END",
    "CREATE FUNCTION demo.in_time() RETURNS INT BEGIN SET STATEMENT max_statement_time = 9 FOR INSERT INTO demo.t (v) VALUES ('x'); RETURN 1; END",
  ]) {
    position = (await cluster.primary.sql(sql)).position;
  }
  for (const replica of cluster.replicas) await replica.sql('SELECT 1', [], { read: { after: position } });
});
afterAll(async () => {
  await cluster?.dispose();
});

const INSERT = "INSERT INTO demo.t (v) VALUES ('no')";

/** Each is one request's `sql`. */
const WRITES = [
  INSERT,
  "UPDATE demo.t SET v = 'no'",
  'DELETE FROM demo.t',
  "REPLACE INTO demo.t VALUES (1, 'no')",
  `${INSERT} RETURNING id`,
  'TRUNCATE demo.t',
  'CREATE TABLE demo.no (id INT)',
  'CREATE TABLE demo.no AS SELECT 1 AS id',
  'CREATE TEMPORARY TABLE demo.no (id INT)',
  'CREATE TEMPORARY TABLE demo.no SELECT 1 AS id',
  'DROP TABLE demo.t',
  'ALTER TABLE demo.t ADD COLUMN no INT',
  'RENAME TABLE demo.t TO demo.no',
  'CREATE INDEX no ON demo.t (v)',
  'CREATE DATABASE no',
  'DROP DATABASE demo',
  'CREATE VIEW demo.no AS SELECT 1',
  'CREATE FUNCTION demo.no() RETURNS INT RETURN 1',
  'CREATE EVENT demo.no ON SCHEDULE EVERY 1 SECOND DO DELETE FROM demo.t',
  'CREATE TRIGGER demo.no BEFORE INSERT ON demo.t FOR EACH ROW SET @x = 1',
  // More than one statement in a text.
  `SELECT 1; ${INSERT}`,
  `SELECT 1 ; /* x */ ${INSERT}`,
  `/*!50000 ${INSERT} */`,
  `/*M!100000 ${INSERT} */`,
  `-- x\n${INSERT}`,
  // What runs other statements.
  'CALL demo.definer_writes()',
  'CALL demo.invoker_writes()',
  'CALL demo.escapes()',
  'SELECT demo.noisy()',
  'DO demo.noisy()',
  'SET @x = demo.noisy()',
  'SELECT * FROM demo.noisy_view',
  '/* x */ CALL demo.escapes()',
  '/*! CALL demo.escapes() */',
  'SELECT demo.calls()',
  'SET @x = demo.calls()',
  'SELECT demo.read_write()',
  'DO demo.read_write()',
  'SELECT demo.next_number()',
  'SELECT NEXTVAL(demo.numbers)',
  'SELECT demo.temporary()',
  'SELECT demo.branch()',
  'SELECT demo.in_time()',
  'EXPLAIN SELECT demo.noisy()',
  'ANALYZE SELECT demo.noisy()',
  'VALUES (demo.noisy())',
  'SELECT 1 FROM demo.t WHERE demo.read_write()',
  `EXECUTE IMMEDIATE '${INSERT.replaceAll("'", "''")}'`,
  `PREPARE s FROM '${INSERT.replaceAll("'", "''")}'`,
  `BEGIN NOT ATOMIC COMMIT; ${INSERT}; END`,
  `IF 1 THEN ${INSERT}; END IF`,
  `SET STATEMENT max_statement_time = 10 FOR ${INSERT}`,
  `ANALYZE ${INSERT}`,
  `ANALYZE FORMAT=JSON ${INSERT}`,
  `WITH x AS (SELECT 1) ${INSERT}`,
  'SELECT * FROM demo.t FOR UPDATE',
  'LOCK TABLES demo.t WRITE',
  'LOCK TABLES demo.t READ',
  'FLUSH TABLES',
  'FLUSH PRIVILEGES',
  'ANALYZE TABLE demo.t',
  'ANALYZE TABLE demo.missing',
  'OPTIMIZE TABLE demo.t',
  'REPAIR TABLE demo.t',
  "XA START 'no'",
  // Files.
  "SELECT 'x' INTO OUTFILE '%OUTSIDE%'",
  "SELECT 'x' INTO DUMPFILE '%OUTSIDE%'",
  "LOAD DATA INFILE '/etc/hostname' INTO TABLE demo.t (v)",
  "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE demo.t (v)",
  "LOAD XML INFILE '/etc/hostname' INTO TABLE demo.t",
  "INSTALL SONAME 'ha_example'",
  "CREATE FUNCTION no RETURNS STRING SONAME 'no.so'",
  // The server itself.
  'SET GLOBAL read_only = 0',
  'SET GLOBAL max_connections = 10',
  'SET @@GLOBAL.event_scheduler = 0',
  'SET GLOBAL rpl_semi_sync_master_enabled = 0',
  'SET sql_log_bin = 0',
  'SET SESSION server_id = 7',
  "SET PASSWORD = PASSWORD('no')",
  "SET PASSWORD FOR 'skein'@'localhost' = PASSWORD('no')",
  "ALTER USER CURRENT_USER() IDENTIFIED BY 'no'",
  "CREATE USER 'no'@'%'",
  'GRANT ALL ON *.* TO CURRENT_USER()',
  'SET DEFAULT ROLE NONE',
  'SHUTDOWN',
  'RESET MASTER',
  'STOP SLAVE',
  "CHANGE MASTER TO MASTER_HOST = 'no'",
  'PURGE BINARY LOGS BEFORE NOW()',
  "BINLOG ''",
  'KILL 1',
];

/** Statements of one batch, with and without "transaction". */
const BATCHES = [
  ['COMMIT', INSERT],
  ['ROLLBACK', INSERT],
  ['START TRANSACTION READ WRITE', INSERT],
  ['BEGIN', INSERT],
  ['SET TRANSACTION READ WRITE', INSERT],
  ['SET SESSION TRANSACTION READ WRITE', 'COMMIT', INSERT],
  ['SET autocommit = 1', INSERT],
  ['SET @@tx_read_only = 0', 'COMMIT', INSERT],
  ['SELECT demo.read_write()', INSERT],
  ['SET @x = demo.calls()', 'SELECT demo.noisy()'],
  ['SET @s = "INSERT INTO demo.t (v) VALUES (\'no\')"', 'PREPARE s FROM @s', 'EXECUTE s'],
];

const SECRETS = [
  'SELECT * FROM skein.tokens',
  'SELECT hash FROM skein.tokens LIMIT 1',
  'SELECT 1 UNION SELECT hash FROM skein.tokens',
  'SELECT (SELECT hash FROM skein.tokens LIMIT 1)',
  'SELECT * FROM `skein`.`tokens`',
  'SELECT COUNT(*) FROM skein.outcomes',
  'SHOW CREATE TABLE skein.tokens',
  'SHOW COLUMNS FROM skein.tokens',
  'HANDLER skein.tokens OPEN',
  'CHECKSUM TABLE skein.tokens',
  'SELECT * FROM mysql.global_priv',
  'SELECT * FROM mysql.user',
  'SELECT * FROM mysql.db',
  "SHOW GRANTS FOR 'skein'@'localhost'",
  "SHOW CREATE USER 'skein'@'localhost'",
  'SHOW BINLOG EVENTS',
  'SHOW MASTER STATUS',
];

const ask = (node: TestNode, body: object, token: string): Promise<HttpAnswer<SqlAnswer>> =>
  node.request<SqlAnswer>('POST', '/v1/sql', body, { token });

/** Refused; a checksum is told with a NULL in its place instead. */
function expectNothing(sql: string, answer: HttpAnswer<SqlAnswer>): void {
  const told = answer.status === 200 ? answer.body.results[0]?.rows : [['skein.tokens', null]];
  expect([sql, told]).toEqual([sql, [['skein.tokens', null]]]);
  expect([sql, answer.status === 200 || answer.status === 403 || answer.status === 400]).toEqual([sql, true]);
}

/** All that could have changed, as the server itself sees it. */
async function stateOf(node: TestNode): Promise<unknown> {
  return await withSql(node, async (connection) => [
    await rowsOf(connection, 'SELECT @@GLOBAL.gtid_binlog_pos AS position'),
    await rowsOf(connection, 'SELECT * FROM demo.t'),
    await rowsOf(connection, 'SELECT next_not_cached_value FROM demo.numbers'),
    await rowsOf(
      connection,
      'SELECT @@GLOBAL.read_only, @@GLOBAL.max_connections, @@GLOBAL.event_scheduler, @@GLOBAL.rpl_semi_sync_master_enabled',
    ),
    await rowsOf(connection, 'SELECT User, Host, Priv FROM mysql.global_priv ORDER BY 1, 2'),
  ]);
}

const CASES = [
  ['primary', {}],
  ['replica', {}],
  ['replica', { forward: true }],
] as const;

describe.each(CASES)('a read token on the %s %j', (place, more) => {
  const node = () => (place === 'primary' ? cluster.primary : cluster.node('n2'));
  const before: unknown[] = [];
  beforeAll(async () => {
    for (const each of cluster.nodes) before.push(await stateOf(each));
  });

  it('writes by no statement', async () => {
    const passed: string[] = [];
    for (const text of WRITES) {
      const sql = text.replace('%OUTSIDE%', outside);
      const answer = await ask(node(), { sql, ...more }, tokens.read);
      if (![400, 403].includes(answer.status)) passed.push(`${answer.status} ${sql} ${answer.text}`);
      if (answer.body.error) expect([sql, answer.body.error.applied]).toEqual([sql, 'no']);
    }
    expect(passed).toEqual([]);
    expect(existsSync(outside)).toBe(false);
  });

  it('writes by no sequence of statements, nor in an open transaction', async () => {
    for (const batch of BATCHES) {
      for (const transaction of [false, true]) {
        const statements = batch.map((sql) => ({ sql }));
        const answer = await ask(node(), { statements, transaction, ...more }, tokens.read);
        expect([batch, answer.status >= 400 && answer.status < 500]).toEqual([batch, true]);
      }
      const opened = await node().request<{ id: string }>('POST', '/v1/tx', {}, { token: tokens.read });
      const answers: number[] = [];
      for (const sql of batch) {
        answers.push((await ask(node(), { tx: opened.body.id, sql }, tokens.read)).status);
      }
      expect([batch, (answers.at(-1) ?? 0) >= 400]).toEqual([batch, true]);
      await node().request('POST', `/v1/tx/${opened.body.id}/rollback`, undefined, { token: tokens.read });
    }
  });

  it('calls functions, which read as their definer does', async () => {
    const sql = 'SELECT demo.plus_one(1), demo.rows_of_t()';
    expect((await ask(node(), { sql, ...more }, tokens.read)).body.results?.[0]?.rows).toEqual([[2, 1]]);
  });

  it('reads nothing that is secret', async () => {
    for (const sql of SECRETS) expectNothing(sql, await ask(node(), { sql, ...more }, tokens.read));
    const file = await ask(node(), { sql: "SELECT LOAD_FILE('/etc/hostname')", ...more }, tokens.read);
    expect(file.body.results[0]?.rows).toEqual([[null]]);
    const listed = await ask(
      node(),
      {
        sql: "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema IN ('skein', 'mysql')",
        ...more,
      },
      tokens.read,
    );
    expect(listed.body.results[0]?.rows).toEqual([['0']]);
  });

  it('has changed nothing anywhere', async () => {
    for (const [i, each] of cluster.nodes.entries()) expect(await stateOf(each)).toEqual(before[i]);
  });
});

describe('a write token', () => {
  it('reads nothing that is secret either, and changes neither the server nor its files', async () => {
    for (const node of [cluster.primary, cluster.node('n2')]) {
      for (const sql of SECRETS) expectNothing(sql, await ask(node, { sql }, tokens.write));
      for (const text of WRITES.slice(WRITES.indexOf("SELECT 'x' INTO OUTFILE '%OUTSIDE%'"))) {
        const sql = text.replace('%OUTSIDE%', outside);
        const answer = await ask(node, { sql }, tokens.write);
        expect([sql, answer.status >= 400 && answer.status < 500]).toEqual([sql, true]);
      }
      expect(existsSync(outside)).toBe(false);
    }
  });

  it('a parameter or a name is never part of the statement', async () => {
    const evil = "'; DROP TABLE demo.t; -- `x` \\' \" /* */";
    const { results } = await cluster.primary.sql('SELECT ? AS v', [evil]);
    expect(results[0]?.rows).toEqual([[evil]]);
    const inserted = await ask(
      cluster.primary,
      { sql: 'INSERT INTO demo.t (id, v) VALUES (?, ?)', params: [77, evil] },
      tokens.write,
    );
    expect(inserted.status).toBe(200);
    const database = await ask(
      cluster.primary,
      { sql: 'SELECT 1', database: 'demo`; DROP TABLE demo.t; --' },
      tokens.write,
    );
    expect(database.status).toBe(400);
    expect(await cluster.primary.rows('SELECT v FROM demo.t WHERE id = 77')).toEqual([[evil]]);
  });
});

describe('reading one’s own writes', () => {
  it('a replica that is behind: without the position the row is missing, with it the read waits for the row', async () => {
    const replica = cluster.node('n2');
    const { position: made } = await cluster.primary.sql('CREATE TABLE demo.late (id INT PRIMARY KEY)');
    await replica.sql('SELECT 1', [], { read: { after: made } });
    const sql = 'SELECT id FROM demo.late';
    const byBody = (after: string, timeoutMs: number) =>
      ask(replica, { sql, timeoutMs, read: { level: 'session', after } }, tokens.read);
    const byHeader = (after: string, timeoutMs: number) =>
      replica.request<SqlAnswer>(
        'POST',
        '/v1/sql',
        { sql, timeoutMs },
        { token: tokens.read, headers: { 'x-skein-position': after } },
      );
    const waiting = await whileApplierHeld(replica, 'demo.late', async () => {
      const { position } = await cluster.primary.sql('INSERT INTO demo.late VALUES (1)');
      const without = await ask(replica, { sql, read: { level: 'local' } }, tokens.read);
      expect([without.status, without.body.results[0]?.rows]).toEqual([200, []]);
      for (const read of [byBody, byHeader]) {
        const early = await read(position, 300);
        expect([early.status, early.body.error?.code, early.body.error?.applied]).toEqual([
          412,
          'POSITION_NOT_REACHED',
          'no',
        ]);
      }
      return [byBody(position, 30_000), byHeader(position, 30_000)];
    });
    for (const answer of await Promise.all(waiting)) {
      expect([answer.status, answer.body.results?.[0]?.rows]).toEqual([200, [[1]]]);
    }
  });

  it('a thousand times: a write is read at once on another node by its position', async () => {
    const result = await readYourWrites(cluster, tokens.write, 1000);
    console.log(
      `${result.pairs} pairs in ${result.seconds.toFixed(1)} s: ${result.staleWithPosition} stale with the position, ${result.staleWithoutPosition} without`,
    );
    // How many are stale without it is a matter of luck; that a stale one is found out, of the test before.
    expect(result.staleWithPosition).toBe(0);
  });
});
