import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MemberStatus } from '../../src/model/status.js';
import { sleep } from '../../src/std/timing.js';
import { waitApplied } from '../kit/checksum.js';
import { Ledger } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole } from '../kit/kill-rounds.js';
import { startRoleWriters } from '../kit/role-writers.js';
import { untilHealed } from '../kit/seeds.js';
import { firstInSpool } from '../kit/spool-files.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { throughout, until } from '../kit/until.js';
import { start, waitingSessions } from '../kit/waiting.js';

/** Binary logs are kept as long as members need them, limits hold, and what happens at a limit is said before. */

const MIB = 1024 ** 2;
const LOG_BYTES = 3 * MIB;
const FILE_BYTES = 128 * 1024;
/** What it may have beyond the limit: the file that is being written, and what comes between two looks. */
const SLACK_BYTES = MIB;
const ROUNDS = Number(process.env.SKEIN_TEST_ROUNDS ?? 1);
const DISK_BYTES = 400 * MIB;
const FREE_BYTES = 32 * MIB;
const QUICK = { heartbeatIntervalMs: 250, lateAfterMs: 750, goneAfterMs: 1_500 };

let cluster: TestCluster;
/** Of all writers: they share one table. */
const ledger = new Ledger();
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({
    proxied: true,
    patient: true,
    smallDisks: { nodes: ['n1', 'n3'], bytes: DISK_BYTES },
    settings: {
      ...QUICK,
      hubWindowBytes: 64 * 1024,
      retention: { logBytes: LOG_BYTES, logHours: 72, freeBytesMin: FREE_BYTES },
      // The primary feeds a member from its spool too, as long as that has what the member needs.
      spoolSegmentBytes: 64 * 1024,
      serverArgs: [`--max-binlog-size=${FILE_BYTES}`, '--binlog-expire-logs-seconds=1'],
    },
  });
  await cluster.primary.sql('CREATE DATABASE r');
  await cluster.primary.sql('CREATE TABLE r.t (id INT AUTO_INCREMENT PRIMARY KEY, v MEDIUMTEXT)');
  await createLedger(cluster);
});

afterAll(() => cluster?.dispose());

async function memberOf(name: string, asked: TestNode = cluster.primary): Promise<MemberStatus> {
  const member = (await asked.cluster()).members.find((each) => each.name === name);
  if (!member) throw new Error(`no member ${name}`);
  return member;
}

interface Said {
  event: string;
  subject: string;
  reason: string;
  code?: string;
}

/** The events of a node so far, from its log. */
function eventsOf(node: TestNode): Said[] {
  // Whole lines: the node may be writing the last one.
  return readFileSync(join(node.directory, 'node.log'), 'utf8')
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.includes('"cluster event"'))
    .map((line) => JSON.parse(line) as Said);
}

const saidOf = (node: TestNode, event: string, subject: string) =>
  eventsOf(node).filter((said) => said.event === event && said.subject === subject);

/** So many bytes of row events, in transactions of 32 KiB. */
async function write(bytes: number): Promise<void> {
  const size = 32 * 1024;
  await withSql(cluster.primary, async (connection) => {
    for (let written = 0; written < bytes; written += size)
      await run(connection, "INSERT INTO r.t (v) VALUES (REPEAT('x', ?))", [size]);
  });
}

async function endOf(name: string): Promise<void> {
  await cluster.node(name).kill('node');
  await cluster.node(name).kill('server');
  await until(`${name} is gone`, async () => (await memberOf(name)).state === 'gone');
}

describe('a disk without room', () => {
  it('first costs what nobody needs of the log', async (context) => {
    const disk = cluster.disks.small('n1');
    if (!disk) return context.skip('no file system can be mounted here');
    await write(2 * MIB);
    await waitApplied(cluster.primary, cluster.replicas);
    disk.leave(0.7 * FREE_BYTES);
    await until('it is said', () => saidOf(cluster.primary, 'disk.low', 'n1')[0]);
    // What the last two minutes wrote would settle XA transactions after a crash: that goes only now.
    disk.leave(0.4 * FREE_BYTES);
    await until('the log is short', async () => ((await memberOf('n1')).log?.files ?? 99) <= 2);
    await write(FILE_BYTES);
    await waitApplied(cluster.primary, cluster.replicas);
    expect(saidOf(cluster.primary, 'retention.dropped', 'n3')).toEqual([]);
  });

  it('then a primary refuses writes with a named error and serves reads, until there is enough space', async (context) => {
    const disk = cluster.disks.small('n1');
    if (!disk) return context.skip('no file system can be mounted here');
    disk.leave(0.1 * FREE_BYTES);
    await until('writes are refused', async () => {
      const answer = await cluster.primary.request('POST', '/v1/sql', {
        sql: 'INSERT INTO r.t (v) VALUES (1)',
      });
      return answer.status === 503 && answer.body.error?.code === 'NOT_OPEN';
    });
    const client = await cluster.primary.connectAs('skein_write');
    await expect(client.query('INSERT INTO r.t (v) VALUES (1)')).rejects.toMatchObject({ errno: 1290 });
    client.destroy();
    expect(await cluster.primary.rows('SELECT COUNT(*) > 0 FROM r.t')).toEqual([[1]]);
    expect((await memberOf('n1')).reason).toMatch(/Writes are refused until there is enough space/);
    expect(saidOf(cluster.primary, 'disk.full', 'n1')).toHaveLength(1);
    expect(await cluster.primary.isReady()).toBe(false);

    disk.makeRoom();
    await cluster.primary.untilReady();
    await write(FILE_BYTES);
    expect((await memberOf('n1')).reason).toBeNull();
    await until('it is said', () => saidOf(cluster.primary, 'disk.ok', 'n1')[0]);
  });

  it('a replica takes nothing more, its node goes on, and it catches up when there is room', async (context) => {
    const disk = cluster.disks.small('n3');
    if (!disk) return context.skip('no file system can be mounted here');
    const pid = await cluster.node('n3').pid('node');
    disk.leave(0.1 * FREE_BYTES);
    await until('it is said', async () => /takes no more changes/.test((await memberOf('n3')).reason ?? ''));
    await write(2 * MIB);
    await waitApplied(cluster.primary, [cluster.node('n2')]);
    const { positions } = await memberOf('n1');
    expect((await memberOf('n3')).positions.received).toBeLessThan(positions.committed);
    disk.makeRoom();
    await cluster.node('n3').untilReady();
    await waitApplied(cluster.primary, cluster.replicas);
    expect(await cluster.node('n3').pid('node')).toBe(pid);
  });
});

describe('a log with limits', () => {
  it('keeps within them what a member needs that is gone, which catches up when it returns', async () => {
    const has = (await memberOf('n3')).positions.durable;
    await endOf('n3');
    await write(LOG_BYTES / 2);
    const { log } = await until('it is known', async () => {
      const own = await memberOf('n1');
      return (own.log?.bytes ?? 0) > LOG_BYTES / 2 ? own : null;
    });
    expect(log?.begin).toBeLessThanOrEqual(has + 1);
    expect(saidOf(cluster.primary, 'retention.dropped', 'n3')).toEqual([]);
    cluster.startNode('n3');
    await cluster.node('n3').untilReady();
    await waitApplied(cluster.primary, cluster.replicas);
  });

  it('asks a server nothing that waits while commits wait for the quorum', async () => {
    // Nobody else is elected, because these stand still.
    const { replicas } = cluster;
    for (const each of replicas) await each.freeze('node');
    const waiting = [];
    // The second group of commits holds the log's lock.
    for (const id of [1, 2, 3]) {
      waiting.push(await start(cluster.primary.connect(), `INSERT INTO r.t (v) VALUES ('${id}')`));
      await until('a commit waits', async () => (await waitingSessions(cluster.primary)).length > 0);
    }
    try {
      await throughout('no session of the node waits with them', 4_000, async () => {
        const rows = await withSql(cluster.primary, (connection) =>
          rowsOf(connection, 'SHOW FULL PROCESSLIST'),
        );
        return !rows.some(
          ({ User, Command, Time, Info }) =>
            User === 'skein' && Command === 'Query' && Number(Time) > 1 && !/INSERT/.test(String(Info)),
        );
      });
    } finally {
      for (const each of replicas) await each.unfreeze('node');
    }
    await Promise.all(waiting.map(({ done }) => done));
    for (const { connection } of waiting) connection.destroy();
    for (const node of cluster.nodes) await node.untilReady();
    await cluster.makePrimary('n1');
  });

  it('takes the right to purge from the server', async () => {
    await withSql(cluster.primary, async (connection) => {
      expect(await rowsOf(connection, 'SELECT @@binlog_expire_logs_seconds s')).toEqual([{ s: '0' }]);
      await run(connection, 'SET GLOBAL binlog_expire_logs_seconds = 1000');
    });
    await until('it is taken, and said', () =>
      saidOf(cluster.primary, 'retention.warning', 'n1').some(({ code }) => code === 'SERVER_PURGES'),
    );
    await withSql(cluster.primary, async (connection) => {
      expect(await rowsOf(connection, 'SELECT @@binlog_expire_logs_seconds s')).toEqual([{ s: '0' }]);
    });
  });

  it('is whole after kills of node and server while it is purged', async () => {
    const pool = startRoleWriters(cluster, ledger, { http: 1, mysql: 1, paceMs: 5 });
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const { begin } = (await memberOf('n1')).log ?? { begin: 0 };
        // Faster than it is looked at, so that there is always something to purge.
        await write(LOG_BYTES);
        await until('it was purged', async () => ((await memberOf('n1')).log?.begin ?? 0) > begin);
        await write(MIB);
        // Anywhere in the time between two looks.
        await sleep(((round * 350) % 1_000) + 150);
        const old = await cluster.primary.kill('node');
        await cluster.primary.kill('server');
        cluster.startNode('n1');
        await cluster.primary.untilRestarted('node', old);
        await cluster.node('n1').untilReady(60_000);
        await cluster.makePrimary('n1');
        await pool.ledger.progress(10, 60_000, 'writes go on');
      }
    } finally {
      await pool.stop();
    }
    await expectWhole(cluster, pool.ledger);
    expect(saidOf(cluster.primary, 'retention.dropped', 'n2')).toEqual([]);
  });

  it('a former primary is filled while its donors purge their logs', async () => {
    // The disks of the others have no room for a copy beside the data.
    await cluster.makePrimary('n2');
    const n2 = cluster.node('n2');
    const pool = startRoleWriters(cluster, ledger, { http: 1, mysql: 1, paceMs: 5 });
    try {
      const filled = saidOf(n2, 'seed.done', 'n2').length;
      // In no log, so the server cannot be found equal to its own.
      await withSql(n2, async (connection) => {
        await run(connection, 'SET SESSION sql_log_bin = 0');
        await run(connection, 'CREATE TABLE r.past (id INT PRIMARY KEY)');
      });
      const old = await n2.kill('node');
      await n2.kill('server');
      const { name } = await cluster.untilPrimary();
      expect(name).not.toBe('n2');
      const { begin } = (await memberOf(name)).log ?? { begin: 0 };
      cluster.startNode('n2');
      await n2.untilRestarted('node', old);
      await write(LOG_BYTES);
      await until('the log was purged', async () => ((await memberOf(name)).log?.begin ?? 0) > begin);
      await untilHealed(n2);
      expect(saidOf(n2, 'seed.done', 'n2').length).toBeGreaterThan(filled);
      const past = "SELECT COUNT(*) n FROM information_schema.tables WHERE table_name = 'past'";
      expect(await withSql(n2, (connection) => rowsOf(connection, past))).toEqual([{ n: '0' }]);
      await cluster.makePrimary('n1');
      await pool.ledger.progress(10, 30_000, 'writes go on');
    } finally {
      await pool.stop();
    }
    await expectWhole(cluster, pool.ledger);
  });

  it('warns of a member before it drops it, on the primary and in its status', async () => {
    const dropped = () => saidOf(cluster.primary, 'retention.dropped', 'n3').slice(earlier);
    // On a busy machine, n3 may have been away long enough before.
    const earlier = saidOf(cluster.primary, 'retention.dropped', 'n3').length;
    await endOf('n3');
    // Four fifths, and less than all: the first file that it needs has a part that it has.
    await write(0.85 * LOG_BYTES);
    const warned = await until(
      'n3 is warned about',
      () => saidOf(cluster.primary, 'retention.warning', 'n3')[0],
    );
    expect(warned.reason).toMatch(
      /^The changes that n3 still needs are \d+ % of the limit of 3 MiB .* At the current rate the limit is reached in /,
    );
    expect(dropped()).toEqual([]);
    await until('it is in the status', async () =>
      /n3 still needs/.test((await cluster.primary.cluster()).warnings.join()),
    );
    expect((await memberOf('n1')).log?.begin).toBeLessThanOrEqual(
      (await memberOf('n3')).positions.durable + 1,
    );

    await write(LOG_BYTES);
    await until('n3 is dropped', () => dropped()[0]);
    await until('it is in the status', async () =>
      /n3 needs changes that are no longer in the binary log of n1/.test(
        (await cluster.primary.cluster()).warnings.join(),
      ),
    );
  });

  it('stays within them on every node', async () => {
    await write(LOG_BYTES);
    await waitApplied(cluster.primary, [cluster.node('n2')]);
    for (const name of ['n1', 'n2']) {
      await until(`the log of ${name} is within its limit`, async () => {
        const rows = await withSql(cluster.node(name), (connection) =>
          rowsOf(connection, 'SHOW BINARY LOGS'),
        );
        const bytes = rows.reduce((sum, { File_size: size }) => sum + Number(size), 0);
        return bytes > LOG_BYTES / 2 && bytes <= LOG_BYTES + SLACK_BYTES;
      });
    }
  });

  it('answers a member that returns too late, and says so', async () => {
    const has = (await memberOf('n3')).positions.durable;
    const spool = join(cluster.primary.directory, 'spool');
    await until(
      'the spool of n1 does not reach n3 either',
      async () => (await firstInSpool(spool)) > has + 1,
    );
    cluster.startNode('n3');
    const said = await until('n3 is refused', () =>
      saidOf(cluster.primary, 'replication.error', 'n3').find(({ code }) => code === 'LOG_PURGED'),
    );
    expect(said.reason).toMatch(/purged/);
    // What others need is not touched by that.
    await write(FILE_BYTES);
    await waitApplied(cluster.primary, [cluster.node('n2')]);
  });
});
