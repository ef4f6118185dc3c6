import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { formatPosition, ORIGIN, parsePosition } from '../../src/model/position.js';
import type { ClientStatement } from '../../src/model/running-statement.js';
import { Source } from '../../src/source/source.js';
import { silentLogger } from '../../src/std/logger.js';
import { epochEntry } from '../kit/chain-entry.js';
import { binlogGtid, checksumAtRest, sequenceOf, waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { gtidIn } from '../kit/gtid.js';
import { endOf, eventsSince, logOf } from '../kit/node-log.js';
import { cutLastGroups } from '../kit/spool-files.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { throughout, until } from '../kit/until.js';
import { type Started, semiSync, start, untilWaiting, waitingSessions } from '../kit/waiting.js';

/** The rules of docs/safety.md on a whole cluster: what Skein makes of what semi-sync.test.ts shows of the server alone. */

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  // Commits wait for replicas that stand still: longer than a second without them, and a primary serves nobody.
  cluster = await TestCluster.start({ proxied: true, patient: true });
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))');
  // The first test stops the replicas, and looks into the table on them.
  await checksumAtRest(cluster.primary, cluster.replicas);
});

afterAll(async () => {
  await cluster?.dispose();
});

const count = (node: TestNode, v: string): Promise<number> =>
  withSql(node, async (connection) => {
    const [row] = await rowsOf(connection, 'SELECT COUNT(*) n FROM demo.t WHERE v = ?', [v]);
    return Number(row?.n);
  });

const insert = (v: string) =>
  start(cluster.primary.connectAs('skein_write'), `INSERT INTO demo.t (v) VALUES ('${v}')`);

const unfenced = async (since: number) => (await eventsSince(cluster.primary, 'fence', since)).length === 0;

async function withoutReplicas<T>(work: () => Promise<T>): Promise<T> {
  for (const replica of cluster.replicas) await replica.freeze('node');
  try {
    return await work();
  } finally {
    for (const replica of cluster.replicas) await replica.unfreeze('node');
  }
}

/** The replica's own spool holds everything up to this ordinal on its disk. */
async function untilDurable(replica: TestNode, ordinal: number): Promise<void> {
  await until(`${replica.name}'s spool is durable up to ${ordinal}`, async () => {
    const { members } = await replica.cluster();
    const durable = members.find(({ name }) => name === replica.name)?.positions.durable ?? 0;
    return durable >= ordinal;
  });
}

async function allReady(): Promise<void> {
  for (const node of cluster.nodes) await node.untilReady(90_000);
  await cluster.untilFollowed();
}

describe('a commit that waits for its quorum (KILL, timeoutMs)', () => {
  it('killed past Skein: the server says OK, we raise the alarm, HTTP says unknown, and the log its later fate', async () => {
    const { primary } = cluster;
    const since = await endOf(primary);
    const requestId = 'killed-write';
    await withoutReplicas(async () => {
      const direct = await insert('killed');
      await untilWaiting(primary, direct.id);
      await withSql(primary, (connection) => run(connection, `KILL QUERY ${direct.id}`));
      expect(await direct.done).toBe('OK');
      expect(await count(primary, 'killed'), 'the server shows it').toBe(1);
      direct.connection.destroy();

      const http = primary.request(
        'POST',
        '/v1/sql',
        { sql: "INSERT INTO demo.t (v) VALUES ('killed by HTTP')", timeoutMs: 6_000 },
        { headers: { 'x-request-id': requestId } },
      );
      const [id] = await until('its session waits', async () => {
        const ids = await waitingSessions(primary);
        return ids.length > 0 ? ids : null;
      });
      await withSql(primary, (connection) => run(connection, `KILL QUERY ${id}`));
      const { status, body } = await http;
      expect([status, body.error?.code, body.error?.applied]).toEqual([504, 'OUTCOME_UNKNOWN', 'unknown']);
      await until('the alarm counts both', async () => {
        const raised = await eventsSince(primary, 'commit.unacknowledged', since);
        return raised.reduce((sum, event) => sum + Number(event.count), 0) === 2;
      });
      for (const replica of cluster.replicas) {
        expect(await count(replica, 'killed'), `${replica.name} shows nothing that is not committed`).toBe(0);
      }
    });
    await until('its later fate is in the log', async () => {
      const lines = (await logOf(primary)).slice(since).split('\n');
      const fate = lines.find((line) => line.includes('answered as unknown') && line.includes(requestId));
      return fate && JSON.parse(fate).applied === 'yes';
    });
    await allReady();
    await checksumAtRest(primary, cluster.replicas);
    expect(await count(cluster.node('n2'), 'killed by HTTP')).toBe(1);
  });

  it('longer than timeoutMs: 504 unknown; it is applied when the quorum is back, which the log says', async () => {
    const { primary } = cluster;
    const since = await endOf(primary);
    await withoutReplicas(async () => {
      const sent = performance.now();
      const answer = await primary.request('POST', '/v1/sql', {
        sql: "INSERT INTO demo.t (v) VALUES ('late')",
        timeoutMs: 2_000,
      });
      expect(performance.now() - sent).toBeGreaterThanOrEqual(1_990);
      expect([answer.status, answer.body.error?.applied]).toEqual([504, 'unknown']);
      expect(await count(primary, 'late'), 'it still waits').toBe(0);
    });
    await until('its later fate is in the log', async () => {
      const text = (await logOf(primary)).slice(since);
      return /"applied":"yes".*answered as unknown/.test(text);
    });
    await allReady();
    for (const node of cluster.nodes)
      await until('it is there', async () => (await count(node, 'late')) === 1);
    expect(await eventsSince(primary, 'commit.unacknowledged', since)).toEqual([]);
  });
});

describe('statements that run', () => {
  const running = async (node: TestNode, part: string) => {
    const { body } = await node.request<{ statements: ClientStatement[] }>('GET', '/v1/statements');
    return body.statements.find(({ statement }) => statement.includes(part)) ?? null;
  };

  it('are listed and ended on the node that executes them', async () => {
    for (const node of cluster.nodes) {
      const reading = node.request('POST', '/v1/sql', { sql: `SELECT SLEEP(60), 'on ${node.name}'` });
      const found = await until('it runs', () => running(node, `on ${node.name}`));
      expect(found).toMatchObject({ account: 'skein_admin@localhost', isCommitting: false });
      expect(found.ms).toBeLessThan(60_000);
      const ended = await node.request('DELETE', `/v1/statements/${found.id}`);
      expect([ended.status, ended.body]).toEqual([200, { node: node.name, id: found.id }]);
      await reading;
      await until('it has ended', async () => (await running(node, `on ${node.name}`)) === null);
      const again = await node.request('DELETE', `/v1/statements/${found.id}`);
      expect([again.status, again.body.error?.code]).toEqual([404, 'NO_STATEMENT']);
    }
  });

  it('and wait for their quorum are not ended: the server would answer OK without it', async () => {
    const { primary } = cluster;
    const since = await endOf(primary);
    const { done, connection } = await withoutReplicas(async (): Promise<Started> => {
      const waiting = await insert('shown');
      await untilWaiting(primary, waiting.id);
      const found = await until('it is shown', () => running(primary, "'shown'"));
      expect([found.session, found.isCommitting]).toEqual([waiting.id, true]);
      const refused = await primary.request('DELETE', `/v1/statements/${found.id}`);
      expect([refused.status, refused.body.error?.code]).toEqual([409, 'COMMIT_WAITS']);
      expect(waiting.answer()).toBe(null);
      return waiting;
    });
    await allReady();
    expect(await done).toBe('OK');
    connection.destroy();
    expect(await eventsSince(primary, 'commit.unacknowledged', since)).toEqual([]);
  });
});

describe('the end of a replica’s spool is lost, as at a power cut, after its server has applied it', () => {
  it('gets it again and goes on', async () => {
    const replica = cluster.node('n3');
    const state = join(replica.directory, 'spool', 'state.json');
    await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('power cut: kept')");
    await waitApplied(cluster.primary, cluster.replicas);
    await untilDurable(replica, sequenceOf(await withSql(cluster.primary, binlogGtid)));
    const notedBefore = await readFile(state);
    for (const v of ['lost', 'lost too'])
      await cluster.primary.sql(`INSERT INTO demo.t (v) VALUES ('power cut: ${v}')`);
    await waitApplied(cluster.primary, cluster.replicas);
    // Applied is not durable: a replica that no commit waits for writes its spool later.
    await untilDurable(replica, sequenceOf(await withSql(cluster.primary, binlogGtid)));
    cluster.proxy('n3').refuse();
    await replica.freeze('node');
    await cutLastGroups(join(replica.directory, 'spool'), 2);
    await writeFile(state, notedBefore);
    await replica.kill('node');
    cluster.startNode('n3');
    await until('the server asks for more', async () =>
      (await logOf(replica)).includes('ahead of the spool'),
    );
    // What it has is the cluster's, and may be read.
    expect(await replica.rows("SELECT COUNT(*) FROM demo.t WHERE v LIKE 'power cut: lost%'")).toEqual([
      ['2'],
    ]);
    cluster.proxy('n3').heal();
    await replica.untilReady();
    await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('power cut: after')");
    await checksumAtRest(cluster.primary, cluster.replicas);
  });
});

describe('settings that the promise rests on', () => {
  it('sync_binlog or flush_log_at_trx_commit changed on the primary: it is said (M9)', async () => {
    const { primary } = cluster;
    const set = (sql: string) => withSql(primary, (connection) => run(connection, sql));
    const since = await endOf(primary);
    const told = async () =>
      (await eventsSince(primary, 'replication.error', since)).filter((event) =>
        JSON.stringify(event).includes('SERVER_NOT_DURABLE'),
      );
    const warned = async () =>
      (await primary.cluster()).warnings.some((text) => text.includes('sync_binlog'));
    for (const [at, variable] of ['innodb_flush_log_at_trx_commit', 'sync_binlog'].entries()) {
      await set(`SET GLOBAL ${variable} = 0`);
      await until(`the status warns of ${variable} = 0`, warned);
      expect(await told(), 'an event').toHaveLength(at + 1);
      await set(`SET GLOBAL ${variable} = 1`);
      await until(`the status is silent again`, async () => !(await warned()));
    }
  });

  it('the dump is ended by somebody: a new one, without a fence, and commits go on', async () => {
    const { primary } = cluster;
    const since = await endOf(primary);
    const server = await primary.pid('server');
    const dump = await until('the dump is there', () =>
      withSql(primary, async (connection) => {
        const rows = await rowsOf(connection, 'SHOW PROCESSLIST');
        return rows.find((row) => /Binlog Dump/.test(String(row.Command)));
      }),
    );
    await withSql(primary, (connection) => run(connection, `KILL ${String(dump.Id)}`));
    await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('after the dump was killed')");
    await throughout('the node is not fenced', 1_000, () => unfenced(since));
    expect(await primary.pid('server')).toBe(server);
  });

  it.each([
    ['semi-sync is switched off', 'switched off', 'SET GLOBAL rpl_semi_sync_master_enabled = 0'],
    ['another semi-sync client', 'registered', null],
  ])('%s: alarm and fence, and open again by itself (C3)', async (_name, words, sql) => {
    const { primary } = cluster;
    const since = await endOf(primary);
    const pid = await primary.pid('server');
    let stranger: Source | null = null;
    if (sql !== null) await withSql(primary, (connection) => run(connection, sql));
    else {
      const target = {
        socketPath: await primary.socketPath(),
        user: 'skein_repl',
        password: primary.password('skein_repl'),
      };
      const after = parsePosition((await primary.sql("INSERT INTO demo.t (v) VALUES ('x')")).position);
      stranger = new Source(
        { target, serverId: 77, after, semiSync: true },
        {
          flavour: mariadb,
          logger: silentLogger,
          chain: () => [epochEntry(after.epoch, ORIGIN)],
          batch: () => true,
        },
      );
      await stranger.start();
    }
    await primary.untilRestarted('server', pid);
    stranger?.stop();
    const [fence] = await eventsSince(primary, 'fence', since);
    expect(fence?.reason).toContain(words);
    await allReady();
    await until('the source is there again, alone', async () => {
      const { status, clients } = await semiSync(cluster.primary);
      return status === 'ON' && clients === '1';
    });
    await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('after the fence')");
  });
});

describe('XA (H11)', () => {
  const branches = (node: TestNode) =>
    withSql(node, async (connection) =>
      (await rowsOf(connection, 'XA RECOVER')).map((row) => String(row.data)).sort(),
    );

  it('a prepared branch is on all nodes, survives kill -9 on both sides, and is committed everywhere', async () => {
    const { primary } = cluster;
    const [replica] = cluster.replicas as [TestNode];
    for (const name of ['kept', 'undone']) {
      const prepared = await start(
        primary.connectAs('skein_write'),
        `XA START '${name}'`,
        `INSERT INTO demo.t (v) VALUES ('xa ${name}')`,
        `XA END '${name}'`,
        `XA PREPARE '${name}'`,
      );
      expect(await prepared.done).toBe('OK');
      await prepared.connection.end();
    }
    await waitApplied(primary, cluster.replicas);
    for (const node of cluster.nodes) expect(await branches(node), node.name).toEqual(['kept', 'undone']);
    for (const node of [primary, replica]) {
      const pid = await node.kill('server');
      await node.untilRestarted('server', pid);
    }
    await allReady();
    await waitApplied(cluster.primary, cluster.replicas);
    for (const node of cluster.nodes) expect(await branches(node), node.name).toEqual(['kept', 'undone']);
    await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('beside the branches')");
    const commit = await start(
      cluster.primary.connectAs('skein_write'),
      "XA COMMIT 'kept'",
      "XA ROLLBACK 'undone'",
    );
    expect(await commit.done).toBe('OK');
    commit.connection.destroy();
    await checksumAtRest(cluster.primary, cluster.replicas);
    for (const node of cluster.nodes) {
      expect(await branches(node), node.name).toEqual([]);
      expect([await count(node, 'xa kept'), await count(node, 'xa undone')], node.name).toEqual([1, 0]);
    }
  });
});

describe('epochs and positions', () => {
  it('a replica whose node was down while the primary’s server died follows; old positions stay valid', async () => {
    const { primary } = cluster;
    const [, replica] = cluster.replicas as [TestNode, TestNode];
    const { position, epoch } = await primary.sql("INSERT INTO demo.t (v) VALUES ('before')");
    await replica.kill('node');
    const pid = await primary.kill('server');
    await primary.untilRestarted('server', pid);
    const later = await (await cluster.untilPrimary()).sql("INSERT INTO demo.t (v) VALUES ('after')");
    expect(later.epoch).toBeGreaterThan(epoch);
    cluster.startNode(replica.name);
    await replica.untilReady();
    for (const after of [position, later.position]) {
      const answer = await replica.sql('SELECT COUNT(*) FROM demo.t', [], { read: { after } });
      expect(answer.epoch).toBe(later.epoch);
    }
    expect(await count(replica, 'after')).toBe(1);
    // The server that died may be filled from another node.
    await allReady();
    const state = parsePosition(position);
    for (const wrong of [epoch - 1, later.epoch, later.epoch + 1, 4_000]) {
      const made = { ...state, epoch: wrong, gtid: gtidIn(wrong, state.ordinal) };
      for (const node of cluster.nodes) {
        const answer = await node.request('POST', '/v1/sql', {
          sql: 'SELECT 1',
          read: { after: formatPosition(made) },
          timeoutMs: 2_000,
        });
        // A node cannot judge an epoch that it has not heard of: it may be the primary that was replaced.
        expect([answer.status, answer.body.error?.code], `${node.name}, epoch ${wrong}`).toEqual(
          wrong > later.epoch ? [412, 'POSITION_NOT_REACHED'] : [409, 'TRANSACTION_LOST'],
        );
      }
    }
  });
});

describe('errant writes on a replica (H13)', () => {
  it.each([
    ['FLUSH PRIVILEGES', 0],
    ["CREATE USER errant@'127.0.0.9'", 1],
  ])(
    '%s as skein: found and named, the replica is closed to reads; emptied and filled it follows again',
    async (sql, at) => {
      const replica = cluster.replicas[at] as TestNode;
      const { name } = replica;
      const since = await endOf(replica);
      await withSql(replica, (connection) => run(connection, sql));
      const ERRANT = /has transaction 0-\d+-\d+, which does not come from the cluster/;
      await until('reads are refused, with the reason', async () => {
        const { status, text } = await replica.request('POST', '/v1/sql', { sql: 'SELECT 1' });
        // A request that was under way as it closed is told so only.
        return status === 503 && ERRANT.test(text);
      });
      const said = await eventsSince(replica, 'replication.error', since);
      expect(said).toContainEqual(expect.objectContaining({ code: 'ERRANT_TRANSACTION' }));
      expect(await replica.isReady()).toBe(false);
      await until('the primary’s status says it', async () => {
        const { members } = await cluster.primary.cluster();
        return members
          .find((member) => member.name === name)
          ?.reason?.includes('does not come from the cluster');
      });
      await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('beside an errant replica')");

      // It is still errant after a restart of its server.
      const pid = await replica.kill('server');
      await replica.untilRestarted('server', pid);
      await until('closed again', async () => {
        const answer = await replica.request('POST', '/v1/sql', { sql: 'SELECT 1' });
        expect(answer.status).toBe(503);
        return answer.text.includes('does not come from the cluster');
      });

      await replica.kill('node');
      await replica.kill('server');
      for (const each of ['data', 'spool', 'state'])
        await rm(join(replica.directory, each), { recursive: true });
      cluster.startNode(name);
      await allReady();
      await checksumAtRest(cluster.primary, cluster.replicas);
    },
  );
});
