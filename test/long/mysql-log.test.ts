import { afterAll, beforeAll, expect, it } from 'vitest';
import { uuidOfNode } from '../../src/flavour/mysql/gtid.js';
import { mysqlLog } from '../../src/flavour/mysql/log.js';
import { ORIGIN } from '../../src/model/position.js';
import { Connection } from '../../src/mysql-client/connection.js';
import { cachingSha2Password } from '../../src/mysql-protocol/login-method.js';
import { Source } from '../../src/source/source.js';
import { silentLogger } from '../../src/std/logger.js';
import { FED_CHAIN, FedBySpool } from '../kit/fed-by-spool.js';
import { MysqlServer, obtainedMysql } from '../kit/mysql-server.js';
import { rowsOf, run, scalarOf, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/**
 * The way of a transaction between two real MySQL servers, without nodes: the source reads and acknowledges the log of one, and
 * the endpoint feeds the other from the spool.
 */
const READER = { user: 'reader', password: 'the reader of the log' };
const FED = { user: 'fed', password: 'the fed server' };

let primary: MysqlServer;
let replica: MysqlServer;
let fed: FedBySpool;
let source: Source;
const errors: string[] = [];
const statements: string[] = [];

beforeAll(async () => {
  const binary = await obtainedMysql();
  if (typeof binary === 'string') throw new Error(binary);
  [primary, replica] = await Promise.all([
    // The servers of nodes take InnoDB alone; what a log may hold of other engines is read all the same.
    MysqlServer.start(binary, { serverUuid: uuidOfNode('n1'), extraArgs: ['--disabled-storage-engines='] }),
    MysqlServer.start(binary, { serverUuid: uuidOfNode('n2'), extraArgs: ['--disabled-storage-engines='] }),
  ]);
  await primary.execute(`SET GLOBAL server_id = ${mysqlLog.epochServerId(1)}`);
  await primary.open();
  await withSql(primary, async (sql) => {
    await run(sql, 'SET sql_log_bin = 0');
    await run(sql, `CREATE USER reader@localhost IDENTIFIED BY '${READER.password}'`);
    await run(sql, 'GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO reader@localhost');
  });
  await primary.execute('SET GLOBAL rpl_semi_sync_source_enabled = ON');
  fed = await FedBySpool.create(mysqlLog);
  source = new Source(
    {
      target: { ...READER, socketPath: primary.up.socketPath, method: cachingSha2Password },
      ...{ serverId: 3_900_000_000, after: ORIGIN, semiSync: true },
    },
    {
      ...{ flavour: mysqlLog, logger: silentLogger, chain: () => FED_CHAIN },
      batch(batch) {
        fed.take(batch);
        // As a node does: a commit is answered when it is on the disk.
        void fed.spool.flush().then(() => {
          source.acknowledge(batch.completeOrdinal);
          fed.changed();
        });
        return true;
      },
      statement: (text) => statements.push(text),
    },
  );
  source.onEnded.on((error) => errors.push(error.message));
  await source.start();
  const port = await fed.serve(FED);
  await withSql(replica, async (sql) => {
    await run(
      sql,
      `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${port}, SOURCE_USER='${FED.user}',
        SOURCE_PASSWORD='${FED.password}', SOURCE_AUTO_POSITION=1, SOURCE_SSL=0, SOURCE_CONNECT_RETRY=1,
        SOURCE_RETRY_COUNT=1000000, SOURCE_HEARTBEAT_PERIOD=1`,
    );
    await run(sql, 'START REPLICA');
  });
}, 120_000);

afterAll(async () => {
  source?.stop();
  await Promise.all([primary?.dispose(), replica?.dispose()]);
  await fed?.dispose();
});

const executed = (node: MysqlServer) =>
  withSql(node, (sql) => scalarOf(sql, 'SELECT @@global.gtid_executed'));

async function inStep(): Promise<void> {
  const wanted = await executed(primary);
  await until(`the replica has executed ${wanted}`, async () => (await executed(replica)) === wanted, {
    context: () =>
      withSql(replica, async (sql) =>
        JSON.stringify([errors, fed.errors, await rowsOf(sql, 'SHOW REPLICA STATUS')]),
      ),
  });
}

const checksums = (node: MysqlServer) =>
  withSql(node, async (sql) => {
    const names = await rowsOf(
      sql,
      "SELECT table_name AS n FROM information_schema.tables WHERE table_schema = 't'",
    );
    return rowsOf(
      sql,
      `CHECKSUM TABLE ${names
        .map(({ n }) => `t.\`${n}\``)
        .sort()
        .join(', ')}`,
    );
  });

/** One round of what sessions may do to a log: every kind of group there is. */
const ROUND = (n: number) => [
  'INSERT INTO t.a (v, j) SELECT UUID(), \'{"a": [1, 2]}\'',
  'INSERT INTO t.a (v) SELECT v FROM t.a',
  'SET binlog_transaction_compression = ON',
  'INSERT INTO t.a (v) SELECT LEFT(REPEAT(v, 3), 90) FROM t.a',
  `CREATE TABLE t.s${n} SELECT * FROM t.a`,
  'SET binlog_transaction_compression = OFF',
  'FLUSH BINARY LOGS',
  `CREATE TABLE t.c${n} SELECT * FROM t.a`,
  'CREATE TEMPORARY TABLE t.x (a INT)',
  'DROP TEMPORARY TABLE t.x',
  `XA START 'x${n}'`,
  "INSERT INTO t.a (v) VALUES ('xa')",
  `XA END 'x${n}'`,
  `XA PREPARE 'x${n}'`,
  n % 2 === 0 ? `XA COMMIT 'x${n}'` : `XA ROLLBACK 'x${n}'`,
  `XA START 'one${n}'`,
  "INSERT INTO t.a (v) VALUES ('one phase')",
  `XA END 'one${n}'`,
  `XA COMMIT 'one${n}' ONE PHASE`,
  'SET binlog_row_image = MINIMAL, binlog_row_value_options = PARTIAL_JSON',
  `UPDATE t.a SET j = JSON_SET(j, '$.a', ${n})`,
  'BEGIN',
  "INSERT INTO t.a (v) VALUES ('kept')",
  'SAVEPOINT s',
  "INSERT INTO t.a (v) VALUES ('taken back')",
  'ROLLBACK TO SAVEPOINT s',
  'COMMIT',
  'INSERT INTO t.m VALUES (1)',
  'DELETE FROM t.a WHERE id % 7 = 3',
  `ALTER TABLE t.c${n} ADD COLUMN w INT DEFAULT 3, ALGORITHM=INSTANT`,
];

it('carries all kinds of transactions, and the commits wait for it', async () => {
  await withSql(primary, async (sql) => {
    await run(sql, 'CREATE DATABASE t');
    await run(sql, 'CREATE TABLE t.a (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(100), j JSON)');
    await run(sql, 'CREATE TABLE t.m (a INT) ENGINE=MyISAM');
  });
  for (let n = 0; n < 4; n++) {
    await withSql(primary, async (sql) => {
      for (const text of ROUND(n)) await run(sql, text);
    });
    await inStep();
  }
  expect(await checksums(replica)).toEqual(await checksums(primary));
  expect([errors, fed.errors]).toEqual([[], []]);
  expect(fed.spool.end.gtid).toBe(mysqlLog.gtidAt(FED_CHAIN, fed.spool.end.ordinal));
  expect(statements.some((text) => text.startsWith('ALTER TABLE t.c3'))).toBe(true);
  const status = await withSql(primary, (sql) => rowsOf(sql, "SHOW STATUS LIKE 'Rpl_semi_sync_source_%tx'"));
  const count = (name: string) =>
    Number(status.find(({ Variable_name }) => Variable_name === `Rpl_semi_sync_source_${name}`)?.Value);
  expect(count('no_tx')).toBe(0);
  expect(count('yes_tx')).toBeGreaterThan(50);
}, 120_000);

it('goes on when the connection is cut, and while nothing is written', async () => {
  await withSql(replica, async (sql) => {
    await run(sql, 'STOP REPLICA IO_THREAD');
    await withSql(primary, (other) => run(other, "INSERT INTO t.a (v) VALUES ('meanwhile')"));
    await run(sql, 'START REPLICA IO_THREAD');
    await inStep();
    // Heartbeats of a second, of which a wrong one would stop the thread for good.
    await run(sql, 'DO SLEEP(4)');
    const [status] = await rowsOf(sql, 'SHOW REPLICA STATUS');
    expect(status).toMatchObject({
      Replica_IO_Running: 'Yes',
      Replica_SQL_Running: 'Yes',
      Last_IO_Error: '',
    });
  });
  await withSql(primary, (sql) => run(sql, "INSERT INTO t.a (v) VALUES ('after')"));
  await inStep();
  expect(await checksums(replica)).toEqual(await checksums(primary));
});

it('carries an event of many megabytes', async () => {
  await withSql(primary, async (sql) => {
    await run(sql, 'CREATE TABLE t.big (id INT PRIMARY KEY, b LONGBLOB)');
    await run(sql, "INSERT INTO t.big VALUES (1, REPEAT('x', 40000000))");
  });
  await inStep();
  expect(await checksums(replica)).toEqual(await checksums(primary));
}, 60_000);

it('a session gives its password to the socket alone, and not to a port', async () => {
  const login = { ...READER, method: cachingSha2Password };
  // The server has just been asked for it by the dump, and remembers it.
  const session = await Connection.connect({ address: { socketPath: primary.up.socketPath }, ...login });
  expect(session.version).toMatch(/^9\.7\./);
  expect(await session.query('SELECT CURRENT_USER()')).toEqual([['reader@localhost']]);
  session.destroy();
  await withSql(primary, async (sql) => {
    await run(sql, 'FLUSH PRIVILEGES');
    await run(sql, 'SET sql_log_bin = 0');
    await run(sql, `CREATE USER reader@'127.0.0.1' IDENTIFIED BY '${READER.password}'`);
  });
  const port = Number(await withSql(primary, (sql) => scalarOf(sql, 'SELECT @@port')));
  const address = { host: '127.0.0.1', port };
  await expect(Connection.connect({ address, ...login })).rejects.toMatchObject({
    code: 'SERVER_AUTH_PLUGIN',
  });
  await expect(
    Connection.connect({ address: { socketPath: primary.up.socketPath }, ...READER }),
    'by the method of MariaDB',
  ).rejects.toMatchObject({ code: 'SERVER_AUTH_PLUGIN' });
});
