import { connect as connectTcp, type Socket } from 'node:net';
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { packet } from '../../src/mysql-protocol/packets.js';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { openSql, rowsOf, run, scalarOf, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/**
 * What a hostile or careless client of the MySQL ports may do to a cluster: nothing. After each attack the nodes live,
 * the quorum is kept and the replica is equal to the primary.
 */

const CONNECTIONS_MAX = 120;
const LOGIN_MS = 4_000;
/** A node that does not answer for so long counts as stopped; a loaded machine needs some of it. */
const ANSWER_MS = 20_000;

let cluster: TestCluster;
let primary: TestNode;
let replica: TestNode;
const ports = { primary: { rw: 0, ro: 0 }, replica: { rw: 0, ro: 0 } };
const opened: Array<{ destroy(): unknown }> = [];
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({
    // A commit waits for the replica that is stopped, while the primary has its majority and goes on serving.
    acknowledge: 'all',
    settings: { mysqlConnectionsMax: CONNECTIONS_MAX, mysqlLoginMs: LOGIN_MS },
  });
  primary = cluster.primary;
  replica = cluster.node('n2');
  const { members } = await primary.cluster();
  for (const [name, node] of [
    ['primary', primary],
    ['replica', replica],
  ] as const) {
    const member = members.find((each) => each.name === node.name);
    ports[name] = { rw: portOf(member?.mysqlRw), ro: portOf(member?.mysqlRo) };
  }
  const sql = await open(ports.primary.rw, { database: undefined });
  await run(sql, 'CREATE DATABASE attack');
  await run(sql, 'CREATE TABLE attack.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(60))');
});

afterEach(async () => {
  for (const each of opened.splice(0)) each.destroy();
  for (const node of [primary, replica]) {
    expect(await node.runs('node')).toBe(true);
    await node.untilReady();
  }
  const written = await primary.sql("INSERT INTO attack.t (v) VALUES ('after the attack')");
  expect(written.position, 'a majority has it').toMatch(/./);
  await checksumAtRest(primary, [replica], { schemas: ['attack'] });
  expect(await answeredWithoutQuorum(), 'commits that were answered without their quorum').toBe('0');
});

afterAll(async () => {
  await cluster?.dispose();
});

/** Since the start of the primary's server. */
function answeredWithoutQuorum(): Promise<string> {
  return withSql(primary, async (sql) => {
    const [row] = await rowsOf(sql, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_no_tx'");
    return String(row?.Value);
  });
}

function portOf(address: string | null | undefined): number {
  return Number(address?.split(':')[1]);
}

async function open(port: number, options: ConnectionOptions = {}): Promise<Connection> {
  const connection = await openSql({
    ...{ host: '127.0.0.1', port, user: 'app', password: primary.password('app'), database: 'attack' },
    ...options,
  });
  connection.on('error', () => {});
  opened.push(connection);
  return connection;
}

interface RawClient {
  socket: Socket;
  /** It has its greeting, or was refused, or is gone. */
  answered: Promise<unknown>;
  closed: Promise<unknown>;
}

function raw(port: number): RawClient {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  opened.push(socket);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const data = new Promise((resolve) => socket.once('data', resolve));
  return { socket, closed, answered: Promise.race([data, closed]) };
}

const query = (text: string) => packet(0, Buffer.concat([Buffer.from([3]), Buffer.from(text, 'latin1')]));
const login = (capabilities = 0xa205) => {
  const body = Buffer.alloc(60);
  body.writeUInt32LE(capabilities, 0);
  return packet(1, body);
};

async function answersInTime(node: TestNode): Promise<void> {
  const { status } = await node.request('GET', '/ready', undefined, { token: null, timeoutMs: ANSWER_MS });
  expect(status).toBe(200);
}

describe('bytes before any login (A1)', () => {
  const comments = `${'/**/'.repeat(250)}X`;
  it.each<[string, Buffer]>([
    ['a made-up login and a run of comments', Buffer.concat([login(), query(comments)])],
    [
      'the same for a prepared statement',
      Buffer.concat([login(), packet(0, Buffer.from(`\u0016${comments}`))]),
    ],
    ['white space', Buffer.concat([login(), query(`${' '.repeat(1_000)}X`)])],
    ['a command at once', query(comments)],
    [
      'a login that goes on forever',
      Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 1]), Buffer.alloc(200_000)]),
    ],
    [
      'a thousand empty packets',
      Buffer.concat(Array.from({ length: 1_000 }, () => packet(1, Buffer.alloc(0)))),
    ],
    ['a second word of another node', Buffer.concat([packet(0, Buffer.from('skein-hop')), query(comments)])],
    ['HTTP', Buffer.from(`GET /${'a'.repeat(5_000)} HTTP/1.1\r\n\r\n`)],
  ])('%s stops no node', async (_name, bytes) => {
    const all = [ports.primary.rw, ports.primary.ro, ports.replica.rw, ports.replica.ro].map(raw);
    for (const { socket, answered } of all) {
      await answered;
      // By the byte where that makes more work.
      socket.write(bytes.subarray(0, 50));
      for (let at = 50; at < Math.min(bytes.length, 300); at++) socket.write(bytes.subarray(at, at + 1));
      if (bytes.length > 300) socket.write(bytes.subarray(300));
    }
    await answersInTime(primary);
    await answersInTime(replica);
  });

  it('and the same text after a login is answered by the server', async () => {
    const sql = await open(ports.primary.rw, { multipleStatements: true });
    for (const text of [
      comments,
      `${' '.repeat(60_000)}X`,
      `${'/**/;'.repeat(10_000)}X`,
      `${'(;'.repeat(30_000)}`,
    ]) {
      await expect(run(sql, text)).rejects.toMatchObject({ errno: 1064 });
    }
    await answersInTime(primary);
  });
});

/** What MariaDB 10.11 executes as a KILL, with a session's id for {id}; and whether that session can be told in advance. */
const KILLS: Array<[string, 'told' | 'later']> = [
  ['KILL {id}', 'told'],
  ['SET STATEMENT max_statement_time=9 FOR KILL QUERY {id}', 'told'],
  ['set/**/statement max_statement_time=9 for set statement lock_wait_timeout=9 for kill {id}', 'told'],
  ['SET STATEMENT max_statement_time=(SELECT 9) FOR KILL QUERY {id}', 'later'],
  ['/*!KILL QUERY {id}*/', 'told'],
  ['/*!50000 KILL QUERY*/ {id}', 'told'],
  ['/*M!100000 KILL QUERY {id} */', 'told'],
  ['/*! /* x */ KILL QUERY {id} */', 'told'],
  ['/*!999999 SELECT 1 */ KILL QUERY {id}', 'told'],
  ['/* /* */ KILL QUERY {id}', 'told'],
  ['\u000b--\u0001\nKILL/**/HARD--\nQUERY {id} # x', 'told'],
  ["KILL QUERY '{id}'", 'told'],
  ['KILL QUERY {id}+0', 'told'],
  ['KILL QUERY (SELECT {id})', 'told'],
  ['BEGIN NOT ATOMIC KILL QUERY {id}; END', 'later'],
  ['IF 1 THEN KILL QUERY {id}; END IF', 'later'],
  ['CASE 1 WHEN 1 THEN KILL QUERY {id}; END CASE', 'later'],
  ['REPEAT KILL QUERY {id}; UNTIL 1 END REPEAT', 'later'],
  ['FOR i IN 1..1 DO KILL QUERY {id}; END FOR', 'later'],
  ['SET STATEMENT sort_buffer_size=100000 FOR BEGIN NOT ATOMIC KILL QUERY {id}; END', 'later'],
  ["EXECUTE IMMEDIATE 'KILL QUERY {id}'", 'later'],
  ['EXECUTE IMMEDIATE (_utf8"/**/KILL QUERY {id}")', 'later'],
  ["PREPARE s FROM 'KILL QUERY {id}'", 'later'],
  ['SELECT 1; KILL QUERY {id}', 'later'],
  ["SET @a = 'it''s; \\'; '; KILL QUERY {id}", 'later'],
];

const withId = (text: string, id: unknown) => text.replaceAll('{id}', String(id));

describe('KILL of a commit that waits for its quorum (A10)', () => {
  it('is refused however it is written, and the commit goes on waiting', async () => {
    const waiting = await open(ports.primary.rw);
    const id = await scalarOf(waiting, 'SELECT CONNECTION_ID()');
    const killers = await Promise.all(KILLS.map(() => open(ports.primary.rw, { multipleStatements: true })));
    const direct = await primary.connect();
    opened.push(direct);
    let answered = false;
    let write: Promise<unknown> = Promise.resolve();
    await replica.freeze('node');
    try {
      write = run(waiting, "INSERT INTO t (v) VALUES ('waits')").then(() => {
        answered = true;
      });
      await until('it waits', async () => {
        const rows = await rowsOf(
          direct,
          "SELECT id FROM information_schema.processlist WHERE id = ? AND state LIKE 'Waiting for semi-sync ACK%'",
          [id],
        );
        return rows.length === 1;
      });
      const results = await Promise.all(
        killers.map((killer, at) =>
          killer.query(withId(KILLS[at]?.[0] ?? '', id)).then(
            () => 'was let through',
            (error: { errno?: number }) => error.errno,
          ),
        ),
      );
      expect(results.map((result, at) => [KILLS[at]?.[0], result])).toEqual(
        KILLS.map(([text]) => [text, 1095]),
      );
      const anyone = await open(ports.primary.rw);
      await expect(run(anyone, 'KILL USER app')).rejects.toMatchObject({
        errno: 1095,
        message: expect.stringContaining('waits for its quorum'),
      });
      await expect(anyone.prepare('KILL ?')).rejects.toMatchObject({ errno: 1095 });
      expect(answered).toBe(false);
    } finally {
      await replica.unfreeze('node');
    }
    await write;
  });

  it('of any other statement works, in every form of which it is clear whom it means', async () => {
    const killer = await open(ports.primary.rw, { multipleStatements: true });
    for (const [text, kind] of KILLS) {
      const victim = await open(ports.primary.rw);
      const id = Number(await scalarOf(victim, 'SELECT CONNECTION_ID()'));
      if (kind === 'later') {
        await expect(killer.query(withId(text, id)), text).rejects.toMatchObject({
          errno: 1095,
        });
        continue;
      }
      const slept = victim.query('SELECT SLEEP(30)').then(
        () => 'ended',
        () => 'ended',
      );
      await until('it sleeps', async () => {
        const rows = await rowsOf(killer, 'SHOW PROCESSLIST');
        return rows.some((row) => Number(row.Id) === id && String(row.Info).includes('SLEEP'));
      });
      await killer.query(withId(text, id));
      expect(await slept, text).toBe('ended');
      victim.destroy();
    }
  });
});

describe('a read-only port of the primary (A9)', () => {
  const count = async () =>
    Number((await primary.rows("SELECT COUNT(*) FROM attack.t WHERE v = 'noisy'"))[0]?.[0]);

  beforeAll(async () => {
    const sql = await open(ports.primary.rw);
    await run(
      sql,
      "CREATE FUNCTION noisy() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO t (v) VALUES ('noisy'); RETURN 1; END",
    );
    await run(sql, 'CREATE VIEW v AS SELECT noisy() AS x');
    await run(sql, 'CREATE VIEW quiet AS SELECT COUNT(*) > 0 AS x FROM t');
  });

  const refused = async (sql: Connection) => {
    await expect(run(sql, 'SELECT * FROM v')).rejects.toMatchObject({ errno: 1792 });
    await expect(sql.execute('SELECT * FROM v')).rejects.toMatchObject({ errno: 1792 });
    expect(await scalarOf(sql, 'SELECT x FROM quiet')).toBe('1');
  };

  it("does not write through a definer's view, neither at first nor after a reset or a change of user", async () => {
    const sql = await open(ports.primary.ro);
    await refused(sql);
    await sql.beginTransaction();
    await refused(sql);
    await sql.rollback();
    await sql.changeUser({ user: 'app', password: primary.password('app'), database: 'attack' });
    await refused(sql);
    await sql.changeUser({ user: 'app', password: primary.password('app'), database: 'attack' });
    await (sql as Connection & { reset(): Promise<void> }).reset();
    await run(sql, 'USE attack');
    await refused(sql);
    expect(await count()).toBe(0);
  });

  it('nor with compression at its login, nor through a replica or over HTTP with a read token', async () => {
    await refused(await open(ports.primary.ro, { compress: true }));
    const reader = await open(ports.replica.ro);
    await expect(run(reader, 'SELECT * FROM v')).rejects.toMatchObject({ errno: expect.any(Number) });
    const { body } = await primary.request<{ token: string }>('POST', '/v1/tokens', {
      name: 'r',
      role: 'read',
    });
    for (const node of [primary, replica]) {
      // A replica gets to know a new token a moment later.
      const answer = await until(`${node.name} knows the token`, async () => {
        const one = await node.request<{ error: { code: string; errno: number } }>(
          'POST',
          '/v1/sql',
          { sql: 'SELECT * FROM attack.v' },
          { token: body.token },
        );
        return one.status === 401 ? null : one;
      });
      expect(answer).toMatchObject({ status: 403, body: { error: { errno: 1792 } } });
    }
    expect(await count()).toBe(0);
  });

  it('a session that turns this off on purpose can still do so: what the documentation says', async () => {
    const sql = await open(ports.primary.ro);
    await run(sql, 'SET SESSION TRANSACTION READ WRITE');
    await run(sql, 'SELECT * FROM v');
    expect(await count()).toBe(1);
    await expect(run(sql, "INSERT INTO t (v) VALUES ('x')")).rejects.toMatchObject({ errno: 1142 });
  });

  it('and the account cannot give itself another password there (A8)', async () => {
    const sql = await open(ports.primary.ro);
    await expect(run(sql, "SET PASSWORD = PASSWORD('x')")).rejects.toMatchObject({ errno: 1792 });
  });
});

describe('connections on which nobody logs in (A14)', () => {
  it('as many as the port takes: a real client gets in at once, and they are dropped in time', async () => {
    for (const port of [ports.primary.rw, ports.replica.ro]) {
      const silent = Array.from({ length: CONNECTIONS_MAX }, () => raw(port));
      // Nobody is left out: each has got its greeting, or the place of an older one.
      await Promise.all(silent.map(({ answered }) => answered));
      for (let i = 0; i < 5; i++) expect(await scalarOf(await open(port), 'SELECT 1')).toBe('1');
      await Promise.all(silent.map(({ closed }) => closed));
    }
    await until('no login is open any more', async () => {
      const { text } = await primary.request('GET', '/metrics');
      return /skein_mysql_logins_open\{port="read-write"\} 0/.test(text);
    });
  });
});
