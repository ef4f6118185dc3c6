import { execFileSync } from 'node:child_process';
import { appendFile, readdir, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EVENT_HEADER_SIZE, HEADER_AT, resealEvent } from '../../src/mysql-protocol/events.js';
import { binlogGtid, sequenceOf } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { endOf, eventsSince, logOf } from '../kit/node-log.js';
import { signalPid } from '../kit/processes.js';
import { scalarOf, withSql } from '../kit/sql-node.js';
import { throughout, until } from '../kit/until.js';

/** A cluster of one node: nobody can fill it, so what it has lost keeps it closed until it has that back. */

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ replicas: 0, first: 1, settings: { primaryWaitMs: 10 } });
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))');
  await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('before')");
});

afterAll(async () => {
  await cluster?.dispose();
});

const pathOf = (...parts: string[]) => join(cluster.primary.directory, ...parts);

/** What it writes at each heartbeat about how far its log goes has come up to now. */
async function untilNoted(): Promise<void> {
  const end = sequenceOf(await withSql(cluster.primary, binlogGtid));
  await until('the primary has noted how far its log goes', async () => {
    return JSON.parse(await readFile(pathOf('state', 'log-end.json'), 'utf8')).ordinal === end;
  });
}

async function killBoth(): Promise<void> {
  await cluster.primary.kill('node');
  await cluster.primary.kill('server');
}

async function startWithout(...parts: string[]): Promise<number> {
  await untilNoted();
  await killBoth();
  for (const part of parts) await rename(pathOf(part), pathOf(`${part}.away`));
  const since = await endOf(cluster.primary);
  cluster.startNode('n1');
  return since;
}

async function giveBack(...parts: string[]): Promise<void> {
  const { primary } = cluster;
  await killBoth();
  for (const part of parts) {
    await rm(pathOf(part), { recursive: true });
    await rename(pathOf(`${part}.away`), pathOf(part));
  }
  cluster.startNode('n1');
  await primary.untilReady(60_000);
  await primary.sql("INSERT INTO demo.t (v) VALUES ('with its data back')");
}

/** The node stays closed and its server read-only, and it says why. */
async function refusesToOpen(since: number, code: string, says: RegExp): Promise<void> {
  const { primary } = cluster;
  await until(`its log says ${code}`, async () => {
    const said = await eventsSince(primary, 'replication.error', since);
    return said.some((event) => event.code === code);
  });
  const isClosed = async () => {
    const ready = await primary.request('GET', '/ready', undefined, { token: null });
    return ready.status === 503 && says.test(ready.text);
  };
  await until('it is closed and says why', isClosed);
  // Longer than the node waits before it tries again.
  await throughout('it stays closed and says why', 2_500, isClosed);
  // A server without data is made first, which takes seconds on a busy machine.
  const readOnly = await until('its server answers', () =>
    withSql(primary, (connection) => scalarOf(connection, 'SELECT @@read_only')),
  );
  expect(readOnly).toBe('1');
  expect(await eventsSince(primary, 'role.open', since)).toEqual([]);
}

it('its data is gone: it stays closed, and serves when it has that back', async () => {
  await refusesToOpen(await startWithout('data'), 'DATA_LOST', /restore the data directory of n1/i);
  await giveBack('data');
});

it('an old copy of its data of the same epoch stays closed', async () => {
  const { primary } = cluster;
  // Standing still, its files are what a power cut would leave.
  await primary.freeze('server');
  execFileSync('cp', ['-a', pathOf('data'), pathOf('data.old')]);
  await primary.unfreeze('server');
  await primary.sql("INSERT INTO demo.t (v) VALUES ('after the copy')");
  await untilNoted();
  await killBoth();
  await rename(pathOf('data'), pathOf('data.away'));
  await rename(pathOf('data.old'), pathOf('data'));
  const since = await endOf(primary);
  cluster.startNode('n1');
  await refusesToOpen(since, 'DATA_LOST', /restore the data directory of n1/i);
  await giveBack('data');
  expect(await primary.rows("SELECT COUNT(*) FROM demo.t WHERE v = 'after the copy'")).toEqual([['1']]);
});

async function stopInOrder(): Promise<void> {
  signalPid(await cluster.primary.pid('node'), 'SIGTERM');
  await cluster.untilNodeEnded('n1');
}

it('an event of an unknown type in its server’s log stops replication, and it says why', async () => {
  const { primary } = cluster;
  await stopInOrder();
  // As a newer server could write it: the last log file of the stopped server gets one more event.
  const names = (await readdir(pathOf('data'))).filter((name) => /^bin\.\d+$/.test(name)).sort();
  const file = pathOf('data', names.at(-1) ?? '');
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
    'it says why',
    async () => {
      const [own] = (await primary.cluster().catch(() => null))?.members ?? [];
      return own?.reason?.includes('type 99') && own.reason;
    },
    { deadlineMs: 60_000, context: () => cluster.logs() },
  );
  expect(reason).toContain(`position ${position}`);
  expect(await primary.isReady()).toBe(false);
  expect(await logOf(primary)).toContain('UNKNOWN_EVENT');

  // Once the event is gone the node goes on where it was.
  await stopInOrder();
  await truncate(file, sizeBefore);
  cluster.startNode('n1');
  await primary.untilReady(60_000);
});
