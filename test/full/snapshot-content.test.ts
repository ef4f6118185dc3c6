/** What is in a snapshot that is not rows of InnoDB: accounts, tables, routines, prepared XA branches. And a program that stops. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseMariadbGtid } from '../../src/flavour/mariadb/gtid.js';
import { waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { type Donor, SeededServer, type SnapshotTools, snapshotTools, take } from '../kit/snapshots.js';
import { rowsOf, run, scalarOf, withSql } from '../kit/sql-node.js';
import { clusterSecret, type TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

let cluster: TestCluster;
let tools: SnapshotTools;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  tools = await snapshotTools();
  // A case holds the applier for as long as a snapshot takes.
  cluster = await TestCluster.start({ replicas: 1, settings: { applierStallMs: 300_000 } });
});
afterAll(() => cluster?.dispose());

async function donor(node: TestNode): Promise<Donor> {
  return {
    directory: node.directory,
    secret: clusterSecret(cluster.directory),
    socketPath: await node.socketPath(),
  };
}

const ordinalOf = (gtid: string) => parseMariadbGtid(gtid).sequence;
const logEnd = (node: TestNode) =>
  withSql(node, async (own) => ordinalOf((await scalarOf(own, 'SELECT @@global.gtid_binlog_pos')) ?? ''));

/** Each is one transaction of the log; accounts and routines are rows of Aria. */
const KINDS = [
  (i: number) => `CREATE USER seeded_${i}@localhost`,
  (i: number) => `CREATE TABLE ddl.t${i} (id INT PRIMARY KEY)`,
  (i: number) => `CREATE PROCEDURE ddl.p${i}() SELECT 1`,
];
const COUNTS = `SELECT (SELECT COUNT(*) FROM mysql.global_priv WHERE User LIKE 'seeded\\_%') AS users,
  (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'ddl') AS tables_,
  (SELECT COUNT(*) FROM mysql.proc WHERE db = 'ddl') AS routines`;

describe.each([
  ['the primary', () => cluster.primary],
  ['a replica', () => cluster.node('n2')],
])('a snapshot of %s', (_what, node) => {
  it('has the accounts, tables and routines up to its position, and no others', async () => {
    const stop = new AbortController();
    let made = 0;
    let before = 0;
    const writer = withSql(cluster.primary, async (own) => {
      await run(own, 'DROP DATABASE IF EXISTS ddl');
      for (const { User } of await rowsOf(
        own,
        "SELECT User FROM mysql.global_priv WHERE User LIKE 'seeded\\_%'",
      ))
        await run(own, `DROP USER ${User}@localhost`);
      await run(own, 'CREATE DATABASE ddl');
      before = await logEnd(cluster.primary);
      for (; !stop.signal.aborted; made++) await run(own, KINDS[made % 3]?.(made) ?? '');
    });
    const seeded = await SeededServer.create(tools, clusterSecret(cluster.directory));
    try {
      await until('there is something', () => made > 10);
      await waitApplied(cluster.primary, [cluster.node('n2')]).catch(() => {});
      const taken = await seeded.fill(await take(await donor(node()), { tools, lockTimeoutMs: 45_000 }));
      stop.abort();
      await writer;
      const count = ordinalOf(taken.gtid) - before;
      expect(count).toBeGreaterThan(0);
      await seeded.start();
      const [row] = await withSql(seeded, (own) => rowsOf(own, COUNTS));
      const ofKind = (kind: number) => String(Math.ceil((count - kind) / 3));
      expect(row).toEqual({ users: ofKind(0), tables_: ofKind(1), routines: ofKind(2) });
    } finally {
      stop.abort();
      await writer;
      await seeded.dispose();
    }
  });

  it('has the branches of XA that are prepared, and their rows once they are committed', async () => {
    const name = `stays on ${node().name}`;
    await withSql(cluster.primary, async (own) => {
      await run(own, 'CREATE DATABASE IF NOT EXISTS xa');
      await run(own, 'CREATE OR REPLACE TABLE xa.t (id INT PRIMARY KEY)');
      for (const sql of [
        `XA START '${name}'`,
        'INSERT INTO xa.t VALUES (7)',
        `XA END '${name}'`,
        `XA PREPARE '${name}'`,
      ])
        await run(own, sql);
    });
    await waitApplied(cluster.primary, [cluster.node('n2')]);
    const seeded = await SeededServer.create(tools, clusterSecret(cluster.directory));
    try {
      await seeded.fill(await take(await donor(node()), { tools, lockTimeoutMs: 45_000 }));
      await seeded.start();
      expect((await seeded.control.preparedBranches()).length).toBe(1);
      await withSql(seeded, async (own) => {
        expect(await scalarOf(own, 'SELECT COUNT(*) FROM xa.t')).toBe('0');
        await run(own, 'SET SESSION sql_log_bin = 0');
        await run(own, `XA COMMIT '${name}'`);
        expect(await scalarOf(own, 'SELECT COUNT(*) FROM xa.t')).toBe('1');
      });
    } finally {
      await seeded.dispose();
      await withSql(cluster.primary, (own) => run(own, `XA COMMIT '${name}'`));
    }
  });
});

it('has no transaction that a worker of the replica has prepared and may not commit before another', async () => {
  const n2 = cluster.node('n2');
  await withSql(cluster.primary, async (own) => {
    await run(own, 'CREATE DATABASE held');
    await run(own, 'CREATE TABLE held.rows (id INT PRIMARY KEY, n INT)');
    await run(own, 'INSERT INTO held.rows VALUES (1, 0)');
  });
  await waitApplied(cluster.primary, [n2]);
  const seeded = await SeededServer.create(tools, clusterSecret(cluster.directory));
  const lock = await n2.connect();
  try {
    await run(lock, 'BEGIN');
    await run(lock, 'SELECT * FROM held.rows WHERE id = 1 FOR UPDATE');
    await withSql(cluster.primary, async (own) => {
      await run(own, 'UPDATE held.rows SET n = 1');
      await run(own, 'INSERT INTO held.rows VALUES (2, 2)');
    });
    await until('a worker has prepared the second one', () =>
      withSql(n2, async (own) => {
        const [status] = await rowsOf(own, 'SHOW ENGINE INNODB STATUS');
        return String(status?.Status).includes('ACTIVE (PREPARED)');
      }),
    );
    await seeded.fill(await take(await donor(n2), { tools, lockTimeoutMs: 45_000 }));
    await seeded.start();
    const found = await withSql(seeded, (own) => scalarOf(own, 'SELECT GROUP_CONCAT(id, n) FROM held.rows'));
    expect(found).toBe('10');
    expect(await seeded.control.preparedBranches()).toEqual([]);
  } finally {
    lock.destroy();
    await seeded.dispose();
  }
  await waitApplied(cluster.primary, [n2]);
});

it('a program that stands still is ended, and said', async () => {
  const taking = await take(await donor(cluster.node('n2')), { tools, stillMs: 10_000 });
  let bytes = 0;
  let isStopped = false;
  const read = (async () => {
    for await (const piece of taking.output) {
      bytes += piece.length;
      if (isStopped) continue;
      isStopped = true;
      for (const pid of pidsOf(cluster.node('n2').directory)) process.kill(pid, 'SIGSTOP');
    }
  })();
  read.catch(() => {});
  await expect(taking.done).rejects.toMatchObject({
    code: 'SNAPSHOT_FAILED',
    message: expect.stringContaining('stood still'),
  });
  expect(bytes).toBeGreaterThan(0);
  expect(pidsOf(cluster.node('n2').directory)).toEqual([]);
});

/** Of the programs that copy this node's data. */
function pidsOf(directory: string): number[] {
  const all = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' });
  return all
    .split('\n')
    .filter((line) => line.includes(`--target-dir=${directory}/snapshot`))
    .map((line) => Number.parseInt(line, 10));
}
