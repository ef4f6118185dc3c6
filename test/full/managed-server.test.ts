import { execFile, spawn } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { accountPassword } from '../../src/mysql-control/accounts.js';
import { MariadbControl } from '../../src/mysql-control/control.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import { ManagedServer, type ManagedServerOptions } from '../../src/server-process/managed-server.js';
import type { TemplateModules } from '../../src/server-process/template.js';
import { silentLogger } from '../../src/std/logger.js';
import { readProcess } from '../../src/std/processes.js';
import { canReach } from '../../src/std/run-user.js';
import { isAlive, killAndWait, readPidFile, stopAndWait } from '../kit/processes.js';
import { throughout, until } from '../kit/until.js';

const execute = promisify(execFile);
const BUILT = join(import.meta.dirname, '../../dist');
const secret = Buffer.from('a secret of this test');
const isRoot = process.getuid?.() === 0;
const SMALL = { bufferPoolBytes: 16 * 2 ** 20, redoLogBytes: 8 * 2 ** 20 };
const ASYNC = '--rpl-semi-sync-master-enabled=0';

let directory = '';
let tools: Omit<TemplateModules, 'logger'>;
let count = 0;
const servers: ManagedServer[] = [];

function manage(options: Partial<ManagedServerOptions> = {}): ManagedServer {
  const server = new ManagedServer(
    { directory: join(directory, `n${++count}`), secret, ...SMALL, ...options },
    { ...tools, logger: silentLogger },
  );
  servers.push(server);
  return server;
}

async function sql(
  server: ManagedServer,
  account: Parameters<typeof accountPassword>[1],
  statements: string[],
): Promise<{ rows: RowDataPacket[]; errors: (number | null)[] }> {
  const connection = await createConnection({
    socketPath: server.current?.socketPath ?? '',
    user: account,
    password: accountPassword(secret, account),
  });
  const errors: (number | null)[] = [];
  let rows: RowDataPacket[] = [];
  try {
    for (const statement of statements) {
      try {
        [rows] = await connection.query<RowDataPacket[]>(statement);
        errors.push(null);
      } catch (error) {
        errors.push((error as { errno?: number }).errno ?? -1);
      }
    }
  } finally {
    connection.destroy();
  }
  return { rows, errors };
}

function controlOf(server: ManagedServer): MariadbControl {
  return new MariadbControl(
    { secret },
    { socketPath: () => server.current?.socketPath ?? null, flavour: mariadb },
  );
}

/** A program of another process that does with the build what a node does; `npm test` has built it. */
async function writeScript(): Promise<string> {
  const script = join(directory, 'node.mjs');
  await writeFile(
    script,
    `import { obtainServer } from '${BUILT}/server-packages/obtain.js';
     import { ManagedServer } from '${BUILT}/server-process/managed-server.js';
     import { mariadb } from '${BUILT}/flavour/mariadb/mariadb.js';
     import { silentLogger as logger } from '${BUILT}/std/logger.js';
     const [cacheDir, directory, stay] = process.argv.slice(2);
     const [texts, secret] = [new Set(), Buffer.from('${secret.toString()}')];
     const binary = await obtainServer({ cacheDir, progress: (text) => texts.add(text) }, { logger });
     const server = new ManagedServer({ directory, secret }, { binary, program: mariadb.program, cacheDir, logger });
     const up = await server.start();
     if (!stay) await server.stop();
     console.log(JSON.stringify({ up, uid: process.getuid(), origin: binary.origin, texts: [...texts] }));`,
  );
  return script;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-server-'));
  // Root's server runs as somebody else, who must be able to come here.
  await chmod(directory, 0o755);
  const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
  const binary = await obtainServer({ cacheDir }, { logger: silentLogger });
  tools = { binary, program: mariadb.program, cacheDir };
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.kill('end of the test');
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('a managed server', () => {
  it('starts closed, on loopback and a socket, as an unprivileged user in its own session', async () => {
    const server = manage();
    const up = await server.start();
    expect(up.adopted).toBe(false);
    expect(up.version).toContain('MariaDB');
    expect(up.serverId).toBeGreaterThanOrEqual(2_000_000_000);
    expect(up.serverId).toBeLessThan(4_000_000_000);
    expect(Buffer.byteLength(up.socketPath)).toBeLessThanOrEqual(107);
    const { rows } = await sql(server, 'skein', [
      `SELECT @@read_only ro, @@event_scheduler ev, @@rpl_semi_sync_master_enabled semi,
        @@rpl_semi_sync_master_wait_point point, @@rpl_semi_sync_master_wait_no_slave waits, @@log_bin log,
        @@gtid_strict_mode strict, @@sync_binlog sync, @@innodb_flush_log_at_trx_commit flush, @@bind_address bind,
        @@enforce_storage_engine engine, @@gtid_binlog_state state, @@gtid_slave_pos pos, @@time_zone zone,
        CAST(@@rpl_semi_sync_master_timeout AS CHAR) timeout`,
    ]);
    expect(rows[0]).toMatchObject({
      ro: 1,
      ev: 'OFF',
      semi: 1,
      point: 'AFTER_SYNC',
      waits: 1,
      log: 1,
      strict: 1,
      sync: 1,
      flush: 1,
      bind: '127.0.0.1',
      engine: 'InnoDB',
      state: '',
      pos: '',
      zone: '+00:00',
      timeout: '18446744073709551615',
    });
    const process_ = readProcess(up.pid);
    if (isRoot) expect(process_?.uid).not.toBe(0);
    expect(await readPidFile(join(server.dataDir, '..', 'server.pid'))).toBe(up.pid);
    const stat_ = await readFile(`/proc/${up.pid}/stat`, 'utf8');
    const session = Number(stat_.slice(stat_.lastIndexOf(')') + 2).split(' ')[3]);
    expect(session).toBe(up.pid);
    expect((await stat(server.dataDir)).mode & 0o077).toBe(0);
  });

  it.runIf(isRoot)('runs as the owner of its directory where nobody else can come, and says so', async () => {
    const closed = join(directory, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const warnings: string[] = [];
    const server = new ManagedServer(
      { directory: join(closed, 'n1'), secret, ...SMALL },
      { ...tools, logger: { ...silentLogger, warn: (_, message) => void warnings.push(message) } },
    );
    servers.push(server);
    const { pid } = await server.start();
    expect(readProcess(pid)?.uid).toBe(0);
    expect(warnings).toContainEqual(expect.stringContaining('runs as the owner of the data'));
  });

  it('tells of its next start whether it ended in order', async () => {
    const server = manage();
    expect((await server.start()).crashed).toBe(false);
    await server.stop();
    expect((await server.start()).crashed).toBe(false);
    await server.kill('a test');
    expect((await server.start()).crashed).toBe(true);
    // Its end in order changes nothing about what the crash has left.
    await server.stop();
    expect((await server.start()).crashed).toBe(true);
    await server.settled();
    await server.stop();
    expect((await server.start()).crashed).toBe(false);
  });

  it('is adopted, with the same pid, by the next node on its directory, and watched by it', async () => {
    const first = manage();
    const up = await first.start();
    await first.release();
    expect(await isAlive(up.pid)).toBe(true);
    const second = manage({ directory: join(first.dataDir, '..') });
    const again = await second.start();
    expect(again).toEqual({ ...up, adopted: true, crashed: true });
    const restarted = new Promise<number>((resolve) => {
      second.up.on((next) => resolve(next.pid));
    });
    await killAndWait(up.pid);
    expect(await restarted).not.toBe(up.pid);
    expect(second.current?.adopted).toBe(false);
    expect(second.current?.port).toBe(up.port);
  });

  it('is found and adopted also when the node died before it could write the pid down', async () => {
    const first = manage();
    const up = await first.start();
    await first.release();
    await rm(join(first.dataDir, '..', 'server.pid'));
    const second = manage({ directory: join(first.dataDir, '..') });
    expect(await second.start()).toMatchObject({ pid: up.pid, adopted: true });
    expect(await readPidFile(join(first.dataDir, '..', 'server.pid'))).toBe(up.pid);
  });

  it('does not take another process with a recycled pid for its server, and leaves it alone', async () => {
    const server = manage();
    await server.start();
    await server.stop();
    const other = spawn('sleep', ['60']);
    const pid = other.pid ?? 0;
    try {
      const home = join(server.dataDir, '..');
      const state = JSON.parse(await readFile(join(home, 'server.json'), 'utf8'));
      const startedAt = readProcess(pid)?.startedAt;
      await writeFile(join(home, 'server.pid'), `${pid}\n`);
      await writeFile(join(home, 'server.json'), JSON.stringify({ ...state, process: { pid, startedAt } }));
      const up = await server.start();
      expect(up).toMatchObject({ adopted: false });
      expect(up.pid).not.toBe(pid);
      await server.stop();
      expect(await isAlive(pid)).toBe(true);
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('is restarted after kill -9, closed again, under a server id that it never had', async () => {
    const server = manage();
    const ids = [(await server.start()).serverId];
    const downs: string[] = [];
    server.down.on((down) => void downs.push(`${down.killedBy} ${down.expected}`));
    for (let round = 0; round < 2; round++) {
      const pid = server.current?.pid ?? 0;
      const up = new Promise<void>((resolve) => {
        const off = server.up.on((next) => {
          ids.push(next.serverId);
          off();
          resolve();
        });
      });
      await killAndWait(pid);
      await up;
    }
    expect(downs).toEqual(['SIGKILL false', 'SIGKILL false']);
    expect(new Set(ids).size).toBe(3);
    expect((await controlOf(server).status()).readOnly).toBe(true);
  });

  it('stops in order, and a fence kills at once and stays down', async () => {
    const server = manage();
    const { pid } = await server.start();
    expect(await server.stop()).toEqual({ killed: false });
    expect(await isAlive(pid)).toBe(false);
    const ends = async () => {
      const log = await readFile(join(server.dataDir, '..', 'server.log'), 'utf8');
      return log.match(/: Shutdown complete$/gm)?.length ?? 0;
    };
    expect(await ends()).toBe(1);
    await expect(readPidFile(join(server.dataDir, '..', 'server.pid'))).rejects.toThrow();
    const again = await server.start();
    await server.kill('a test');
    expect(await ends(), 'in order only once').toBe(1);
    expect(await isAlive(again.pid)).toBe(false);
    expect(server.current).toBeNull();
  });

  it('kills a server that does not stop in time', async () => {
    const server = manage();
    const { pid } = await server.start();
    await stopAndWait(pid);
    expect(await server.stop({ deadlineMs: 300 })).toEqual({ killed: true });
    expect(await isAlive(pid)).toBe(false);
  });

  it('says why a server cannot start, with its own words, and gives up', async () => {
    const server = manage({ extraArgs: ['--no-such-option=1'], startAttemptsMax: 2 });
    await expect(server.start()).rejects.toMatchObject({
      code: 'SERVER_START_FAILED',
      message: expect.stringContaining('no-such-option'),
    });
  });

  it('refuses a port that is taken, by name', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const port = (taken.address() as { port: number }).port;
    await expect(manage({ port }).start()).rejects.toMatchObject({ code: 'PORT_IN_USE', data: { port } });
    await new Promise((resolve) => taken.close(resolve));
  });

  it('refuses the data directory of another cluster', async () => {
    const first = manage();
    await first.start();
    await first.stop();
    const other = manage({ directory: join(first.dataDir, '..'), secret: Buffer.from('another') });
    await expect(other.start()).rejects.toMatchObject({ code: 'SERVER_LOGIN_REFUSED' });
  });

  it('is not reached by a Ctrl-C that ends its node, and adopted by the next', async () => {
    const home = join(directory, `n${++count}`);
    // A node in a process group of its own, as a shell makes one for what it runs.
    const node = spawn(process.execPath, [await writeScript(), tools.cacheDir, home, 'stay'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, SKEIN_SERVER: tools.binary.command },
    });
    const line = await new Promise<string>((resolve) =>
      node.stdout.once('data', (data) => resolve(String(data))),
    );
    const { up } = JSON.parse(line);
    const gone = new Promise((resolve) => node.once('exit', (_code, signal) => resolve(signal)));
    // Its group, as a terminal does it.
    expect(node.pid).toBeGreaterThan(1);
    process.kill(-(node.pid as number), 'SIGINT');
    expect(await gone).toBe('SIGINT');
    expect(await isAlive(up.pid)).toBe(true);
    expect(await manage({ directory: home }).start()).toMatchObject({ pid: up.pid, adopted: true });
  });
});

describe('accounts', () => {
  const DENIED = [1044, 1142, 1227, 1370, 1045, 1410, 1419, 1095];

  it('gives no client role a way around the log, the lock or the other accounts', async () => {
    const server = manage({ extraArgs: [ASYNC] });
    await server.start();
    const control = controlOf(server);
    await control.openAsPrimary({ serverId: 1_000_001 });
    await control.executeOnPrimary('CREATE DATABASE skein', []);
    await control.executeOnPrimary('CREATE TABLE skein.tokens (a INT PRIMARY KEY)', []);
    const never = [
      'SET GLOBAL read_only=0',
      'SET SESSION sql_log_bin=0',
      'SET SESSION server_id=1',
      'SET SESSION gtid_domain_id=1',
      'SET SESSION gtid_seq_no=1',
      'SET SESSION binlog_format=STATEMENT',
      'SET SESSION enforce_storage_engine=NULL',
      'SET GLOBAL rpl_semi_sync_master_enabled=0',
      'RESET MASTER',
      'STOP SLAVE',
      'FLUSH TABLES',
      'FLUSH PRIVILEGES',
      'SHUTDOWN',
      'PURGE BINARY LOGS BEFORE NOW()',
      "BINLOG ''",
      'CREATE USER x',
      'CREATE ROLE r',
      "ALTER USER skein@localhost IDENTIFIED BY 'x'",
      "SET PASSWORD FOR skein@localhost = PASSWORD('x')",
      'DROP USER skein@localhost',
      'GRANT SELECT ON app.* TO skein_read@localhost',
      'SELECT * FROM mysql.global_priv',
      'SELECT * FROM mysql.user',
      'UPDATE mysql.global_priv SET Priv=1',
      'CREATE TABLE mysql.x (a INT)',
      'DROP DATABASE mysql',
      'DROP DATABASE skein',
      'INSERT INTO skein.tokens VALUES (1)',
      'CREATE TABLE skein.x (a INT)',
      "SELECT 1 INTO OUTFILE '/tmp/skein-must-not-exist'",
      "INSTALL SONAME 'ha_blackhole'",
      'CREATE DEFINER=skein@localhost VIEW app.v AS SELECT 1',
    ];
    await sql(server, 'skein', ['CREATE DATABASE app']);
    for (const role of ['skein_read', 'skein_write', 'skein_admin'] as const) {
      const { errors } = await sql(server, role, never);
      const allowed = never.filter((_, index) => !DENIED.includes(errors[index] ?? 0));
      expect(allowed, role).toEqual([]);
    }
    expect((await sql(server, 'skein_read', ['SELECT * FROM skein.tokens'])).errors).toEqual([1142]);
    expect((await sql(server, 'skein_write', ['SELECT * FROM skein.tokens'])).errors).toEqual([1142]);
    expect((await sql(server, 'skein_admin', ['SELECT * FROM skein.tokens'])).errors).toEqual([null]);
    // The session of control that everything hangs on cannot be killed either.
    const { rows } = await sql(server, 'skein', [
      "SELECT id FROM information_schema.processlist WHERE user='skein'",
    ]);
    for (const role of ['skein_read', 'skein_write', 'skein_admin'] as const)
      expect((await sql(server, role, [`KILL ${rows[0]?.id}`])).errors, role).not.toEqual([null]);
    control.close();
  });

  it('lets write do all that an application does, on any schema of its own, and read only look', async () => {
    const server = manage({ extraArgs: [ASYNC] });
    await server.start();
    const control = controlOf(server);
    await control.openAsPrimary({ serverId: 1_000_001 });
    const work = [
      'CREATE DATABASE `my app`',
      'USE `my app`',
      'CREATE TABLE t (a INT PRIMARY KEY AUTO_INCREMENT, b INT)',
      'CREATE TABLE c (a INT PRIMARY KEY, FOREIGN KEY (a) REFERENCES t (a))',
      'INSERT INTO t (b) VALUES (1), (2)',
      'UPDATE t SET b=b+1',
      'DELETE FROM t WHERE a=2',
      'CREATE VIEW v AS SELECT * FROM t',
      'CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.b=7',
      'CREATE PROCEDURE p() INSERT INTO t (b) VALUES (9)',
      'CREATE FUNCTION f() RETURNS INT RETURN (SELECT COUNT(*) FROM t)',
      'CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS NOW() + INTERVAL 1 DAY DO DELETE FROM t',
      'CALL p()',
      'ALTER TABLE t ADD COLUMN d TEXT, ADD INDEX (b)',
      'CREATE TEMPORARY TABLE tt AS SELECT * FROM t',
      'LOCK TABLES t WRITE',
      'UNLOCK TABLES',
      'CREATE SEQUENCE s',
      'SELECT NEXTVAL(s)',
      'ANALYZE TABLE t',
      'RENAME TABLE c TO c2',
      'TRUNCATE TABLE c2',
      'DROP TABLE c2',
      'SELECT f() AS n',
    ];
    for (const role of ['skein_write', 'skein_admin'] as const) {
      const { errors, rows } = await sql(server, role, work);
      expect(
        work.filter((_, index) => errors[index] !== null),
        role,
      ).toEqual([]);
      expect(Number(rows[0]?.n)).toBe(2);
      // As every session of a read token: the account may execute functions, the transaction lets nothing write.
      const read = [
        'START TRANSACTION READ ONLY',
        'SELECT * FROM `my app`.t',
        'SELECT * FROM `my app`.v',
        'SHOW CREATE VIEW `my app`.v',
        'INSERT INTO `my app`.t (b) VALUES (1)',
        'CALL `my app`.p()',
        'SELECT `my app`.f()',
        'CREATE TEMPORARY TABLE `my app`.z (a INT)',
      ];
      expect((await sql(server, 'skein_read', read)).errors).toEqual([
        null,
        null,
        null,
        null,
        1142,
        1792,
        null,
        1792,
      ]);
      await sql(server, role, ['DROP DATABASE `my app`']);
    }
    // MyISAM would be changed before the log is: refused by name (rule H10).
    expect(
      (await sql(server, 'skein_write', ['CREATE DATABASE m', 'CREATE TABLE m.t (a INT) ENGINE=MyISAM']))
        .errors,
    ).toEqual([null, 1290]);
    control.close();
  });

  it('lets nobody in by TCP or without a password but the one account that is meant to', async () => {
    const server = manage();
    const { port, socketPath } = await server.start();
    const tcp = { host: '127.0.0.1', port };
    const login = async (options: object) => await (await createConnection(options)).end();
    await login({ ...tcp, user: 'app', password: accountPassword(secret, 'app') });
    for (const user of ['skein', 'skein_repl', 'skein_read', 'skein_write', 'skein_admin'] as const)
      await expect(login({ ...tcp, user, password: accountPassword(secret, user) }), user).rejects.toThrow();
    for (const user of ['root', '', 'mariadb.sys', 'app', 'skein', 'mysql', 'nobody'])
      for (const where of [tcp, { socketPath }])
        await expect(login({ ...where, user, password: '' }), user).rejects.toThrow();
  });

  it('lets a role of a replica leave nothing in its log, and repairs an account that locked itself out', async () => {
    const server = manage({ extraArgs: [ASYNC] });
    await server.start();
    const control = controlOf(server);
    // Nobody listens there; the role of the server is what counts.
    await control.followEndpoint({ host: '127.0.0.1', port: 9, user: 'u', password: 'p', workers: 8 });
    for (const role of ['skein_read', 'skein_write', 'skein_admin'] as const) {
      const { errors } = await sql(server, role, [
        'ANALYZE TABLE nosuch.t',
        'REPAIR TABLE nosuch.t',
        'OPTIMIZE TABLE nosuch.t',
        'CREATE DATABASE x',
        'INSERT INTO nosuch.t VALUES (1)',
        "SET PASSWORD = PASSWORD('x')",
        'DROP TEMPORARY TABLE IF EXISTS nosuch.t',
      ]);
      expect(errors.slice(3, 6), role).toEqual([1290, 1290, 1290]);
      expect((await control.status()).gtidBinlogPos, role).toBe('');
    }
    await control.openAsPrimary({ serverId: 1_000_001 });
    expect((await sql(server, 'skein_write', ["SET PASSWORD = PASSWORD('x')"])).errors).toEqual([null]);
    await expect(sql(server, 'skein_write', ['SELECT 1'])).rejects.toThrow();
    const before = (await control.status()).gtidBinlogPos;
    expect(await control.repairLogins()).toEqual(["'skein_write'@'localhost'"]);
    const { errors } = await sql(server, 'skein_write', [
      'CREATE DATABASE x',
      'CREATE TABLE x.t (a INT)',
      'INSERT INTO x.t VALUES (1)',
    ]);
    expect(errors).toEqual([null, null, null]);
    expect(before).toBe('0-1000001-1');
    expect((await control.status()).gtidBinlogPos).toBe('0-1000001-4');
    control.close();
  });
});

describe('control', () => {
  it('opens with all older sessions gone, and writes under the id of the epoch', async () => {
    const server = manage({ extraArgs: [ASYNC] });
    await server.start();
    const control = controlOf(server);
    const old = await createConnection({
      socketPath: server.current?.socketPath ?? '',
      user: 'skein_write',
      password: accountPassword(secret, 'skein_write'),
    });
    old.on('error', () => {});
    // A dump that is being dialled: it writes nothing, and must not be killed half-way.
    const dialling = await createConnection({
      socketPath: server.current?.socketPath ?? '',
      user: 'skein_repl',
      password: accountPassword(secret, 'skein_repl'),
    });
    await control.openAsPrimary({ serverId: 1_000_007 });
    await expect(old.query('SELECT 1')).rejects.toThrow();
    await dialling.query('SELECT 1');
    dialling.destroy();
    await control.executeOnPrimary('CREATE DATABASE a', []);
    const status = await control.status();
    expect(status).toMatchObject({ gtidBinlogPos: '0-1000007-1', readOnly: false, serverId: 1_000_007 });
    await control.closeForWrites();
    expect((await control.status()).readOnly).toBe(true);
    control.close();
  });

  it('refuses to open or close while a commit waits, which it does forever', async () => {
    const server = manage();
    await server.start();
    const control = controlOf(server);
    await control.openAsPrimary({ serverId: 1_000_001 });
    const waiting = sql(server, 'skein_write', ['CREATE DATABASE a']).catch(() => 'cut');
    await until('the commit waits', async () => (await control.status()).semiSync.waitSessions === 1);
    await expect(control.closeForWrites()).rejects.toMatchObject({ code: 'COMMITS_WAITING' });
    await expect(control.openAsPrimary({ serverId: 1_000_002 })).rejects.toMatchObject({
      code: 'COMMITS_WAITING',
    });
    // The largest time-out is not taken for none.
    await throughout('it waits', 2_000, async () => {
      const { enabled, waitSessions, noTx } = (await control.status()).semiSync;
      return enabled && waitSessions === 1 && noTx === 0;
    });
    control.close();
    await server.kill('C1');
    const { errors } = (await waiting) as { errors: (number | null)[] };
    expect(errors[0]).not.toBeNull();
  });
});

describe('obtaining a server', () => {
  it('fetches one without root into an empty cache, twice at once, and starts it', async () => {
    const empty = join(directory, 'cache');
    const home = join(directory, 'ordinary');
    for (const path of [empty, home]) {
      await mkdir(path);
      if (isRoot) await chown(path, 65534, 65534);
    }
    const script = await writeScript();
    // Not possible where the clone itself is closed to others: then as ourselves.
    const other = isRoot && (await canReach({ uid: 65534, gid: 65534, name: '', switched: true }, BUILT));
    const options = {
      env: { ...process.env, SKEIN_SERVER: 'obtain', HOME: '/nonexistent' },
      ...(other ? { uid: 65534, gid: 65534 } : {}),
      cwd: home,
    };
    const runs = await Promise.all(
      ['a', 'b'].map((name) => execute(process.execPath, [script, empty, join(home, name)], options)),
    );
    const answers = runs.map(({ stdout }) => JSON.parse(stdout));
    for (const answer of answers) {
      expect(answer.origin).toBe('obtained');
      expect(answer.up.version).toContain('MariaDB');
      if (other) expect(answer.uid).toBe(65534);
    }
    // One of the two fetched; the other waited for it.
    expect(answers.filter(({ texts }) => texts.length > 0)).toHaveLength(1);
    const entries = await readdir(join(empty, 'servers'));
    expect(entries).toHaveLength(1);
    expect(await readdir(join(empty, 'servers', entries[0] ?? ''))).toEqual(['bin', 'root']);
  });

  it('uses exactly the server that was named, and says what is wrong with one that is none', async () => {
    const named = await obtainServer({ ...tools, server: tools.binary.command }, { logger: silentLogger });
    expect(named).toMatchObject({ origin: 'named', flavour: 'mariadb', version: tools.binary.version });
    for (const server of ['/bin/true', '/nonexistent/mariadbd'])
      await expect(obtainServer({ ...tools, server }, { logger: silentLogger })).rejects.toMatchObject({
        code: 'SERVER_UNUSABLE',
      });
  });
});
