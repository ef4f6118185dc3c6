import { execFile } from 'node:child_process';
import { open, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  binlogProgramOf,
  dumpProgramOf,
  type ServerBinary,
} from '../../src/server-packages/server-binary.js';
import { rollBackPrepared } from '../../src/server-process/prepared-transactions.js';
import { runOffline } from '../../src/server-process/template.js';
import { readProcess } from '../../src/std/processes.js';
import { MysqlServer, obtainedMysql } from '../kit/mysql-server.js';
import { memoryOf } from '../kit/processes.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/** How the program of MySQL is run. It is fetched where the machine has none. */

const binary = await obtainedMysql();
if (typeof binary === 'string') console.log(`skipped: ${binary}`);

const UUID = '0f0e0d0c-0b0a-0908-0706-050403020100';

describe.skipIf(typeof binary === 'string')('a MySQL server', () => {
  let server: MysqlServer;

  beforeAll(async () => {
    server = await MysqlServer.start(binary as ServerBinary, { serverUuid: UUID });
  });

  afterAll(() => server?.dispose());

  it('starts closed, with its own accounts and the zones, without a network and without a GTID', async () => {
    const variables = await withSql(server, async (sql) => {
      const [row] = await rowsOf(
        sql,
        `SELECT @@super_read_only AS readOnly, @@global.event_scheduler AS events, @@gtid_executed AS gtids,
           @@global.rpl_semi_sync_source_enabled AS semiSync, @@global.rpl_semi_sync_source_timeout AS timeout,
           @@server_uuid AS uuid, @@tls_version AS tls, @@global.sync_binlog AS sync, @@bind_address AS address,
           CONVERT_TZ('2024-07-01 00:00:00', 'UTC', 'Europe/Warsaw') AS there`,
      );
      return row;
    });
    expect(variables).toMatchObject({
      ...{
        readOnly: '1',
        events: 'OFF',
        gtids: '',
        semiSync: '0',
        timeout: '18446744073709551615',
        uuid: UUID,
      },
      ...{ tls: '', sync: '1', address: '127.0.0.1', there: '2024-07-01 02:00:00' },
    });
    const users = await withSql(server, (sql) =>
      rowsOf(sql, "SELECT user FROM mysql.user WHERE account_locked = 'N'"),
    );
    expect(users).toEqual([{ user: 'skein' }]);
    expect((await memoryOf(server.up.pid)).rssBytes).toBeLessThan(320 * 2 ** 20);
  });

  it('is found by its data directory, though another program stands first on its command line', async () => {
    const { pid } = server.up;
    expect(readProcess(pid)?.args[0]).toMatch(/ld-linux/);
    expect(await server.adopt()).toMatchObject({ pid, adopted: true });
  });

  it('numbers what it writes as the cluster does', async () => {
    await server.open();
    await server.execute(
      'CREATE DATABASE d',
      'CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(20))',
      "INSERT INTO d.t VALUES (1, 'one')",
    );
    expect(await server.ask('SELECT @@gtid_executed')).toBe(`${UUID}:1-3`);
  });

  it('names tables in the dictionary as their files are', async () => {
    await server.execute(
      'CREATE DATABASE `Ab-ö.1`',
      'CREATE TABLE `Ab-ö.1`.`Tä#b` (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2',
      'CREATE TABLE `Ab-ö.1`.s (id INT, d DATE, PRIMARY KEY (id, d)) PARTITION BY RANGE (YEAR(d)) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION `p$ö` VALUES LESS THAN (2000), PARTITION P2 VALUES LESS THAN MAXVALUE)',
      'CREATE TABLE d.f (t VARCHAR(20), FULLTEXT (t))',
    );
    const known = await withSql(server, (sql) => rowsOf(sql, server.program.engineTables));
    const names = new Set(known.map(({ name }) => String(name)));
    const files: string[] = [];
    for (const entry of await readdir(server.paths.dataDir, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      for (const file of await readdir(join(server.paths.dataDir, entry.name)))
        if (file.endsWith('.ibd')) files.push(`${entry.name}/${file.slice(0, -4)}`);
    }
    expect(files.length).toBeGreaterThan(8);
    expect(files.filter((file) => !names.has(file))).toEqual([]);
  });

  it('dumps everything at one position', async () => {
    const { stdout } = await promisify(execFile)(
      dumpProgramOf(server.modules.binary),
      [
        ...server.program.dumpArgs,
        `--socket=${server.up.socketPath}`,
        '--user=skein',
        '--databases',
        '--',
        'd',
      ],
      { env: { ...process.env, MYSQL_PWD: server.password } },
    );
    expect(stdout).toContain("INSERT INTO `t` VALUES (1,'one')");
    expect(stdout).toMatch(new RegExp(`GLOBAL.GTID_PURGED=.*${UUID}:1-\\d+`));
    expect(stdout).toContain('CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE=');
  });

  it('a run whose statement fails ends at once, and says why', async () => {
    const other = await MysqlServer.start(binary as ServerBinary);
    try {
      const { dataDir } = other.paths;
      await other.stop();
      const failing = other.program.statements(other.modules.binary, dataDir, ['SELECT 1 FROM d.absent']);
      const user = await other.user();
      await expect(runOffline(other.modules, dataDir, failing, user)).rejects.toThrow(/1049|1146/);
      // Nothing of it is left.
      await other.start();
      expect(await other.ask('SELECT @@gtid_executed')).toBe('');
      expect(await other.ask('SELECT @@server_uuid')).not.toBe(UUID);
    } finally {
      await other.dispose();
    }
  });

  it('keeps a change that waits for its acknowledgement, when it dies', async () => {
    await leaveWaiting(server, "INSERT INTO d.t VALUES (2, 'waits')");
    expect((await server.start()).crashed).toBe(true);
    expect(await server.ask('SELECT COUNT(*) FROM d.t')).toBe('2');
  });

  it('takes that change back, when its log was cut before it', async () => {
    await server.open();
    const before = await server.ask('SELECT @@gtid_executed');
    await leaveWaiting(server, "INSERT INTO d.t VALUES (3, 'waits')");
    const [file, at] = await lastTransaction(server);
    await truncate(file, at);
    await server.start();
    expect(await server.ask('SELECT COUNT(*) FROM d.t')).toBe('2');
    expect(await server.ask('SELECT @@gtid_executed')).toBe(before);
  });

  it.each([
    'CREATE TABLE d.u (id INT PRIMARY KEY)',
    'ALTER TABLE d.t ADD COLUMN w INT, ALGORITHM = COPY',
    'DROP TABLE d.t',
    'TRUNCATE TABLE d.t',
  ])('takes "%s" back in the same way', async (ddl) => {
    await server.open();
    const state = () =>
      withSql(server, async (sql) => [
        await rowsOf(sql, 'SHOW TABLES FROM d'),
        await rowsOf(sql, 'SHOW CREATE TABLE d.t'),
        await rowsOf(sql, 'SELECT * FROM d.t'),
        await rowsOf(sql, 'SELECT @@gtid_executed'),
      ]);
    const before = await state();
    await leaveWaiting(server, ddl);
    const [file, at] = await lastTransaction(server);
    await truncate(file, at);
    await server.start();
    expect(await state()).toEqual(before);
  });

  it('does not take back what its engine had committed', async () => {
    await server.open();
    // Without the second statement the engine's commit may not be on the disk, and is taken back too.
    await server.execute("INSERT INTO d.t VALUES (4, 'four')", 'FLUSH ENGINE LOGS');
    await server.kill();
    const [file, at] = await lastTransaction(server);
    await truncate(file, at);
    await server.start();
    expect(await server.ask('SELECT COUNT(*) FROM d.t')).toBe('3');
  });

  it('rolls back what was prepared for a log that is gone, except branches of XA', async () => {
    await server.open();
    await server.execute(
      "XA START 'kept'",
      "INSERT INTO d.t VALUES (10, 'ten')",
      "XA END 'kept'",
      "XA PREPARE 'kept'",
    );
    await leaveWaiting(server, "INSERT INTO d.t VALUES (5, 'waits')");
    for (const name of await readdir(server.paths.dataDir))
      if (/^bin\./.test(name)) await rm(join(server.paths.dataDir, name));
    const signal = new AbortController().signal;
    await rollBackPrepared(server.paths.dataDir, { ...server.modules, user: await server.user() }, signal);
    await server.start();
    await server.open();
    await server.execute("INSERT INTO d.t VALUES (5, 'again')");
    expect(await withSql(server, (sql) => rowsOf(sql, 'XA RECOVER'))).toHaveLength(1);
    await server.execute("XA ROLLBACK 'kept'");
  });

  it('follows another server, and goes on after it died and its relay logs were removed', async () => {
    const other = await MysqlServer.start(binary as ServerBinary, { extraArgs: ['--server-id=2000002'] });
    try {
      const has = (id: number) => async () =>
        (await other.ask(
          `SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'r' AND table_name = 't${id}'`,
        )) === '1';
      await server.execute(
        'RESET BINARY LOGS AND GTIDS',
        'SET GLOBAL server_id = 1000001',
        'CREATE DATABASE r',
      );
      await server.execute(
        'CREATE TABLE r.t1 (id INT PRIMARY KEY)',
        "CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'p'",
        "GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'",
      );
      await other.execute(
        `CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = ${server.up.port}, SOURCE_USER = 'repl', SOURCE_PASSWORD = 'p', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_SSL = 0, SOURCE_CONNECT_RETRY = 1`,
        'START REPLICA',
      );
      await until('the replica has the first table', has(1));
      await other.kill();
      await server.execute('CREATE TABLE r.t2 (id INT PRIMARY KEY)');
      await other.start();
      expect(await other.ask('SELECT @@super_read_only')).toBe('1');
      expect(await has(2)()).toBe(false);
      await other.execute('START REPLICA');
      await until('the replica has the second table', has(2));
      expect(await other.ask('SELECT @@gtid_executed')).toBe(await server.ask('SELECT @@gtid_executed'));
    } finally {
      await other.dispose();
    }
  });

  it('says it, when the pages of a table are damaged', async () => {
    await server.execute(
      'CREATE TABLE d.big (id INT PRIMARY KEY, v VARCHAR(2000))',
      "INSERT INTO d.big WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM n WHERE id < 300) SELECT id, REPEAT('x', 2000) FROM n",
    );
    await server.stop();
    const path = join(server.paths.dataDir, 'd/big.ibd');
    const { size } = await stat(path);
    const file = await open(path, 'r+');
    for (let page = 4; page < size / 16_384; page++)
      await file.write(Buffer.alloc(8000, 0x5a), 0, 8000, page * 16_384 + 200);
    await file.close();
    const from = (await readFile(server.paths.log, 'utf8')).length;
    await server.start();
    await server.ask('SELECT COUNT(*) FROM d.big WHERE v LIKE "%y%"').catch(() => null);
    const added = async () => (await readFile(server.paths.log, 'utf8')).slice(from).split('\n');
    await until('the log tells of it', async () =>
      (await added()).some((line) => server.program.words.damage.test(line)),
    );
  });
});

/** Ends the server while a change waits for its acknowledgement: it is in the log, and its engine has only prepared it. */
async function leaveWaiting(server: MysqlServer, sql: string): Promise<void> {
  await server.execute('SET GLOBAL rpl_semi_sync_source_enabled = ON');
  const session: Connection = await server.connect();
  session.on('error', () => {});
  const write = run(session, sql).catch(() => null);
  await until('the change waits', async () =>
    (await withSql(server, (sql) => rowsOf(sql, 'SHOW PROCESSLIST'))).some(({ State }) =>
      /semi-sync ACK/.test(String(State)),
    ),
  );
  await server.kill();
  await write;
  session.destroy();
}

/** The last file of its log, and where the last transaction in it begins. */
async function lastTransaction(server: MysqlServer): Promise<[path: string, at: number]> {
  const index = await readFile(join(server.paths.dataDir, 'bin.index'), 'utf8');
  const path = join(server.paths.dataDir, index.trim().split('\n').at(-1) ?? '');
  const { stdout } = await promisify(execFile)(binlogProgramOf(server.modules.binary), [path]);
  const begins = [...stdout.matchAll(/^# at (\d+)\n#.*GTID\s+last_committed/gm)];
  return [path, Number(begins.at(-1)?.[1])];
}
