/** Dumps: of a node, back into the cluster; of a server elsewhere, with its DEFINERs; by mariadb-dump through the ports. */
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitApplied } from '../kit/checksum.js';
import { skein } from '../kit/cli.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { LoneServer } from '../kit/lone-server.js';
import { mariadbClient } from '../kit/mariadb-client.js';
import { openSql, rowsOf, run, type SqlNode, scalarOf, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

let cluster: TestCluster;
let files: string;
let client: string;
let ports: { rw: number; ro: number; replicaRo: number };
showLogsOnFailure(() => cluster);

/** Made by a superuser, so that it may name any DEFINER. */
const ELSEWHERE: readonly string[] = [
  "CREATE USER 'root'@'localhost', 'nobody'@'%'",
  "GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost', 'nobody'@'%'",
  'CREATE DATABASE `my shop`',
  'USE `my shop`',
  `CREATE TABLE kinds (id INT PRIMARY KEY AUTO_INCREMENT, i BIGINT UNSIGNED, d DECIMAL(30,10), f DOUBLE, s VARCHAR(200),
    l VARCHAR(20) CHARACTER SET latin1, b LONGBLOB, bits BIT(12), e ENUM('a','it''s'), st SET('x','y'), j JSON, dt DATETIME(6),
    ts TIMESTAMP(3) NULL, y YEAR, t TIME(2), g GEOMETRY, u UUID, n INET6, gen INT AS (y + 2) VIRTUAL, p INT AS (y * 3) PERSISTENT,
    KEY (s), KEY (i)) COMMENT = 'it''s; a "table"'`,
  `INSERT INTO kinds (i, d, f, s, l, b, bits, e, st, j, dt, ts, y, t, g, u, n) VALUES
    (18446744073709551615, 12345678901234567890.0123456789, 1e300, 'ünïcödé 🦢; \\\\ '' " \\n line', 'größe', x'00ff27225c0a3b', b'101010101010',
     'it''s', 'x,y', '{"a": [1, "DEFINER=x"]}', '9999-12-31 23:59:59.999999', '2026-01-31 12:00:00.123', 2026, '-838:59:58.99',
     ST_GeomFromText('POINT(1 2)'), '123e4567-e89b-12d3-a456-426614174000', '2001:db8::1'), (NULL, NULL, NULL, '', '', '', NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
  'CREATE TABLE parts (id INT PRIMARY KEY, k INT) PARTITION BY HASH (id) PARTITIONS 3',
  'CREATE TABLE child (id INT PRIMARY KEY, k INT, FOREIGN KEY (k) REFERENCES kinds (id))',
  'INSERT INTO parts VALUES (1, 1), (2, 2)',
  'INSERT INTO child VALUES (1, 2)',
  'CREATE SEQUENCE numbers START WITH 5',
  "CREATE DEFINER = 'root'@'localhost' SQL SECURITY DEFINER VIEW seen AS SELECT id, s FROM kinds",
  "CREATE DEFINER = 'root'@'localhost' SQL SECURITY INVOKER VIEW again AS SELECT * FROM seen",
  `CREATE DEFINER = 'nobody'@'%' TRIGGER counted BEFORE INSERT ON parts FOR EACH ROW
    BEGIN -- a comment; here
      SET NEW.k = NEW.k + 0; SET @note = 'DEFINER=x;'; END`,
  "CREATE DEFINER = 'root'@'localhost' PROCEDURE fill(n INT) BEGIN DECLARE i INT DEFAULT 0; SELECT n; END",
  "CREATE DEFINER = 'root'@'localhost' FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
  "CREATE DEFINER = 'root'@'localhost' EVENT on_it ON SCHEDULE EVERY 1 YEAR STARTS '2020-01-01' DO SET @x = 1",
  "CREATE DEFINER = 'root'@'localhost' EVENT off_it ON SCHEDULE EVERY 1 YEAR STARTS '2020-01-01' DISABLE DO SET @x = 1",
];
const OBJECTS: readonly (readonly [string, string])[] = [
  ['TABLE', 'kinds'],
  ['TABLE', 'parts'],
  ['TABLE', 'child'],
  ['SEQUENCE', 'numbers'],
  ['VIEW', 'seen'],
  ['VIEW', 'again'],
  ['TRIGGER', 'counted'],
  ['PROCEDURE', 'fill'],
  ['FUNCTION', 'twice'],
  ['EVENT', 'on_it'],
  ['EVENT', 'off_it'],
];

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), 'skein-backup-'));
  client = await mariadbClient();
  cluster = await TestCluster.start({ replicas: 1 });
  const { members } = await cluster.primary.cluster();
  const port = (address: string | null | undefined) => Number(address?.split(':')[1]);
  const [primary, replica] = members;
  ports = { rw: port(primary?.mysqlRw), ro: port(primary?.mysqlRo), replicaRo: port(replica?.mysqlRo) };
  await dumpOfElsewhere();
});

afterAll(async () => {
  await cluster?.dispose();
  await rm(files, { recursive: true, force: true });
});

let there: Record<string, string> = {};
const dumpFile = () => join(files, 'elsewhere.sql');

/** A server that knows nothing of a cluster, dumped as its owner would do it, accounts included. */
async function dumpOfElsewhere(): Promise<void> {
  const lone = await LoneServer.start();
  try {
    await lone.unlogged(...ELSEWHERE);
    there = await withSql(lone, (connection) => contentOf(connection, 'my shop'));
    const socket = (await scalarOf(await lone.connect(), 'SELECT @@socket')) ?? '';
    const { stdout } = await program('mariadb-dump', [
      ...[`--socket=${socket}`, '--user=skein', `--password=${lone.password('skein')}`, '--all-databases'],
      ...['--single-transaction', '--routines', '--events', '--triggers', '--flush-privileges'],
    ]);
    await writeFile(dumpFile(), stdout, 'latin1');
  } finally {
    await lone.dispose();
  }
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One of the programs beside the `mariadb` client; output as bytes (latin1). */
function program(name: string, args: readonly string[], inputFile?: string): Promise<Ran> {
  const path = client.includes('/') ? join(dirname(client), name) : name;
  return new Promise((resolve) => {
    const child = execFile(
      path,
      ['--no-defaults', ...args],
      { encoding: 'latin1', maxBuffer: 64 * 2 ** 20 },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
    if (inputFile === undefined) child.stdin?.end();
    else if (child.stdin) createReadStream(inputFile).pipe(child.stdin);
  });
}

const asApp = (port: number) => [
  ...['-h127.0.0.1', `-P${port}`, '-uapp', `-p${cluster.primary.password('app')}`],
];

/** All definitions, without DEFINER, and all rows. */
async function contentOf(connection: Connection, database: string): Promise<Record<string, string>> {
  await run(connection, `USE \`${database}\``);
  const found: Record<string, string> = {};
  for (const [kind, name] of OBJECTS) {
    const [row] = await rowsOf(connection, `SHOW CREATE ${kind} ${name}`);
    const text = String(
      Object.entries(row ?? {}).find(
        ([key]) => /^(Create|SQL Original|Table)/.test(key) && !/^Table$/.test(key),
      )?.[1],
    );
    found[`${kind} ${name}`] = text.replace(/DEFINER=`[^`]*`@`[^`]*`/, '').replaceAll(`\`${database}\`.`, '');
  }
  for (const table of ['kinds', 'parts', 'child']) {
    found[`rows ${table}`] = JSON.stringify(
      await rowsOf(
        connection,
        `SELECT *${table === 'kinds' ? ', HEX(b), HEX(l), HEX(s), HEX(g)' : ''} FROM ${table} ORDER BY id`,
      ),
    );
  }
  found.next = (await scalarOf(connection, 'SELECT next_not_cached_value FROM numbers')) ?? '';
  return found;
}

/** A replica has all events switched off, and a dump of its port says so. */
function withoutEvents(content: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(content).filter(([name]) => !name.startsWith('EVENT')));
}

const here = (database: string, node: SqlNode = cluster.primary) =>
  withSql(node, (connection) => contentOf(connection, database));

async function load(file: string, ...args: string[]) {
  return skein(['load', file, '--port', String(ports.rw), '--user', 'app', ...args], {
    env: { SKEIN_PASSWORD: cluster.primary.password('app') },
    deadlineMs: 60_000,
  });
}

const cli = (node = cluster.primary) => ({
  env: { SKEIN_URL: node.url, SKEIN_TOKEN: cluster.token },
  deadlineMs: 60_000,
});

async function definersOf(database: string): Promise<string[]> {
  return withSql(cluster.primary, async (connection) => {
    const rows = await rowsOf(
      connection,
      `SELECT definer AS d FROM information_schema.views WHERE table_schema = ? UNION SELECT definer FROM information_schema.routines WHERE routine_schema = ?
        UNION SELECT definer FROM information_schema.triggers WHERE trigger_schema = ? UNION SELECT definer FROM information_schema.events WHERE event_schema = ?`,
      [database, database, database, database],
    );
    return rows.map(({ d }) => String(d));
  });
}

describe('a dump of all databases of a server elsewhere', () => {
  it('names its superuser, which stops an ordinary client', async () => {
    const refused = await program('mariadb', [...asApp(ports.rw), '--force'], dumpFile());
    expect(refused.stderr).toMatch(/ERROR (1227|1044)/);
    await cluster.primary.sql('DROP DATABASE IF EXISTS `my shop`');
  });

  it('is loaded whole, runs as the account that loads, and says what became of each DEFINER', async () => {
    const loaded = await load(dumpFile());
    expect(loaded.code, loaded.stderr).toBe(0);
    for (const said of [
      'view `seen`: DEFINER=`root`@`localhost` became app',
      'view `again`: DEFINER=`root`@`localhost` became app',
      'trigger counted: DEFINER=`nobody`@`%` became app',
      'procedure `fill`: DEFINER=`root`@`localhost` became app',
      'function `twice`: DEFINER=`root`@`localhost` became app',
      'event `on_it`: DEFINER=`root`@`localhost` became app',
      "left out (with all that belongs to this schema: it is the system's own): USE `mysql`",
    ]) {
      expect(loaded.stderr).toContain(said);
    }
    expect(loaded.stderr).toMatch(/^Loaded as app: \d+ statements, 7 of them with another DEFINER/m);
    expect(await here('my shop')).toEqual(there);
    expect(await definersOf('my shop')).toEqual(['app@127.0.0.1']);
    await waitApplied(cluster.primary, cluster.replicas);
    expect(withoutEvents(await here('my shop', cluster.node('n2')))).toEqual(withoutEvents(there));
  });

  it('stops at what fails, and says where it is and what stays', async () => {
    const file = join(files, 'bad.sql');
    await writeFile(
      file,
      'CREATE DATABASE half;\nUSE half;\nCREATE TABLE a (id INT);\n\nINSERT INTO nowhere VALUES (1);\n',
    );
    const failed = await load(file);
    expect([failed.code, failed.stderr]).toEqual([
      1,
      expect.stringContaining("line 5: Table 'half.nowhere' doesn't exist (1146)"),
    ]);
    expect(failed.stderr).toContain('The 3 statements before it have been executed, and stay.');
    await cluster.primary.sql('DROP DATABASE half');
  });

  it('repeats what a deadlock with another session ended, unless it belongs to a transaction', async () => {
    await cluster.primary.sql('CREATE DATABASE dead');
    await cluster.primary.sql('CREATE TABLE dead.t (id INT PRIMARY KEY, n INT)');
    await cluster.primary.sql('INSERT INTO dead.t VALUES (1, 0), (2, 0), (3, 0), (4, 0)');
    const alone = await deadlocked(['UPDATE dead.t SET n = 7 WHERE id IN (1, 2)']);
    expect(alone.code, alone.stderr).toBe(0);
    const rows = 'SELECT n FROM dead.t WHERE id IN (1, 2, 3) ORDER BY id';
    expect(await cluster.primary.rows(rows)).toEqual([[7], [7], [1]]);
    const partOfMore = await deadlocked([
      'START TRANSACTION',
      'UPDATE dead.t SET n = 9 WHERE id = 1',
      'UPDATE dead.t SET n = 9 WHERE id = 2',
    ]);
    expect([partOfMore.code, partOfMore.stderr]).toEqual([1, expect.stringMatching(/line 3: .*\(1213\)/)]);
    expect(await cluster.primary.rows(rows)).toEqual([[8], [8], [2]]);
    await cluster.primary.sql('DROP DATABASE dead');
  });

  /** Another session makes the server end a statement of the load, which changes rows 1 and 2, and commits then. */
  async function deadlocked(statements: readonly string[]) {
    const file = join(files, 'dead.sql');
    await writeFile(file, `${statements.join(';\n')};\n`);
    return await withSql(cluster.primary, async (other) => {
      await run(other, 'START TRANSACTION');
      // The server ends the transaction that has changed less.
      await run(other, 'UPDATE dead.t SET n = n + 1 WHERE id > 1');
      const loading = load(file);
      await until('the load waits for row 2', async () => {
        const [row] = await rowsOf(other, 'SHOW ENGINE INNODB STATUS');
        // An earlier part tells of the last deadlock.
        return String(row?.Status).split('\nTRANSACTIONS\n')[1]?.includes('LOCK WAIT');
      });
      await run(other, 'UPDATE dead.t SET n = n + 1 WHERE id = 1');
      await run(other, 'COMMIT');
      return await loading;
    });
  }
});

describe('a dump of a replica', () => {
  const dumped = () => join(files, 'cluster.sql');

  it('is whole, leaves nothing in the log, and goes back by an ordinary client', async () => {
    const n2 = cluster.node('n2');
    await cluster.primary.sql('CREATE DATABASE made_by_token');
    await cluster.primary.sql('CREATE VIEW made_by_token.v AS SELECT 1 AS one');
    await cluster.primary.sql('CREATE PROCEDURE made_by_token.p() SELECT 1');
    await waitApplied(cluster.primary, cluster.replicas);
    const log = () => withSql(n2, (own) => scalarOf(own, 'SELECT @@global.gtid_binlog_pos'));
    const before = await log();
    const made = await skein(['dump'], cli(n2));
    expect(made.code, made.stderr).toBe(0);
    expect(await log()).toBe(before);
    expect(made.stdout).toMatch(/gtid_slave_pos='0-\d+-\d+'/);
    expect(made.stdout).not.toMatch(/^.*DEFINER=`/m);
    await writeFile(dumped(), made.stdout);
    await cluster.primary.sql('DROP DATABASE `my shop`');
    await cluster.primary.sql('DROP DATABASE made_by_token');
    const back = await program('mariadb', [...asApp(ports.rw), '--comments'], dumped());
    expect([back.code, back.stderr]).toEqual([0, '']);
    expect(await here('my shop')).toEqual(there);
    const states = await cluster.primary.rows(
      "SELECT event_name, status FROM information_schema.events WHERE event_schema = 'my shop' ORDER BY 1",
    );
    expect(states).toEqual([
      ['off_it', 'DISABLED'],
      ['on_it', 'ENABLED'],
    ]);
    const routine = await cluster.primary.rows(
      "SELECT routine_name FROM information_schema.routines WHERE routine_schema = 'made_by_token'",
    );
    expect(routine).toEqual([['p']]);
  });

  it('of one database goes into another', async () => {
    await waitApplied(cluster.primary, cluster.replicas);
    const made = await skein(['dump', '-d', 'my shop'], cli(cluster.node('n2')));
    expect(made.code, made.stderr).toBe(0);
    const file = join(files, 'one.sql');
    await writeFile(file, made.stdout);
    await cluster.primary.sql('CREATE DATABASE copy');
    const loaded = await load(file, '-d', 'copy');
    expect(loaded.code, loaded.stderr).toBe(0);
    expect(await here('copy')).toEqual(there);
    const nothing = await skein(['dump', '-d', 'nowhere'], cli());
    expect([nothing.code, nothing.stderr]).toEqual([
      1,
      expect.stringContaining('There is no database "nowhere"'),
    ]);
  });
});

describe('mariadb-dump through the ports', () => {
  const options = [
    '--single-transaction',
    '--routines',
    '--events',
    '--triggers',
    '--databases',
    'my shop',
    'made_by_token',
  ];

  it('is whole from a read-write port and from a replica’s read-only port, whoever made the objects', async () => {
    for (const port of [ports.rw, ports.replicaRo]) {
      await cluster.primary.sql('CREATE OR REPLACE PROCEDURE made_by_token.p() SELECT 2');
      await cluster.primary.sql('CREATE OR REPLACE VIEW made_by_token.v AS SELECT 2 AS two');
      await waitApplied(cluster.primary, cluster.replicas);
      const { code, stdout, stderr } = await program('mariadb-dump', [...asApp(port), ...options]);
      expect([code, stderr]).toEqual([0, '']);
      for (const part of [
        'TRIGGER counted',
        'PROCEDURE `fill`',
        'FUNCTION `twice`',
        'EVENT `on_it`',
        'PROCEDURE `p`',
        'VIEW `v`',
      ]) {
        expect(stdout, `${port} ${part}`).toContain(part);
      }
      const file = join(files, 'port.sql');
      await writeFile(file, stdout, 'latin1');
      await cluster.primary.sql('DROP DATABASE `my shop`');
      const loaded = await load(file);
      expect(loaded.code, loaded.stderr).toBe(0);
      expect(loaded.stderr).toContain('DEFINER=`skein_admin`@`localhost` became app');
      expect(withoutEvents(await here('my shop'))).toEqual(withoutEvents(there));
    }
  });

  it('fails loudly at the primary’s read-only port, where a reader may not see all that', async () => {
    const { code, stderr } = await program('mariadb-dump', [...asApp(ports.ro), ...options]);
    expect(code).not.toBe(0);
    expect(stderr).toContain('show events');
  });

  it('gives a replica’s reader no way to write', async () => {
    const reader = await openSql({
      host: '127.0.0.1',
      port: ports.replicaRo,
      user: 'app',
      password: cluster.primary.password('app'),
    });
    try {
      // A reader may turn this off: what follows must hold without it.
      await run(reader, 'SET SESSION TRANSACTION READ WRITE');
      for (const sql of [
        'CREATE TRIGGER `my shop`.no BEFORE DELETE ON `my shop`.parts FOR EACH ROW SET @x = 1',
        'DROP TRIGGER `my shop`.counted',
        'CREATE EVENT `my shop`.no ON SCHEDULE EVERY 1 DAY DO SET @x = 1',
        'DROP EVENT `my shop`.on_it',
        'ALTER EVENT `my shop`.on_it DISABLE',
        'INSERT INTO mysql.proc (db) VALUES (1)',
      ]) {
        const errno = await run(reader, sql).then(
          () => 0,
          (error: { errno?: number }) => error.errno ?? -1,
        );
        expect([1290, 1142, 1044], sql).toContain(errno);
      }
    } finally {
      reader.destroy();
    }
  });
});
