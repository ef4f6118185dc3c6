import { readdir, readFile } from 'node:fs/promises';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checksumAtRest } from '../kit/checksum.js';
import { checkLedger, Ledger, type WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, LEDGER_DATABASE } from '../kit/kill-rounds.js';
import { endOf, eventsSince } from '../kit/node-log.js';
import { startRoleWriters } from '../kit/role-writers.js';
import { run } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { throughout, until } from '../kit/until.js';

/** A server that hangs while its node lives is killed, and another node takes over. A server that works or waits is left alone. */

/** The product's own limit; see serverHangMs. */
const LIMIT_MS = 10_000;
const SHORT_LIMIT_MS = 2_000;
/** Well beyond the limit, and the half of it after which silence is told. */
const BUSY_MS = 15_000;
/** Three times the short limit, and a hand-over on a busy machine. */
const HUNG_DISK_MS = 25_000;
const SILENT = /has answered nothing for/;

describe('three nodes', () => {
  let cluster: TestCluster;
  let ledger: Ledger;
  let pool: WriterPool;
  let gaps: number[] = [];
  showLogsOnFailure(() => cluster);

  beforeAll(async () => {
    cluster = await TestCluster.start();
    await createLedger(cluster);
    ledger = new Ledger();
    pool = startRoleWriters(cluster, ledger, { http: 2, mysql: 2, gap: (ms) => gaps.push(ms) });
  });

  afterAll(async () => {
    await pool?.stop();
    await cluster?.dispose();
  });

  it('a server that is busy, full or locked for longer than the limit is left alone', async () => {
    const { primary } = cluster;
    const { epoch } = await primary.cluster();
    const server = await primary.pid('server');
    const mark = await endOf(primary);
    await ledger.progress(20, 60_000, 'writes before');
    const sessions: Connection[] = [];
    const open = async () => {
      const session = await primary.connect();
      session.on('error', () => {});
      sessions.push(session);
      return session;
    };
    const begin = async (sql: string) => void run(await open(), sql).catch(() => {});
    const admin = await open();
    const [[limit]] = (await admin.query('SELECT @@global.max_connections AS n')) as never as [
      [{ n: number }],
    ];
    try {
      await run(await open(), `LOCK TABLES ${LEDGER_DATABASE}.ledger READ`);
      await begin(`ALTER TABLE ${LEDGER_DATABASE}.ledger COMMENT 'waits for a lock'`);
      for (let at = 0; at < 4; at++) await begin(`SELECT BENCHMARK(4000000000, SHA2('x', 512))`);
      await begin('SELECT SLEEP(60)');
      await begin('FLUSH TABLES WITH READ LOCK');
      await run(admin, 'SET GLOBAL max_connections = 10');
      await throughout('its server runs, and it keeps the lead', BUSY_MS, async () => {
        const status = await primary.cluster();
        const own = status.members.find(({ name }) => name === primary.name);
        return (
          (await primary.pid('server')) === server &&
          status.epoch === epoch &&
          !SILENT.test(own?.reason ?? '')
        );
      });
    } finally {
      await run(admin, `SET GLOBAL max_connections = ${limit?.n}`);
      for (const session of sessions) session.destroy();
      await endStatements(primary);
    }
    await ledger.progress(20, 60_000, 'writes after');
    expect((await primary.cluster()).epoch).toBe(epoch);
    expect(await eventsSince(primary, 'server.hung', mark)).toEqual([]);
  });

  it('the primary’s server alone is stopped: another node serves, and it comes back by itself', async () => {
    await ledger.progress(20, 60_000, 'writes before');
    const before = await cluster.untilPrimary();
    const server = await before.pid('server');
    const mark = await endOf(before);
    gaps = [];
    await before.freeze('server');
    await until(`${before.name} says that its server is silent, and is not ready`, async () => {
      const { status, text } = await before.request('GET', '/ready', undefined, { token: null });
      return status === 503 && SILENT.test(text);
    });
    const after = await until(
      'another node serves',
      async () => {
        for (const node of cluster.nodes) if (node !== before && (await node.isOpenPrimary())) return node;
        return null;
      },
      { context: () => cluster.logs() },
    );
    await ledger.progress(20, 60_000, 'writes after');
    const pauseMs = Math.round(Math.max(...gaps));
    console.log(`${before.name} -> ${after.name}, nothing acknowledged for ${pauseMs} ms`);
    expect(pauseMs, 'it was given its limit').toBeGreaterThan(LIMIT_MS - 1_000);

    await before.untilRestarted('server', server);
    for (const node of cluster.nodes) await node.untilReady(90_000);
    expect(await eventsSince(before, 'server.hung', mark)).toMatchObject([
      { reason: expect.stringMatching(/it answered neither a statement nor a new connection/), pid: server },
    ]);
    expect(await eventsSince(before, 'seed.started', mark), 'its own data was exact').toEqual([]);
  });

  it('a replica’s server alone is stopped: it is not ready, and is started again', async () => {
    const primary = await cluster.untilFollowed();
    const { epoch } = await primary.cluster();
    const [replica] = cluster.replicas as [TestNode];
    const server = await replica.pid('server');
    await replica.freeze('server');
    await until('the primary shows why', async () => {
      const { members } = await primary.cluster();
      return SILENT.test(members.find(({ name }) => name === replica.name)?.reason ?? '');
    });
    expect(await replica.isReady()).toBe(false);
    await replica.untilRestarted('server', server);
    await replica.untilReady(90_000);
    expect((await primary.cluster()).epoch).toBe(epoch);
  });

  it('nothing that was acknowledged is lost, and all nodes are equal', async () => {
    await pool.stop();
    const primary = await cluster.untilPrimary();
    await checksumAtRest(primary, cluster.replicas, { deadlineMs: 60_000 });
    for (const node of cluster.nodes) await checkLedger(ledger, node, LEDGER_DATABASE);
    console.log(ledger.summary());
  });
});

/** Threads that wait for a disk, and cannot be killed meanwhile. */
async function threadsAtDisk(pid: number): Promise<string[]> {
  const waiting: string[] = [];
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => '');
    if (stat.startsWith('D', stat.lastIndexOf(')') + 2)) waiting.push(thread);
  }
  return waiting;
}

describe('a disk that takes no writes', () => {
  let cluster: TestCluster;
  let ledger: Ledger;
  let pool: WriterPool;
  showLogsOnFailure(() => cluster);

  beforeAll(async () => {
    cluster = await TestCluster.start({
      slowDisks: ['n1'],
      settings: { serverHangMs: SHORT_LIMIT_MS },
    });
    await createLedger(cluster);
    ledger = new Ledger();
    pool = startRoleWriters(cluster, ledger, { http: 2, mysql: 2 });
  });

  afterAll(async () => {
    await pool?.stop();
    await cluster?.dispose();
  });

  it('under the primary and its node: another node serves before its server can end, and it comes back by itself', async (context) => {
    const disk = cluster.disks.slow('n1');
    if (disk === null) return context.skip('no file system can be mounted here');
    await cluster.makePrimary('n1');
    const before = cluster.node('n1');
    await ledger.progress(20, 60_000, 'writes before');
    // From here on its event loop does not wait for the disk, and sends heartbeats.
    await disk.stall({ stallMs: 500 });
    const mark = await endOf(before);
    const server = await before.pid('server');
    const stall = disk.stall({ stallMs: HUNG_DISK_MS });
    try {
      await until(
        'another node serves, and the process is still there',
        async () => {
          for (const node of cluster.replicas)
            if (await node.isOpenPrimary()) return (await threadsAtDisk(server)).length > 0;
          return false;
        },
        { deadlineMs: HUNG_DISK_MS, context: () => cluster.logs() },
      );
      await ledger.progress(20, 60_000, 'writes after');
    } finally {
      await stall;
    }
    await before.untilRestarted('server', server);
    for (const node of cluster.nodes) await node.untilReady(90_000);
    expect(await eventsSince(before, 'server.hung', mark)).toMatchObject([
      { reason: expect.stringMatching(/its disk took no write/), pid: server },
    ]);
  });

  it('nothing that was acknowledged is lost, and all nodes are equal', async () => {
    await pool.stop();
    const primary = await cluster.untilPrimary();
    const others = cluster.nodes.filter((node) => node !== primary);
    await checksumAtRest(primary, others, { deadlineMs: 60_000 });
    for (const node of cluster.nodes) await checkLedger(ledger, node, LEDGER_DATABASE);
  });
});

/** The server ends a statement of a closed connection only when that is killed. */
async function endStatements(node: TestNode): Promise<void> {
  const connection = await node.connect();
  try {
    const [rows] = (await connection.query(
      "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND (info LIKE 'SELECT BENCHMARK%' OR info LIKE 'SELECT SLEEP%' OR info LIKE 'ALTER TABLE%')",
    )) as never as [{ id: number }[]];
    for (const { id } of rows) await run(connection, `KILL ${id}`).catch(() => {});
  } finally {
    connection.destroy();
  }
}

describe('one node alone', () => {
  let alone: TestCluster;
  showLogsOnFailure(() => alone);

  beforeAll(async () => {
    alone = await TestCluster.start({ replicas: 0, settings: { serverHangMs: SHORT_LIMIT_MS } });
    await createLedger(alone);
  });

  afterAll(() => alone?.dispose());

  const write = (seq: number) =>
    until(
      `row ${seq} is written`,
      async () => {
        const { status, text } = await alone.primary.request(
          'POST',
          '/v1/sql',
          { sql: `INSERT INTO ledger (client, seq, note) VALUES (1, ${seq}, '')`, database: LEDGER_DATABASE },
          { timeoutMs: 3_000 },
        );
        if (status !== 200) throw new Error(text);
        return true;
      },
      { deadlineMs: 90_000, context: () => alone.logs() },
    );

  it('its server is killed and started again', async () => {
    await write(1);
    const server = await alone.primary.pid('server');
    await alone.primary.freeze('server');
    await alone.primary.untilRestarted('server', server);
    await write(2);
  });

  it('also when its node was started again meanwhile, and has never heard that server', async () => {
    const { primary } = alone;
    const server = await primary.pid('server');
    await primary.freeze('server');
    const node = await primary.kill('node');
    await primary.untilRestarted('node', node);
    await primary.untilRestarted('server', server);
    await write(3);
    expect(
      await primary.rows(`SELECT DISTINCT seq FROM ${LEDGER_DATABASE}.ledger WHERE seq < 3 ORDER BY 1`),
    ).toEqual([[1], [2]]);
  });
});
