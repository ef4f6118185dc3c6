import { execFileSync } from 'node:child_process';
import { appendFile, readdir, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EVENT_HEADER_SIZE, HEADER_AT, resealEvent } from '../../src/mysql-protocol/events.js';
import { binlogGtid, checksumAtRest, sequenceOf, waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { endOf, eventsSince, logOf } from '../kit/node-log.js';
import { signalPid } from '../kit/processes.js';
import { rowsOf, scalarOf, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { throughout, until } from '../kit/until.js';

/** `failover: fixed`: no other node takes over, so what the primary has lost keeps it closed. */

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ failover: 'fixed', proxied: true });
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))');
  await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('before')");
});

afterAll(async () => {
  await cluster?.dispose();
});

const count = (node: TestNode, v: string): Promise<number> =>
  withSql(node, async (connection) => {
    const [row] = await rowsOf(connection, 'SELECT COUNT(*) n FROM demo.t WHERE v = ?', [v]);
    return Number(row?.n);
  });

async function allReady(): Promise<void> {
  for (const node of cluster.nodes) await node.untilReady(30_000);
}

it('killed and started again while idle, the node is not fenced for its own old dump', async () => {
  const { primary } = cluster;
  const since = await endOf(primary);
  const server = await primary.pid('server');
  await primary.kill('node');
  cluster.startNode('n1');
  await allReady();
  // A second dump must be seen in two heartbeats in a row before the node would be fenced.
  await throughout(
    'the node is not fenced',
    1_500,
    async () => (await eventsSince(primary, 'fence', since)).length === 0,
  );
  expect(await primary.pid('server')).toBe(server);
});

/** What it writes at each heartbeat about how far its log goes has come up to now. */
async function untilNoted(): Promise<void> {
  const end = sequenceOf(await withSql(cluster.primary, binlogGtid));
  const file = join(cluster.primary.directory, 'state', 'log-end.json');
  await until(
    'the primary has noted how far its log goes',
    async () => JSON.parse(await readFile(file, 'utf8')).ordinal === end,
  );
}

async function startWithout(...parts: string[]): Promise<number> {
  const { primary } = cluster;
  await waitApplied(primary, cluster.replicas);
  await untilNoted();
  await primary.kill('node');
  await primary.kill('server');
  for (const part of parts)
    await rename(join(primary.directory, part), join(primary.directory, `${part}.away`));
  const since = await endOf(primary);
  cluster.startNode('n1');
  return since;
}

async function giveBack(...parts: string[]): Promise<void> {
  const { primary } = cluster;
  await primary.kill('node');
  await primary.kill('server');
  for (const part of parts) {
    await rm(join(primary.directory, part), { recursive: true });
    await rename(join(primary.directory, `${part}.away`), join(primary.directory, part));
  }
  cluster.startNode('n1');
  await allReady();
  await primary.sql("INSERT INTO demo.t (v) VALUES ('with its data back')");
  await checksumAtRest(primary, cluster.replicas);
}

const RESTORE_N1 = /Restore the (data|state) directory of n1/;

/** The primary stays closed and read-only, and all nodes report why. */
async function refusesToOpen(since: number, code: string, replicas = cluster.replicas): Promise<void> {
  const { primary } = cluster;
  await until(`its log says ${code}`, async () => {
    const said = await eventsSince(primary, 'replication.error', since);
    return said.some((event) => event.code === code);
  });
  const isClosed = async () => {
    const ready = await primary.request('GET', '/ready', undefined, { token: null });
    return ready.status === 503 && RESTORE_N1.test(ready.text);
  };
  // The HTTP plane is told a moment after the log.
  await until('the primary is closed and reports why', isClosed);
  // Longer than the node waits before it tries again.
  await throughout('the primary stays closed and reports why', 2_500, isClosed);
  for (const replica of replicas) {
    await until(`${replica.name} reports why`, async () => {
      const { members } = await replica.cluster();
      return RESTORE_N1.test(members.find(({ name }) => name === replica.name)?.reason ?? '');
    });
    expect(await replica.rows("SELECT COUNT(*) > 0 FROM demo.t WHERE v = 'before'")).toEqual([[1]]);
  }
  // A server without data is made first, which takes seconds on a busy machine.
  const readOnly = await until('the server of the primary answers', () =>
    withSql(primary, (connection) => scalarOf(connection, 'SELECT @@read_only')),
  );
  expect(readOnly).toBe('1');
  expect(await eventsSince(primary, 'role.open', since)).toEqual([]);
}

it('the data of the primary is gone and its state is there: it sees that itself, and is well when it has its data back', async () => {
  await refusesToOpen(await startWithout('data'), 'DATA_LOST');
  await giveBack('data');
});

it('its state is gone: without the chain no epoch is begun, and it is well when it has that back', async () => {
  await refusesToOpen(await startWithout('state'), 'CHAIN_LOST');
  await giveBack('state');
});

it('its data and its state are gone: it founds no second cluster (rule E5)', async () => {
  await refusesToOpen(await startWithout('data', 'state'), 'CHAIN_LOST');
  await giveBack('data', 'state');
});

it('an old copy of its data of the same epoch stays closed, also when only a replica comes that was behind as well', async () => {
  const { primary } = cluster;
  const behind = cluster.node('n3');
  const old = join(primary.directory, 'data.old');
  await waitApplied(primary, cluster.replicas);
  // Standing still, its files are what a power cut would leave.
  await primary.freeze('server');
  execFileSync('cp', ['-a', join(primary.directory, 'data'), old]);
  await primary.unfreeze('server');
  cluster.proxy('n3').refuse();
  await primary.sql("INSERT INTO demo.t (v) VALUES ('after the copy')");
  await untilNoted();
  await cluster.node('n2').kill('node');
  await primary.kill('node');
  await primary.kill('server');
  await rename(join(primary.directory, 'data'), join(primary.directory, 'data.away'));
  await rename(old, join(primary.directory, 'data'));
  const since = await endOf(primary);
  cluster.startNode('n1');
  cluster.proxy('n3').heal();
  await refusesToOpen(since, 'DATA_LOST', [behind]);
  cluster.startNode('n2');
  await giveBack('data');
  expect(await count(cluster.primary, 'after the copy')).toBe(1);
});

async function stopInOrder(name: string): Promise<void> {
  signalPid(await cluster.node(name).pid('node'), 'SIGTERM');
  await cluster.untilNodeEnded(name);
}

it('an event of an unknown type in the primary’s log stops replication, and the cluster says why', async () => {
  await stopInOrder('n1');
  // As a newer server could write it: the last log file of the stopped server gets one more event.
  const data = join(cluster.primary.directory, 'data');
  const names = (await readdir(data)).filter((name) => /^bin\.\d+$/.test(name)).sort();
  const file = join(data, names.at(-1) ?? '');
  const event = Buffer.alloc(EVENT_HEADER_SIZE + 4);
  const sizeBefore = (await stat(file)).size;
  const position = sizeBefore + event.length;
  event[HEADER_AT.type] = 99;
  event.writeUInt32LE(1_000_001, HEADER_AT.serverId);
  event.writeUInt32LE(event.length, HEADER_AT.size);
  event.writeUInt32LE(position, HEADER_AT.endPosition);
  await appendFile(file, resealEvent(event));

  cluster.startNode('n1');
  const reason = await until(
    'the primary says why',
    async () => {
      const found = await cluster.primary.cluster().catch(() => null);
      return (
        found?.members.find(({ name }) => name === 'n1')?.reason?.includes('type 99') &&
        found.members[0]?.reason
      );
    },
    { deadlineMs: 60_000 },
  );
  expect(reason).toContain(`position ${position}`);
  expect(await cluster.primary.isReady()).toBe(false);
  expect(await logOf(cluster.primary)).toContain('UNKNOWN_EVENT');

  // Once the event is gone the cluster goes on where it was.
  await stopInOrder('n1');
  await truncate(file, sizeBefore);
  cluster.startNode('n1');
  await allReady();
  await checksumAtRest(cluster.primary, cluster.replicas);
});
