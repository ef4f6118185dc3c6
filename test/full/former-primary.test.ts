import { stat, truncate } from 'node:fs/promises';
import { afterEach, expect, it } from 'vitest';
import { RECOVERY_SERVER_ID } from '../../src/flavour/mariadb/ddl-recovery.js';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import type { RecoverAs } from '../../src/flavour/server-program.js';
import type { FormerPrimaryOutcome } from '../../src/flavour/server-sql.js';
import { ORIGIN } from '../../src/model/position.js';
import { readDeadLog } from '../../src/source/dead-log.js';
import { readLogEnd } from '../../src/source/log-end.js';
import { epochEntry } from '../kit/chain-entry.js';
import { FedBySpool } from '../kit/fed-by-spool.js';
import { gtidIn } from '../kit/gtid.js';
import { LoneServer, positionAt } from '../kit/lone-server.js';
import { rowsOf, run, scalarOf, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';
import { type Started, start, untilWaiting } from '../kit/waiting.js';

/**
 * A server that was killed as the open primary, with commits that waited, becomes a replica's server: what is taken out of its data,
 * what is not, and that it follows afterwards. docs/mariadb-findings.md has what follows from each.
 */

let server: LoneServer;
let log: FedBySpool;
let recoverAs: RecoverAs = 'replica';
const IDS = 2_050_000_000;

afterEach(async () => {
  await server?.dispose();
  await log?.dispose();
});

/** Four groups are committed: a database, two tables, the row 1. After that, commits wait. */
const COMMITTED = 4;

async function begin(): Promise<void> {
  recoverAs = 'replica';
  server = await LoneServer.start({
    extraArgs: ['--rpl-semi-sync-master-enabled=0'],
    recoverAs: () => recoverAs,
    recoveryServerId: () => RECOVERY_SERVER_ID,
  });
  log = await FedBySpool.create();
  await withSql(server, async (connection) => {
    await run(connection, 'CREATE DATABASE t');
    await run(connection, 'CREATE TABLE t.t (id INT PRIMARY KEY, b LONGTEXT)');
    await run(connection, 'CREATE TABLE t.gone (id INT PRIMARY KEY)');
    await run(connection, 'INSERT INTO t.t (id) VALUES (1)');
  });
}

/** Each in a session of its own. The first one waits for its acknowledgement, the others behind it; the log has them all. */
async function crashWith(...waiting: string[][]): Promise<void> {
  await server.control.waitForAcknowledgements();
  const sessions: Started[] = [];
  for (const statements of waiting) {
    const session = await start(server.connectAs('skein', { database: 't' }), ...statements);
    sessions.push(session);
    if (sessions.length === 1) await untilWaiting(server, session.id);
    await untilLogged(COMMITTED + sessions.length);
  }
  await server.kill();
  for (const session of sessions) session.connection.destroy();
}

const logEnd = () => readLogEnd(server.dataFile(''), { flavour: mariadb });

async function untilLogged(ordinal: number): Promise<void> {
  const { gtid } = positionAt(ordinal);
  await until(`the log has ${gtid}`, async () => (await logEnd()).gtid === gtid);
}

/** The cluster keeps the log of the dead server up to this ordinal. */
async function keep(upTo: number): Promise<void> {
  await readDeadLog(
    { dataDir: server.dataFile(''), after: positionAt(0) },
    {
      ...{ flavour: mariadb, chain: () => [epochEntry(1, ORIGIN)], drained: async () => {} },
      batch: (batch) => log.take(batch),
    },
  );
  await log.spool.flush();
  if (log.spool.end.ordinal > upTo) await log.spool.cut(positionAt(upTo));
  expect(log.spool.end.ordinal).toBe(upTo);
}

async function settle(): Promise<FormerPrimaryOutcome> {
  const { end } = log.spool;
  return server.control.settleFormerPrimary({
    serverId: IDS,
    logEnd: await logEnd(),
    nameOf: (ordinal) => (ordinal > end.ordinal ? null : gtidIn(1, ordinal)),
  });
}

const rows = () => server.ask('SELECT GROUP_CONCAT(id ORDER BY id) FROM t.t');
const tables = () =>
  withSql(server, async (connection) =>
    (await rowsOf(connection, 'SHOW TABLES FROM t')).map((row) => Object.values(row)[0]),
  );
const branches = async () => (await server.control.preparedBranches()).length;
const insert = (id: number) => [`INSERT INTO t (id) VALUES (${id})`];
const prepare = (id: number) => ["XA START 'a'", ...insert(id), "XA END 'a'", "XA PREPARE 'a'"];
const ready = (ordinal: number) => ({ kind: 'ready', position: positionAt(ordinal).gtid });

it('transactions that nobody acknowledged are gone, from the log and the data; the server follows', async () => {
  await begin();
  await crashWith(insert(10), insert(11));
  await keep(COMMITTED);
  await server.startAgain();
  expect(await rows()).toBe('1');
  expect(await settle()).toEqual(ready(COMMITTED));
  expect(await server.ask('SELECT @@rpl_semi_sync_slave_enabled')).toBe('0');
  await log.feed(server);
  expect(await rows()).toBe('1');
});

it('those that the cluster kept come back from the spool, and none is skipped', async () => {
  await begin();
  await crashWith(insert(10), insert(11));
  await keep(COMMITTED + 2);
  await server.startAgain();
  expect(await rows()).toBe('1');
  expect(await settle()).toEqual(ready(COMMITTED));
  await log.feed(server);
  expect(await rows()).toBe('1,10,11');
  const { gtidBinlogPos } = await server.control.status();
  expect(gtidBinlogPos).toBe(positionAt(COMMITTED + 2).gtid);
});

it('an ordinary start commits them: right when the cluster kept them all', async () => {
  await begin();
  await crashWith(insert(10), insert(11));
  await keep(COMMITTED + 2);
  recoverAs = 'primary';
  await server.startAgain();
  expect(await settle()).toEqual(ready(COMMITTED + 2));
  expect(await rows()).toBe('1,10,11');
  await log.feed(server);
});

it('DDL stays, and what follows it goes: a seed when the cluster did not keep it', async () => {
  await begin();
  await crashWith(['CREATE TABLE u (id INT PRIMARY KEY)'], insert(10));
  await keep(COMMITTED);
  await server.startAgain();
  expect([await rows(), await tables()]).toEqual(['1', ['gone', 't', 'u']]);
  expect(await settle()).toMatchObject({ kind: 'seed' });
  await keep(COMMITTED + 1);
  expect(await settle()).toEqual(ready(COMMITTED + 1));
  await log.feed(server);
});

it('DDL behind a transaction: the server refuses, and an ordinary start is still possible', async () => {
  await begin();
  await crashWith(insert(10), ['CREATE TABLE u (id INT PRIMARY KEY)']);
  await keep(COMMITTED + 2);
  await expect(server.startAgain()).rejects.toMatchObject({ code: 'LOG_NOT_TRUNCATED' });
  recoverAs = 'primary';
  await server.startAgain();
  expect(await settle()).toEqual(ready(COMMITTED + 2));
  expect([await rows(), await tables()]).toEqual(['1,10', ['gone', 't', 'u']]);
  await log.feed(server);
});

it('CREATE TABLE ... SELECT behind a transaction: both go, but the server goes on to count them', async () => {
  await begin();
  await crashWith(insert(10), ['CREATE TABLE u (id INT PRIMARY KEY) SELECT 7 AS id']);
  await keep(COMMITTED + 2);
  await server.startAgain();
  expect([await rows(), await tables()]).toEqual(['1', ['gone', 't']]);
  expect((await server.control.status()).gtidBinlogPos, 'what the server says').toBe(
    positionAt(COMMITTED + 2).gtid,
  );
  expect(await settle()).toEqual(ready(COMMITTED));
  await log.feed(server);
  expect([await rows(), await server.ask('SELECT id FROM t.u')]).toEqual(['1,10', '7']);
});

it('CREATE TABLE ... SELECT that waits alone is in the log, and its table is gone: only a comparison finds that', async () => {
  await begin();
  await crashWith(['CREATE TABLE u (id INT PRIMARY KEY) SELECT 7 AS id']);
  await keep(COMMITTED + 1);
  await server.startAgain();
  expect(await settle()).toEqual(ready(COMMITTED + 1));
  expect(await tables()).toEqual(['gone', 't']);
});

it('XA PREPARE behind a transaction goes too, and comes back as a prepared branch', async () => {
  await begin();
  await crashWith(insert(11), prepare(10));
  await keep(COMMITTED + 2);
  await server.startAgain();
  expect([await rows(), await branches()]).toEqual(['1', 0]);
  expect(await settle()).toEqual(ready(COMMITTED));
  await log.feed(server);
  expect([await rows(), await branches()]).toEqual(['1,11', 1]);
});

it('XA PREPARE that waits stays in the log, and its branch is lost: a seed when the cluster did not keep it', async () => {
  await begin();
  await crashWith(prepare(10));
  await keep(COMMITTED);
  await server.startAgain();
  expect(await branches()).toBe(0);
  expect(await settle()).toMatchObject({ kind: 'seed' });
});

/** The last group of the log is cut, as when the server is killed while it writes it. */
async function crashTorn(): Promise<void> {
  await withSql(server, (connection) => run(connection, "INSERT INTO t.t VALUES (2, REPEAT('a', 20000))"));
  await server.kill();
  const file = server.dataFile('bin.000001');
  await truncate(file, (await stat(file)).size - 60);
  await server.startAgain();
}

it('a log that ends in the middle of a group begins again: the server cannot read such a file', async () => {
  await begin();
  await crashTorn();
  await keep(COMMITTED);
  await expect(
    withSql(server, (connection) => scalarOf(connection, "SHOW BINLOG EVENTS IN 'bin.000001'")),
  ).rejects.toThrow('Wrong offset or I/O error');
  const { gtid } = positionAt(COMMITTED);
  expect(await logEnd()).toEqual({ gtid, isTorn: true });
  expect(await settle()).toEqual(ready(COMMITTED));
  expect(await logEnd()).toEqual({ gtid, isTorn: false });
  await log.feed(server);
});

it('such a log does not begin again while prepared branches need it', async () => {
  await begin();
  const connection = await server.connectAs('skein', { database: 't' });
  for (const sql of prepare(5)) await run(connection, sql);
  connection.destroy();
  await crashTorn();
  await keep(COMMITTED + 1);
  expect(await branches()).toBe(1);
  const { reason } = (await settle()) as { reason: string };
  expect(reason).toContain('XA');
  expect(await logEnd(), 'nothing was changed').toEqual({
    gtid: positionAt(COMMITTED + 1).gtid,
    isTorn: true,
  });
});
