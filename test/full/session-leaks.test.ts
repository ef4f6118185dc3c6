/**
 * What one request leaves in its session, no other request sees. Each role has a single session here, so all requests share it.
 * Plain reads keep their statements prepared and reset nothing between them (src/sql/run-plain.ts); doors are tables that
 * become views, by which a plain read could leave or see anything.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TokenRole } from '../../src/auth/token.js';
import { type Answer, HttpNode } from '../kit/http-node.js';

let node: HttpNode;

/** A function that leaves something, whether or not a read may do that, and what it leaves. */
const LEAVING: Readonly<Record<string, string>> = {
  variable: 'SET @left = x',
  lock: "DO GET_LOCK('left', 0)",
  insert_id: 'DO LAST_INSERT_ID(4711)',
  found_rows: 'BEGIN DECLARE y INT; SELECT SQL_CALC_FOUND_ROWS id INTO y FROM demo.t LIMIT 1; END',
  temporary: 'CREATE TEMPORARY TABLE IF NOT EXISTS demo.left_table (i INT) ENGINE = MEMORY',
  sql_mode: "SET SESSION sql_mode = 'ANSI'",
  read_write: 'SET SESSION tx_read_only = 0',
  time: 'SET timestamp = 5',
  limit: 'SET SESSION sql_select_limit = 1',
  wait: 'SET SESSION lock_wait_timeout = 3, max_statement_time = 9',
  random: 'SET rand_seed1 = 5, rand_seed2 = 6',
  names: "SET SESSION character_set_client = 'latin1', collation_connection = 'latin1_bin'",
  zone: "SET SESSION time_zone = '+05:30'",
  warning: "SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'left', MYSQL_ERRNO = 4711",
  sequence: 'DO NEXTVAL(demo.s)',
  assigned: 'BEGIN DECLARE y INT; SELECT @left := 9 INTO y; END',
};

/** All that a request can see of its session, as one statement after another. */
const LOOK = [
  'SHOW WARNINGS',
  'SELECT FOUND_ROWS(), ROW_COUNT(), LAST_INSERT_ID(), @@warning_count, @@error_count',
  `SELECT @left, IS_USED_LOCK('left'), @@sql_mode, @@tx_read_only, @@autocommit, @@tx_isolation, @@sql_select_limit,
    @@lock_wait_timeout, @@max_statement_time, @@character_set_client, @@collation_connection, @@time_zone, @@in_transaction,
    @@timestamp > 1e9, @@insert_id, @@profiling, @@sql_log_bin, @@unique_checks, @@foreign_key_checks, CURRENT_ROLE(),
    LASTVAL(demo.s), @@pseudo_thread_id = CONNECTION_ID(), @@last_insert_id, @@identity, @@big_tables,
    @@system_versioning_asof, @@default_storage_engine, @@max_recursive_iterations,
    MD5(@@optimizer_switch)`,
  'SELECT * FROM demo.seen',
  'SHOW PROFILES',
];
const EXISTS =
  "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID() AND COMMAND <> 'Sleep'";

const ask = (body: object, role: TokenRole = 'write'): Promise<Answer> =>
  node.call('/v1/sql', { role, body });

async function rowsOf(body: object, role?: TokenRole): Promise<unknown[][]> {
  const answer = await ask(body, role);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.results[0].rows;
}

/** Everything that is to be seen in the session, in one text, and by a table that is not there. */
async function look(role: TokenRole): Promise<string> {
  const statements = LOOK.map((sql) => ({ sql }));
  const { body } = await ask({ statements }, role);
  const temporary = await ask({ sql: 'SELECT * FROM demo.left_table' }, role);
  const shown = (body.results as { rows: unknown }[]).map(({ rows }) => rows);
  return JSON.stringify([shown, body.error?.message, temporary.body.error?.code]);
}

const PLAIN = { sql: 'SELECT id, v FROM demo.t WHERE id > ?', params: [0] };

/** Of other texts each time: a text that was no plain read is not tried again for a while. */
let texts = 0;
const doorAndEye = () => {
  texts += 1;
  return [
    { sql: `SELECT id, v FROM demo.door WHERE id < 1000 + ${texts}` },
    { sql: `SELECT seen FROM demo.eye WHERE 1000 + ${texts} > 0` },
  ] as const;
};

/** Statements that the server has prepared. */
async function prepares(): Promise<number> {
  const control = await node.node.control();
  return Number((await control.query("SHOW GLOBAL STATUS LIKE 'Com_stmt_prepare'"))[0]?.[1]);
}

async function plainReads(count: number, role: TokenRole): Promise<void> {
  for (let i = 0; i < count; i++) expect(await rowsOf(PLAIN, role)).toHaveLength(7);
}

/** The table becomes a view of the same columns, which calls this function for each row. */
async function openDoor(call: string): Promise<void> {
  await node.sql('RENAME TABLE demo.door TO demo.closed', 'admin');
  await node.sql(`CREATE VIEW demo.door AS SELECT id, v FROM demo.closed WHERE ${call} IS NOT NULL`, 'admin');
}

/** The empty table becomes a view that shows what is in the session. */
async function openEye(): Promise<void> {
  await node.sql('DROP TABLE demo.eye', 'admin');
  await node.sql('CREATE VIEW demo.eye AS SELECT demo.see() AS seen', 'admin');
}

beforeAll(async () => {
  node = await HttpNode.start({ sessionsPerRole: 1 });
  for (const sql of [
    'CREATE DATABASE demo',
    'CREATE TABLE demo.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(200))',
    "INSERT INTO demo.t (v) VALUES ('1'), ('2'), ('3'), ('4'), ('5'), ('6'), ('7')",
    'CREATE TABLE demo.written (id INT PRIMARY KEY AUTO_INCREMENT)',
    'CREATE SEQUENCE demo.s',
    'CREATE FUNCTION demo.write_it() RETURNS INT BEGIN INSERT INTO demo.written VALUES (); RETURN 1; END',
    `CREATE FUNCTION demo.see() RETURNS TEXT RETURN CONCAT_WS('|', FOUND_ROWS(), ROW_COUNT(), LAST_INSERT_ID(),
      IFNULL(@left, '-'), IFNULL(IS_USED_LOCK('left'), '-'), @@sql_mode, @@warning_count)`,
    'CREATE VIEW demo.seen AS SELECT demo.see() AS seen',
    ...Object.entries(LEAVING).map(
      ([name, body]) => `CREATE FUNCTION demo.leave_${name}(x INT) RETURNS INT BEGIN ${body}; RETURN 1; END`,
    ),
  ]) {
    const answer = await ask({ sql }, 'admin');
    // Not each kind is allowed in a function of each server; the others still are tried.
    if (!sql.startsWith('CREATE FUNCTION demo.leave_')) expect(answer.status, answer.text).toBe(200);
  }
});
afterAll(async () => {
  await node?.stop();
});
beforeEach(async () => {
  // A session that has not been reset yet differs from one that has.
  for (const role of ['read', 'write'] as const) await ask({ sql: 'SELECT CONNECTION_ID()' }, role);
  for (const sql of [
    'DROP VIEW IF EXISTS demo.door, demo.eye',
    'DROP TABLE IF EXISTS demo.door, demo.closed, demo.eye',
    'CREATE TABLE demo.eye (seen TEXT NOT NULL)',
    'CREATE TABLE demo.door (id INT PRIMARY KEY, v VARCHAR(200))',
    "INSERT INTO demo.door VALUES (1, 'one')",
  ]) {
    await node.sql(sql, 'admin');
  }
});

describe.each(['read', 'write'] as const)('in the one session of %s tokens', (role) => {
  it('plain reads stay prepared', async () => {
    await plainReads(2, role);
    const before = await prepares();
    await plainReads(20, role);
    expect(await prepares()).toBe(before);
    const after = await ask({ sql: 'SELECT CONNECTION_ID()' }, role);
    expect(after.status).toBe(200);
    await plainReads(1, role);
    expect(await prepares(), 'the session was reset between').toBe(before + 2);
  });

  it('nothing of plain reads is seen afterwards', async () => {
    await ask({ sql: EXISTS }, role);
    const clean = await look(role);
    for (const body of [
      PLAIN,
      { sql: "SELECT v / 0, CAST('left' AS INT) FROM demo.t", params: [] },
      { sql: "SELECT v + 0 FROM demo.t WHERE v < 'left' + 0", params: [] },
      { sql: 'SELECT id FROM demo.t WHERE v = 5 LIMIT 2', params: [] },
      { sql: 'SELECT * FROM demo.nowhere', params: [] },
      { sql: 'SELECT nothing FROM demo.t', params: [] },
      { sql: 'SELECT id FROM demo.t WHERE id = ?', params: [] },
    ]) {
      await plainReads(1, role);
      for (let i = 0; i < 3; i++) await ask(body, role);
      expect([body.sql, await look(role)]).toEqual([body.sql, clean]);
    }
  });

  it.each(Object.keys(LEAVING))(
    '%s: left by a function behind a plain read, seen by nobody',
    async (name) => {
      const [door, eye] = doorAndEye();
      const clean = await look(role);
      const [nothing] = await rowsOf({ sql: 'SELECT seen FROM demo.seen' }, role);
      for (let i = 0; i < 3; i++) {
        expect(await rowsOf(door, role)).toEqual([[1, 'one']]);
        expect(await rowsOf(eye, role)).toEqual([]);
      }
      await openEye();
      await openDoor(`demo.leave_${name}(5)`);
      const opened = await ask(door, role);
      // By the kept statement of a table that is a view by now.
      expect([opened.text, await rowsOf(eye, role)]).toEqual([opened.text, [nothing]]);
      await plainReads(2, role);
      expect(await look(role)).toBe(clean);
      // Again, now that both are known to be no plain reads.
      await ask(door, role);
      expect(await rowsOf(eye, role)).toEqual([nothing]);
      await plainReads(2, role);
      expect(await look(role)).toBe(clean);
    },
  );

  it.each(Object.keys(LEAVING))('%s: left behind a view, seen by nobody', async (name) => {
    await openEye();
    await openDoor(`demo.leave_${name}(5)`);
    const [nothing] = await rowsOf({ sql: 'SELECT seen FROM demo.seen' }, role);
    for (let i = 0; i < 3; i++) {
      const [door, eye] = doorAndEye();
      await ask(door, role);
      await rowsOf(eye, role);
      const opened = await ask(door, role);
      await plainReads(1, role);
      expect([opened.text, await rowsOf(eye, role)]).toEqual([opened.text, [nothing]]);
    }
  });

  it.each(Object.entries(LEAVING))(
    '%s: left by an ordinary request, not seen by the next plain read',
    async (name, body) => {
      const seen = { sql: 'SELECT seen AS v FROM demo.door', params: [] };
      await node.sql('DROP TABLE demo.door', 'admin');
      await node.sql('CREATE TABLE demo.door (seen TEXT NOT NULL)', 'admin');
      for (let i = 0; i < 3; i++) expect(await rowsOf(seen, role)).toEqual([]);
      await node.sql('DROP TABLE demo.door', 'admin');
      await node.sql('CREATE VIEW demo.door AS SELECT demo.see() AS seen', 'admin');
      await ask({ sql: 'SELECT CONNECTION_ID()' }, role);
      const [clean] = await rowsOf(seen, role);
      for (const sql of [`SELECT demo.leave_${name}(5)`, body]) {
        await ask({ sql }, role);
        expect([sql, await rowsOf(seen, role)]).toEqual([sql, [clean]]);
      }
    },
  );

  it('a plain read that becomes another one sees nothing of those before it', async () => {
    const [, eye] = doorAndEye();
    const [nothing] = await rowsOf({ sql: 'SELECT seen FROM demo.seen' }, role);
    for (let i = 0; i < 3; i++) expect(await rowsOf(eye, role)).toEqual([]);
    // Seven rows were found last.
    await plainReads(3, role);
    await openEye();
    const before = await prepares();
    expect(await rowsOf(eye, role)).toEqual([nothing]);
    expect(await prepares(), 'it was tried, and then run the ordinary way').toBeGreaterThan(before);
  });

  it('a plain read that becomes a write is none for a read token, and is told as one to others', async () => {
    const count = async () =>
      Number((await rowsOf({ sql: 'SELECT COUNT(*) FROM demo.written' }, 'admin'))[0]?.[0]);
    const [door] = doorAndEye();
    for (let i = 0; i < 3; i++) await rowsOf(door, role);
    const before = await count();
    const end = await node.gtid();
    await openDoor('demo.write_it()');
    const answer = await ask(door, role);
    if (role === 'read') {
      expect([answer.status, await count()]).toEqual([403, before]);
      return;
    }
    expect([answer.status, await count()]).toEqual([200, before + 1]);
    expect(answer.body.position).not.toBe(end);
    expect(answer.body.results[0].rows).toEqual([[1, 'one']]);
  });

  it('a plain read shows changes of its tables at once', async () => {
    const all = { sql: 'SELECT * FROM demo.door', params: [] };
    const objects = { ...all, rows: 'object' };
    for (let i = 0; i < 3; i++) expect(await rowsOf(all, role)).toEqual([[1, 'one']]);
    await node.sql('ALTER TABLE demo.door ADD COLUMN w INT NOT NULL DEFAULT 5', 'admin');
    expect(await rowsOf(all, role)).toEqual([[1, 'one', 5]]);
    expect(await rowsOf(objects, role)).toEqual([{ id: 1, v: 'one', w: 5 }]);
    await node.sql('ALTER TABLE demo.door MODIFY v VARCHAR(200) FIRST', 'admin');
    expect(await rowsOf(objects, role)).toEqual([{ v: 'one', id: 1, w: 5 }]);
    await node.sql("UPDATE demo.door SET v = 'two'", 'admin');
    expect(await rowsOf(all, role)).toEqual([['two', 1, 5]]);
    await node.sql('DROP TABLE demo.door', 'admin');
    expect((await ask(all, role)).body.error.code).toBe('ER_NO_SUCH_TABLE');
    await node.sql('CREATE TABLE demo.door (id VARCHAR(9))', 'admin');
    expect(await rowsOf(all, role)).toEqual([]);
  });

  it('a plain read holds no lock once it is answered', async () => {
    await plainReads(3, role);
    const alter = await ask(
      { sql: 'SET STATEMENT lock_wait_timeout = 5 FOR ALTER TABLE demo.t COMMENT = ?' },
      'admin',
    );
    expect(alter.status).toBe(400);
    const answer = await ask(
      { sql: "ALTER TABLE demo.t COMMENT = 'not locked'", timeoutMs: 20_000 },
      'admin',
    );
    expect(answer.status, answer.text).toBe(200);
  });

  it('a database is its own request’s', async () => {
    await node.sql('CREATE DATABASE IF NOT EXISTS other', 'admin');
    await node.sql('CREATE OR REPLACE TABLE other.t AS SELECT 9 AS id, 9 AS v', 'admin');
    const text = { sql: 'SELECT id FROM t WHERE id = ?', params: [9] };
    for (let i = 0; i < 3; i++) {
      expect(await rowsOf({ ...text, database: 'other' }, role)).toEqual([[9]]);
      expect(await rowsOf({ ...text, database: 'demo' }, role)).toEqual([]);
    }
    expect((await ask(text, role)).body.error.code).toBe('ER_NO_DB_ERROR');
  });

  it('keeps a bounded number of statements', async () => {
    const control = await node.node.control();
    const count = async () =>
      Number((await control.query("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'"))[0]?.[1]);
    const before = await count();
    // At first each is run the ordinary way.
    for (let again = 0; again < 3; again++) {
      for (let i = 0; i < 60; i++)
        expect(await rowsOf({ sql: `SELECT ${i} FROM demo.t WHERE id = 1` }, role)).toEqual([[i]]);
    }
    expect(await count()).toBe(before + 16);
    expect(await rowsOf({ sql: 'SELECT 0 FROM demo.t WHERE id = 1' }, role)).toEqual([[0]]);
  });
});
