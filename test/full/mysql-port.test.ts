import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection as createCallbackConnection } from 'mysql2';
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { packet } from '../../src/mysql-protocol/packets.js';
import { hasOpenssl } from '../kit/certificates.js';
import { checksumAtRest, waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { mariadbClient } from '../kit/mariadb-client.js';
import { memoryOf } from '../kit/processes.js';
import { openSql, rowsOf, run, scalarOf } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { throughout, until } from '../kit/until.js';

/** Real clients through the MySQL ports of a real cluster. */

const CONNECTIONS_MAX = 210;
const OPEN_WAIT_MS = 1_500;
/** Shorter than the server's own 10 s, so that it can be told who cuts. */
const LOGIN_MS = 3_000;
const DATABASE = 'ports';

let cluster: TestCluster;
let files: string;
let client: string;
let primary: Ports;
let replica: Ports;
const opened: Connection[] = [];
showLogsOnFailure(() => cluster);

interface Ports {
  node: TestNode;
  rw: number;
  ro: number;
}

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), 'skein-ports-'));
  await chmod(files, 0o755);
  const serverArgs = hasOpenssl ? await certificate() : [];
  cluster = await TestCluster.start({
    replicas: 1,
    settings: {
      mysqlConnectionsMax: CONNECTIONS_MAX,
      primaryWaitMs: OPEN_WAIT_MS,
      mysqlLoginMs: LOGIN_MS,
      serverArgs,
    },
  });
  const { members } = await cluster.primary.cluster();
  const portsOf = (node: TestNode): Ports => {
    const member = members.find(({ name }) => name === node.name);
    const port = (address: string | null | undefined) => Number(address?.split(':')[1]);
    return { node, rw: port(member?.mysqlRw), ro: port(member?.mysqlRo) };
  };
  primary = portsOf(cluster.primary);
  replica = portsOf(cluster.node('n2'));
  client = await mariadbClient();
  await cluster.primary.sql(`CREATE DATABASE ${DATABASE}`);
  await cluster.primary.sql(
    `CREATE TABLE ${DATABASE}.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(60), b LONGBLOB)`,
  );
});

afterEach(() => {
  for (const connection of opened.splice(0)) connection.destroy();
});

afterAll(async () => {
  await cluster?.dispose();
  await rm(files, { recursive: true, force: true });
});

/** For the server's TLS; readable for whoever the server runs as. */
async function certificate(): Promise<string[]> {
  const [key, cert] = [join(files, 'key.pem'), join(files, 'cert.pem')];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=skein-test'];
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  await chmod(key, 0o644);
  return [`--ssl-cert=${cert}`, `--ssl-key=${key}`];
}

/** mysql2 as `app`. */
async function open(port: number, options: ConnectionOptions = {}): Promise<Connection> {
  const connection = await openSql({
    host: '127.0.0.1',
    port,
    user: 'app',
    password: cluster.primary.password('app'),
    database: DATABASE,
    ...options,
  });
  connection.on('error', () => {});
  opened.push(connection);
  return connection;
}

interface CliResult {
  code: number;
  out: string;
  err: string;
}

/** The `mariadb` command with the option file of the demo. */
function cli(port: number, sql: string, more: string[] = []): Promise<CliResult> {
  const args = [
    `--defaults-file=${join(cluster.directory, 'mysql.cnf')}`,
    ...['-P', String(port), '-N', ...more, '-e', sql],
  ];
  return new Promise((resolve) => {
    execFile(client, args, { timeout: 30_000, maxBuffer: 64 * 2 ** 20 }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out: out.trim(), err }),
    );
  });
}

async function cliOk(port: number, sql: string, more: string[] = []): Promise<string> {
  const { code, out, err } = await cli(port, sql, more);
  expect(err).toBe('');
  expect(code).toBe(0);
  return out;
}

/** errno, message and milliseconds of a connect that has to fail. */
async function refusal(port: number): Promise<{ errno: number; message: string; ms: number }> {
  const started = performance.now();
  const error = (await open(port, { connectTimeout: 60_000 }).then(
    () => new Error('it was let in'),
    (reason: unknown) => reason,
  )) as Error & { errno?: number };
  return { errno: error.errno ?? 0, message: error.message, ms: performance.now() - started };
}

/** Sessions of `app` on a node's server. */
async function sessions(node: TestNode, where = '1=1'): Promise<number> {
  const sql = await node.connect();
  try {
    const count = await scalarOf(
      sql,
      `SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND ${where}`,
    );
    return Number(count);
  } finally {
    sql.destroy();
  }
}

const readableOn = (port: number, id: number) =>
  until(`row ${id} can be read through port ${port}`, async () => {
    const reader = await open(port);
    const [row] = await rowsOf(reader, 'SELECT v FROM t WHERE id = ?', [id]);
    return row ? String(row.v) : null;
  });

describe('clients', () => {
  it('the mariadb client, by mysql.cnf: a write through any read-write port lands on the primary', async () => {
    expect((await stat(join(cluster.directory, 'mysql.cnf'))).mode & 0o777).toBe(0o600);
    for (const { node, rw } of [primary, replica]) {
      const out = await cliOk(
        rw,
        `INSERT INTO ${DATABASE}.t (v) VALUES ('${node.name}'); SELECT LAST_INSERT_ID(), @@read_only, @@server_id < 2000000`,
      );
      const [id = '', readOnly, isEpochId] = out.split('\t');
      expect([readOnly, isEpochId]).toEqual(['0', '1']);
      for (const { ro } of [primary, replica]) expect(await readableOn(ro, Number(id))).toBe(node.name);
    }
    // Without -P too: the file names the first node's read-write port.
    expect(await readFile(join(cluster.directory, 'mysql.cnf'), 'utf8')).toContain(`port=${primary.rw}\n`);
  });

  it.each([
    ['through the primary', () => primary.rw, {} as ConnectionOptions],
    ['through a replica', () => replica.rw, {}],
    ['compressed', () => replica.rw, { compress: true } as ConnectionOptions],
  ])(
    'mysql2, %s: prepared statements, transactions, 20 MB packets both ways',
    async (_name, port, options) => {
      const sql = await open(port(), options);
      await sql.beginTransaction();
      await sql.execute('INSERT INTO t (v) VALUES (?)', ['rolled back']);
      await sql.rollback();
      // What cannot be compressed takes seconds to compress.
      const blob = options.compress
        ? Buffer.alloc(20 * 2 ** 20, randomBytes(999))
        : randomBytes(20 * 2 ** 20);
      const [{ insertId }] = (await sql.execute('INSERT INTO t (v, b) VALUES (?, ?)', ['big', blob])) as [
        { insertId: number },
        unknown,
      ];
      const [rows] = await sql.execute('SELECT b, MD5(b) AS md5 FROM t WHERE id = ?', [insertId]);
      const [row] = rows as Array<{ b: Buffer; md5: string }>;
      expect(row?.b.equals(blob)).toBe(true);
      expect(row?.md5).toBe(createHash('md5').update(blob).digest('hex'));
      expect(await scalarOf(sql, "SELECT COUNT(*) FROM t WHERE v = 'rolled back'")).toBe('0');
    },
  );

  it('LOAD DATA LOCAL of 3 MB, plain and compressed', async () => {
    const file = join(files, 'rows.tsv');
    const line = 'x'.repeat(50);
    await writeFile(file, Array.from({ length: 60_000 }, (_, i) => `${i}\t${line}\n`).join(''));
    for (const more of [[], ['--compress']]) {
      const table = `load${more.length}`;
      const out = await cliOk(
        replica.rw,
        `CREATE TABLE ${table} (id INT PRIMARY KEY, v VARCHAR(60));
         LOAD DATA LOCAL INFILE '${file}' INTO TABLE ${table}; SELECT COUNT(*), SUM(LENGTH(v)) FROM ${table}`,
        [...more, '--local-infile=1', '-D', DATABASE],
      );
      expect(out).toBe(`60000\t${60_000 * line.length}`);
    }
  });

  it('mariadb-dump through both ports of a replica, restored through its read-write port: checksums equal', async () => {
    const [source, restored] = ['dumped', 'restored'];
    await cliOk(
      replica.rw,
      `CREATE DATABASE ${source}; CREATE DATABASE ${restored}; USE ${source};
       CREATE TABLE p (id INT PRIMARY KEY, at TIMESTAMP(6) DEFAULT '2024-02-29 12:00:00.5', n DECIMAL(20,6), b BLOB);
       CREATE TABLE c (id INT AUTO_INCREMENT PRIMARY KEY, p INT, t TEXT CHARACTER SET utf8mb4, FOREIGN KEY (p) REFERENCES p (id));
       INSERT INTO p (id, n, b) SELECT seq, seq / 7, UNHEX(SHA2(seq, 512)) FROM seq_1_to_3000;
       INSERT INTO c (p, t) SELECT seq, CONCAT('it''s \\\\ \n', CHAR(0x1F600 USING utf32)) FROM seq_1_to_3000;
       CREATE VIEW v AS SELECT c.id, p.n FROM c JOIN p ON c.p = p.id`,
    );
    await waitApplied(cluster.primary, [replica.node]);
    const sums = (schema: string) =>
      cliOk(primary.rw, 'CHECKSUM TABLE p, c; SELECT COUNT(*), SUM(n) FROM v', ['-D', schema]).then((text) =>
        text.replaceAll(`${schema}.`, ''),
      );
    const original = await sums(source);
    for (const port of [replica.ro, replica.rw]) {
      const dump = await promisify(execFile)(
        `${client}-dump`,
        [
          `--defaults-file=${join(cluster.directory, 'mysql.cnf')}`,
          ...['-P', String(port), '--single-transaction', '--hex-blob', source],
        ],
        { maxBuffer: 64 * 2 ** 20 },
      );
      const file = join(files, 'dump.sql');
      await writeFile(file, dump.stdout);
      await cliOk(replica.rw, `source ${file}`, ['-D', restored]);
      expect(await sums(restored)).toBe(original);
    }
    await checksumAtRest(cluster.primary, [replica.node], { schemas: [source, restored] });
  });

  it.skipIf(!hasOpenssl)('TLS goes through untouched: the server itself answers it', async () => {
    const asked = await readFile(join(files, 'cert.pem'), 'utf8');
    for (const port of [primary.rw, replica.rw, replica.ro]) {
      const sql = await open(port, { ssl: { ca: asked, checkServerIdentity: () => undefined } as object });
      const [row] = await rowsOf(sql, "SHOW SESSION STATUS LIKE 'Ssl_cipher'");
      expect(String(row?.Value)).toMatch(/^TLS_|AES|CHACHA/);
      await sql.end();
    }
  });

  it.skipIf(!hasOpenssl)('under TLS too, who logs in stays, and who does not is cut', async () => {
    for (const port of [primary.rw, replica.rw, replica.ro]) {
      const sql = await open(port, { ssl: { rejectUnauthorized: false } });
      const started = performance.now();
      const silent = connectTcp(port, '127.0.0.1');
      await once(silent, 'data');
      // The request for TLS, and then nothing.
      silent.write(packet(1, Buffer.from([0x05, 0xaa, 0, 0, ...new Array(28).fill(0)])));
      silent.resume();
      await once(silent, 'close');
      const ms = performance.now() - started;
      expect(ms, 'by the port, not by the server after 10 s').toBeLessThan(9_000);
      expect(ms).toBeGreaterThan(LOGIN_MS - 100);
      expect(await scalarOf(sql, 'SELECT 1')).toBe('1');
    }
  });
});

describe('read-only ports', () => {
  it('a write on a replica is refused by the server for read_only, and leaves no trace in its log', async () => {
    const sql = await open(replica.ro);
    expect(await scalarOf(sql, 'SELECT @@read_only')).toBe('1');
    for (const write of [
      "INSERT INTO t (v) VALUES ('x')",
      'CREATE TABLE u (i INT)',
      'DELETE FROM t',
      'DROP TABLE t',
      'START TRANSACTION READ WRITE',
    ]) {
      await expect(run(sql, write), write).rejects.toMatchObject({ errno: 1290 });
    }
    await expect(run(sql, 'ANALYZE TABLE nosuch')).rejects.toMatchObject({ errno: 1142 });
    await expect(run(sql, 'DROP TEMPORARY TABLE IF EXISTS nosuch')).rejects.toMatchObject({ errno: 1792 });
    const control = await replica.node.connect();
    opened.push(control);
    const foreign = await scalarOf(control, 'SELECT @@global.gtid_binlog_pos');
    expect(foreign).toMatch(/^0-1000\d+-\d+$/);
  });

  it('on the primary the same account may only read, whatever it does to become another one', async () => {
    const sql = await open(primary.ro);
    expect(await scalarOf(sql, 'SELECT @@read_only')).toBe('0');
    expect(await scalarOf(sql, 'SELECT COUNT(*) >= 0 FROM t')).toBe('1');
    const refused = async () => {
      await expect(run(sql, "INSERT INTO t (v) VALUES ('x')")).rejects.toMatchObject({ errno: 1142 });
      await expect(run(sql, 'UPDATE t SET v = 1')).rejects.toMatchObject({ errno: 1142 });
      await expect(run(sql, 'CREATE DATABASE more')).rejects.toMatchObject({ errno });
    };
    let errno = 1792;
    await refused();
    await sql.changeUser({ user: 'app', password: cluster.primary.password('app'), database: DATABASE });
    await refused();
    await run(sql, 'SET SESSION TRANSACTION READ WRITE');
    errno = 1044;
    await refused();
  });
});

describe('many, slow and vanishing clients', () => {
  it('200 connections are held open and all work; one over the limit hears 1040', async () => {
    const pool: Connection[] = [];
    await until('nobody else is there', async () => (await sessions(primary.node)) === 0);
    for (let i = 0; i < 200; i += 50) {
      pool.push(...(await Promise.all(Array.from({ length: 50 }, () => open(primary.rw)))));
    }
    const ids = await Promise.all(pool.map((sql) => scalarOf(sql, 'SELECT CONNECTION_ID()')));
    expect(new Set(ids).size).toBe(200);
    // Those that came through the replica count on the primary's port too.
    await Promise.all(Array.from({ length: CONNECTIONS_MAX - 200 }, () => open(replica.rw)));
    for (const port of [primary.rw, replica.rw]) {
      expect(await refusal(port)).toMatchObject({
        errno: 1040,
        message: expect.stringContaining('Too many connections'),
      });
    }
    const { code, err } = await cli(primary.rw, 'SELECT 1');
    expect(code).toBe(1);
    expect(err).toMatch(/^ERROR .*1040.*Too many connections/);
    await Promise.all(pool.map((sql) => sql.end()));
    await until('there is room again', async () => (await open(primary.rw)) !== null);
  });

  it('a client that vanishes in mid-query leaves no session behind', async () => {
    for (const { rw } of [primary, replica]) {
      const sql = await open(rw);
      sql.query('SELECT SLEEP(5), "vanishing"').catch(() => {});
      await until(
        'it runs',
        async () =>
          (await sessions(primary.node, "info LIKE '%vanishing%' AND info NOT LIKE '%info%'")) === 1,
      );
      sql.destroy();
      await until('its session is gone', async () => (await sessions(primary.node)) === 0, {
        deadlineMs: 30_000,
      });
    }
  });

  it('a client that does not read holds back the server, not the memory of the node', async () => {
    const nodePids = await Promise.all([primary.node.pid('node'), replica.node.pid('node')]);
    const rss = async () => (await Promise.all(nodePids.map(memoryOf))).map(({ rssBytes }) => rssBytes);
    const before = await rss();
    const lazy = createCallbackConnection({
      host: '127.0.0.1',
      port: replica.rw,
      user: 'app',
      password: cluster.primary.password('app'),
    });
    lazy.on('error', () => {});
    await once(lazy, 'connect');
    const rows = lazy.query("SELECT REPEAT('x', 1048576) FROM seq_1_to_300").stream();
    rows.on('error', () => {});
    const { stream } = lazy as unknown as { stream: NodeJS.ReadableStream };
    stream.once('data', () => stream.pause());
    // 300 MiB wait to be read; on any machine some of them would have come within this time.
    await throughout('no node’s memory grows by 60 MiB', 1_500, async () => {
      const grown = (await rss()).map((now, at) => now - (before[at] ?? 0));
      return Math.max(...grown) < 60 * 2 ** 20;
    });
    lazy.destroy();
    await until('its session is gone', async () => (await sessions(primary.node)) === 0);
  });

  it('what is no MySQL client is cut off and harms nobody', async () => {
    const socket = connectTcp(primary.rw, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    expect(await cliOk(primary.rw, 'SELECT 1')).toBe('1');
  });
});

/** Of a commit that waits: see attack-mysql-port.test.ts. */
describe('KILL', () => {
  it('of a query goes through, in every form that names it', async () => {
    const [victim, killer] = [await open(replica.rw), await open(primary.rw)];
    const id = await scalarOf(victim, 'SELECT CONNECTION_ID()');
    for (const kill of [`KILL QUERY ${id}`, `/* by hand */ kill soft connection ${id};`]) {
      const slept = victim.query('SELECT SLEEP(60), "victim"').catch((error: unknown) => error);
      await until(
        'it runs',
        async () => (await sessions(primary.node, "info LIKE 'SELECT SLEEP(60)%'")) === 1,
      );
      await run(killer, kill);
      const started = performance.now();
      await slept;
      expect(performance.now() - started).toBeLessThan(30_000);
    }
    await expect(run(victim, 'SELECT 1')).rejects.toThrow();
    await expect(run(killer, 'KILL 4000000')).rejects.toMatchObject({ errno: 1094 });
    await expect(killer.prepare('KILL ?')).rejects.toMatchObject({ errno: 1095 });
    expect(await scalarOf(killer, 'SELECT 1'), 'the connection is in step').toBe('1');
    const reader = await open(primary.ro);
    const id2 = await scalarOf(killer, 'SELECT CONNECTION_ID()');
    await expect(run(reader, `KILL ${id2}`), 'a reader is no owner').rejects.toMatchObject({ errno: 1095 });
  });
});

describe('when the primary goes', () => {
  it('a killed server closes the connections; who comes meanwhile waits, and goes on when another one is open', async () => {
    const lost: unknown[] = [];
    for (const { rw } of [primary, replica]) {
      const sql = await open(rw);
      lost.push(sql.query('SELECT SLEEP(20)').catch((error: unknown) => error));
    }
    const idle = await open(primary.ro);
    const gone = once(idle as unknown as NodeJS.EventEmitter, 'end').catch(() => {});
    await primary.node.kill('server');
    for (const error of await Promise.all(lost)) {
      expect(error).toMatchObject({ code: expect.stringMatching(/PROTOCOL_CONNECTION_LOST|ECONNRESET/) });
    }
    await gone;
    await until('a new client gets through again', async () => {
      const sql = await open(replica.rw);
      return scalarOf(sql, 'SELECT 1');
    });
    await primary.node.untilReady(60_000);
    await cluster.makePrimary('n1');
  });

  it('without an open primary a client is told so, in bounded time', async () => {
    await replica.node.freeze('node');
    try {
      await until('the primary serves nobody', async () => !(await primary.node.isReady()));
      for (const port of [primary.rw, primary.ro]) {
        const { errno, message, ms } = await refusal(port);
        expect(errno).toBe(1053);
        expect(message).toContain('This primary serves nobody now');
        expect(ms).toBeGreaterThan(OPEN_WAIT_MS - 100);
        expect(ms).toBeLessThan(OPEN_WAIT_MS + 20_000);
      }
      const { code, err } = await cli(primary.rw, 'SELECT 1');
      expect(code).toBe(1);
      expect(err).toMatch(
        /^ERROR .*1053.*read-write port has no server to go to: This primary serves nobody/,
      );
    } finally {
      await replica.node.unfreeze('node');
    }
    await cluster.primary.untilReady();
  });

  it('a primary whose node stands still: the replica’s port says so in bounded time', async () => {
    await primary.node.freeze('node');
    try {
      const { errno, message, ms } = await refusal(replica.rw);
      expect(errno).toBe(1053);
      expect(message).toMatch(/knows of no primary now|did not greet/);
      expect(ms).toBeLessThan(2 * OPEN_WAIT_MS + 20_000);
    } finally {
      await primary.node.unfreeze('node');
    }
    await cluster.primary.untilReady();
    await until('the replica leads to it again', async () => (await cliOk(replica.rw, 'SELECT 1')) === '1');
  });
});
