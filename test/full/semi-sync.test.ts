import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoneServer, positionAt } from '../kit/lone-server.js';
import { rowsOf, run, scalarOf, withSql } from '../kit/sql-node.js';
import { throughout, until } from '../kit/until.js';
import { type Started, semiSync, start, stillWaits, untilWaiting } from '../kit/waiting.js';

/**
 * What the server itself does with commits that wait: the ground under rules C1, C2, C10 and H9 to H11. No node
 * takes part; docs/mariadb-findings.md says what follows from each. A server of another version that
 * fails here needs another look at the rule that stands on it.
 */

let server: LoneServer;
/** Groups in the log so far, as this file counts them. */
let ordinal = 0;

function useLoneServer(): void {
  beforeAll(async () => {
    ordinal = 0;
    server = await LoneServer.start();
    await server.unlogged('CREATE DATABASE t', 'CREATE TABLE t.t (id INT PRIMARY KEY, b LONGBLOB)');
  });
  afterAll(() => server?.dispose());
}

const session = (...statements: string[]): Promise<Started> =>
  start(server.connectAs('skein_write', { database: 't' }), ...statements);

/** An INSERT that waits for an acknowledgement when this resolves. */
async function waiter(id: number): Promise<Started> {
  const started = await session(`INSERT INTO t (id) VALUES (${id})`);
  await untilWaiting(server, started.id);
  ordinal += 1;
  return started;
}

const ids = () => server.ask('SELECT GROUP_CONCAT(id ORDER BY id) FROM t.t');

/** What became of a statement that may hang. */
async function within(ms: number, sql: string): Promise<string> {
  const asked = await start(server.connect(), 'SET SESSION lock_wait_timeout = 1', sql);
  const answer = await Promise.race([
    asked.done,
    new Promise<string>((resolve) => setTimeout(resolve, ms, 'hangs')),
  ]);
  if (answer === 'hangs') void asked.done.then(() => asked.connection.destroy());
  else asked.connection.destroy();
  return answer;
}

describe('with a commit that waits', () => {
  useLoneServer();

  it('KILL QUERY answers it with OK and shows its row; semi-sync stays on, only no_tx tells', async () => {
    const killed = await waiter(1);
    const other = await session('INSERT INTO t (id) VALUES (2)');
    await withSql(server, (connection) => run(connection, `KILL QUERY ${killed.id}`));
    expect(await killed.done).toBe('OK');
    expect(await ids()).toBe('1');
    expect(await semiSync(server)).toMatchObject({ status: 'ON', no_tx: '1', yes_tx: '0' });
    await untilWaiting(server, other.id);
    ordinal += 1;
    expect(await stillWaits(other), 'a second one goes on waiting').toBe(true);

    await withSql(server, (connection) => run(connection, `KILL ${other.id}`));
    expect(await other.done, 'KILL ends the session').toBe('PROTOCOL_CONNECTION_LOST');
    await until('its row is visible all the same', async () => (await ids()) === '1,2');
    expect(await semiSync(server)).toMatchObject({ status: 'ON', no_tx: '2', yes_tx: '0' });
  });

  it('max_statement_time does not touch it, a shorter semi-sync time-out neither', async () => {
    const limited = await session('SET SESSION max_statement_time = 0.1', 'INSERT INTO t (id) VALUES (3)');
    await untilWaiting(server, limited.id);
    ordinal += 1;
    const before = await server.ask('SELECT @@global.rpl_semi_sync_master_timeout');
    await withSql(server, (connection) => run(connection, 'SET GLOBAL rpl_semi_sync_master_timeout = 50'));
    expect(await stillWaits(limited)).toBe(true);
    await withSql(server, (connection) =>
      run(connection, `SET GLOBAL rpl_semi_sync_master_timeout = ${before}`),
    );
    expect((await semiSync(server)).status).toBe('ON');
    await letGo(limited);
  });

  it('SET read_only, FTWRL and BACKUP STAGE BLOCK_COMMIT wait for it: a fence by SQL hangs without a quorum', async () => {
    const waiting = await waiter(4);
    expect(await within(20_000, 'SET GLOBAL read_only = 1')).toBe('ER_LOCK_WAIT_TIMEOUT');
    expect(await within(20_000, 'FLUSH TABLES WITH READ LOCK')).toBe('ER_LOCK_WAIT_TIMEOUT');
    const backup = await start(
      server.connect(),
      'SET SESSION lock_wait_timeout = 1',
      ...['START', 'FLUSH', 'BLOCK_DDL', 'BLOCK_COMMIT'].map((stage) => `BACKUP STAGE ${stage}`),
    );
    expect(await backup.done).toBe('ER_LOCK_WAIT_TIMEOUT');
    backup.connection.destroy();
    expect(waiting.answer()).toBe(null);
    await letGo(waiting);
  });

  it('FLUSH BINARY LOGS hangs, and SHOW MASTER STATUS behind it; both go on with the acknowledgement', async () => {
    const waiting = await waiter(5);
    const flush = await start(server.connect(), 'FLUSH BINARY LOGS');
    expect(await stillWaits(flush)).toBe(true);
    const show = await start(server.connect(), 'SHOW MASTER STATUS');
    expect(await stillWaits(show)).toBe(true);
    await letGo(waiting);
    expect(await flush.done).toBe('OK');
    expect(await show.done).toBe('OK');
    for (const each of [flush, show]) each.connection.destroy();
  });

  it('un-acknowledged DDL is listed at once, but who reads the table waits for its metadata lock', async () => {
    const ddl = await session('CREATE TABLE u (id INT)');
    await untilWaiting(server, ddl.id);
    ordinal += 1;
    const tables = await withSql(server, (connection) => rowsOf(connection, 'SHOW TABLES FROM t'));
    expect(tables.map((row) => Object.values(row)[0])).toContain('u');
    expect(await within(20_000, 'SELECT * FROM t.u')).toBe('ER_LOCK_WAIT_TIMEOUT');
    await letGo(ddl);
    expect(await within(20_000, 'SELECT * FROM t.u')).toBe('OK');
  });

  /** Ours, from one group before, acknowledges all. */
  async function letGo(waiting: Started): Promise<void> {
    const source = await server.dial(positionAt(ordinal - 1));
    source.acknowledge(ordinal);
    expect(await waiting.done).toBe('OK');
    source.stop();
    waiting.connection.destroy();
  }
});

describe('dialling the semi-sync dump again', () => {
  useLoneServer();

  it('a dump that went away is counted as a client until the next heartbeat, unless its server id comes again', async () => {
    const clients = async () => Number((await semiSync(server)).clients);
    const serverId = 3_950_000_000;
    const old = await server.dial(positionAt(0), { serverId });
    await until('it is counted', async () => (await clients()) === 1);
    old.stop();
    const other = await server.dial(positionAt(0));
    await until('both are counted', async () => (await clients()) === 2);
    const twin = await server.dial(positionAt(0), { serverId });
    // For a moment the twin is not counted yet, or both are. A dead dump alone would stay for up to 5 s.
    await until(
      'the old one was ended by its twin',
      () => throughout('two are counted', 300, async () => (await clients()) === 2).then(() => true),
      { deadlineMs: 4_500 },
    );
    other.stop();
    twin.stop();
  });

  it('past a commit that waits, in the same file: nobody asks for its acknowledgement before the next write', async () => {
    const waiting = await waiter(1);
    const past = await server.dial(positionAt(1));
    past.acknowledge(1);
    expect(await stillWaits(waiting)).toBe(true);
    expect(past.waiting).toBe(0);
    const next = await session('INSERT INTO t (id) VALUES (2)');
    ordinal += 1;
    await until('the next one is read', () => past.received === 2);
    past.acknowledge(2);
    expect([await waiting.done, await next.done]).toEqual(['OK', 'OK']);
    past.stop();
  });

  it('from one group before it, as our rule has it: it is asked for and can be acknowledged', async () => {
    const waiting = await waiter(3);
    const source = await server.dial(positionAt(ordinal - 1));
    await until('it is asked for', () => source.waiting === 1);
    source.acknowledge(ordinal);
    expect(await waiting.done).toBe('OK');
    source.stop();
  });

  it('from the received position, after a rotation by size: that alone acknowledges, with no copy anywhere', async () => {
    await server.unlogged('SET GLOBAL max_binlog_size = 4096');
    const first = await server.dial(positionAt(ordinal));
    const waiting = await session("INSERT INTO t VALUES (4, REPEAT('x', 6000))");
    await untilWaiting(server, waiting.id);
    ordinal += 1;
    await until('it was received', () => first.received === ordinal);
    const logs = await withSql(server, (connection) => rowsOf(connection, 'SHOW BINARY LOGS'));
    expect(logs, 'the log has rotated while its commit waits').toHaveLength(2);
    first.stop();

    const before = await server.dial(positionAt(ordinal - 1));
    await until('dialled from one group before: it is asked for', () => before.waiting === 1);
    expect(await stillWaits(waiting)).toBe(true);
    before.stop();

    const received = await server.dial(positionAt(ordinal));
    expect(await waiting.done, 'nobody has acknowledged it').toBe('OK');
    expect((await semiSync(server)).no_tx).toBe('0');
    received.stop();
  });
});

describe('a crash of the server', () => {
  useLoneServer();

  it('leaves what waited committed, rows and DDL', async () => {
    await waiter(1);
    await server.crash();
    expect(await ids()).toBe('1');
    await server.control.openAsPrimary({ serverId: 1_000_001 });
    const ddl = await session('CREATE TABLE u (id INT)');
    await untilWaiting(server, ddl.id);
    await server.crash();
    expect(await server.ask('SELECT COUNT(*) FROM t.u')).toBe('0');
    expect(await server.ask('SELECT @@global.gtid_binlog_pos')).toBe('0-1000001-2');
  });

  it('loses half of what XA left in the log: the engine and the replicas will differ', async () => {
    await server.control.openAsPrimary({ serverId: 1_000_001 });
    const source = await server.dial(positionAt(2));
    source.acknowledge(3);
    const xa = (name: string, row: number) => [
      `XA START '${name}'`,
      `INSERT INTO t (id) VALUES (${row})`,
      `XA END '${name}'`,
      `XA PREPARE '${name}'`,
    ];
    const prepared = await session(...xa('acknowledged', 2));
    expect(await prepared.done).toBe('OK');
    await prepared.connection.end();
    await until('the session that prepared it has ended', async () => {
      const others = await server.ask(
        `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = ${prepared.id}`,
      );
      return others === '0';
    });
    const commit = await session("XA COMMIT 'acknowledged'");
    await untilWaiting(server, commit.id);
    const preparing = await session(...xa('waiting', 3));
    await until('both are in the log', () => source.received === 5);
    expect([commit.answer(), preparing.answer()]).toEqual([null, null]);

    await server.crash();
    expect(await server.ask('SELECT @@global.gtid_binlog_pos')).toBe('0-1000001-5');
    // The log has the XA COMMIT and the second XA PREPARE; the engine has neither (rule H11).
    expect(await ids()).toBe('1');
    const branches = await withSql(server, (connection) => rowsOf(connection, 'XA RECOVER'));
    expect(branches.map((branch) => String(branch.data))).toEqual(['acknowledged']);
  });
});

describe('ids, engines, what is logged, and what lets waiting commits go', () => {
  useLoneServer();

  it('a session keeps the server id that it began with; opening ends such sessions', async () => {
    const source = await server.dial(positionAt(0));
    source.acknowledge(100);
    const old = await server.connectAs('skein_write', { database: 't' });
    old.on('error', () => {});
    await run(old, 'INSERT INTO t (id) VALUES (1)');
    await withSql(server, (connection) => run(connection, 'SET GLOBAL server_id = 1000002'));
    await run(old, 'INSERT INTO t (id) VALUES (2)');
    expect(await scalarOf(old, 'SELECT @@server_id')).toBe('1000001');
    expect(await server.ask('SELECT @@global.gtid_binlog_pos')).toBe('0-1000001-2');
    await server.control.openAsPrimary({ serverId: 1_000_003 });
    await expect(run(old, 'SELECT 1')).rejects.toThrow();
    const ended = new Promise((resolve) => source.onEnded.on(resolve));
    await session('INSERT INTO t (id) VALUES (3)');
    await expect(ended, 'our source stops at a GTID that is not of its epoch').resolves.toMatchObject({
      code: 'FOREIGN_TRANSACTION',
    });
    expect(await server.ask('SELECT @@global.gtid_binlog_pos')).toBe('0-1000003-3');
  });

  it('tables of other engines are refused, or become InnoDB; only SUPER can have it otherwise', async () => {
    await server.crash();
    await server.unlogged('SET GLOBAL rpl_semi_sync_master_enabled = 0', 'SET GLOBAL read_only = 0');
    const answers = async (...statements: string[]) => (await session(...statements)).done;
    for (const engine of ['MyISAM', 'Aria', 'MEMORY'])
      expect(await answers(`CREATE TABLE m (id INT) ENGINE=${engine}`), engine).toBe(
        'ER_OPTION_PREVENTS_STATEMENT',
      );
    expect(await answers('CREATE TEMPORARY TABLE m (id INT) ENGINE=MyISAM')).toBe(
      'ER_OPTION_PREVENTS_STATEMENT',
    );
    expect(await answers('CREATE TABLE u (id INT)', 'ALTER TABLE u ENGINE=MyISAM')).toBe(
      'ER_OPTION_PREVENTS_STATEMENT',
    );
    expect(await answers("SET sql_mode = ''", 'CREATE TABLE m (id INT) ENGINE=MyISAM')).toBe('OK');
    const engine =
      "SELECT engine FROM information_schema.tables WHERE table_schema = 't' AND table_name = 'm'";
    expect(await server.ask(engine)).toBe('InnoDB');
    expect(await answers('SET SESSION enforce_storage_engine = NULL')).toBe(
      'ER_SPECIFIC_ACCESS_DENIED_ERROR',
    );
  });

  describe('on a read-only server, as skein, these are logged all the same (rule H13)', () => {
    it.each([
      ['FLUSH PRIVILEGES', true],
      ['FLUSH LOCAL PRIVILEGES', false],
      ['FLUSH TABLES', true],
      ['FLUSH STATUS', true],
      ['FLUSH BINARY LOGS', false],
      ['ANALYZE TABLE t.t', true],
      ['OPTIMIZE TABLE t.t', true],
      ['REPAIR TABLE t.t', true],
      ['ANALYZE TABLE t.missing', true],
      ['DROP TABLE IF EXISTS t.missing', true],
      ["CREATE USER somebody@'127.0.0.9'", true],
      ['CREATE TEMPORARY TABLE t.x (id INT)', false],
    ])('%s: %s', async (sql, logged) => {
      await server.unlogged('SET GLOBAL rpl_semi_sync_master_enabled = 0', 'SET GLOBAL read_only = 1');
      const gtid = () => server.ask('SELECT @@global.gtid_binlog_pos');
      const before = await gtid();
      // The session ends with it: a temporary table is dropped then.
      await withSql(server, (connection) => run(connection, sql));
      const after = await gtid();
      expect(after !== before, `${before} -> ${after}`).toBe(logged);
    });
  });

  describe('a waiting commit is let go as if it were acknowledged by', () => {
    beforeAll(async () => {
      await server.crash();
      await server.control.openAsPrimary({ serverId: 1_000_001 });
      await server.unlogged('DELETE FROM t.t');
    });

    it('semi-sync OFF', async () => {
      const waiting = await waiter(1);
      await withSql(server, (connection) => run(connection, 'SET GLOBAL rpl_semi_sync_master_enabled = 0'));
      expect(await waiting.done).toBe('OK');
      expect((await semiSync(server)).status).toBe('OFF');
      await withSql(server, (connection) => run(connection, 'SET GLOBAL rpl_semi_sync_master_enabled = 1'));
    });

    it('RESET MASTER', async () => {
      const waiting = await waiter(2);
      await withSql(server, (connection) => run(connection, 'RESET MASTER'));
      expect(await waiting.done).toBe('OK');
      expect(await ids()).toBe('1,2');
    });

    it('SHUTDOWN: the client sees a lost connection, and the row is there after the next start', async () => {
      const waiting = await waiter(3);
      const { pid } = server;
      await withSql(server, (connection) => run(connection, 'SHUTDOWN'));
      expect(await waiting.done).toBe('PROTOCOL_CONNECTION_LOST');
      await server.untilRestarted(pid);
      expect(await ids()).toBe('1,2,3');
    });
  });
});
