/**
 * The planes of a node: what a thread that serves clients does, or fails to do, delays neither commits nor heartbeats, nor
 * the clients of the other one, and only its own connections end with it.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditKey } from '../../src/audit/sealed-line.js';
import { verifyTrail } from '../../src/audit/verify.js';
import { sleep } from '../../src/std/timing.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole, startWriters } from '../kit/kill-rounds.js';
import { blockPlane, TROUBLE, throwInPlane } from '../kit/planes/trouble.js';
import { openSql, scalarOf } from '../kit/sql-node.js';
import { clusterSecret, type TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

let cluster: TestCluster;
let primary: TestNode;
/** The read-write port of the primary. */
let readWrite: number;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ env: TROUBLE });
  primary = cluster.primary;
  const { members } = await primary.cluster();
  readWrite = Number(members.find(({ name }) => name === primary.name)?.mysqlRw?.split(':')[1]);
  await createLedger(cluster);
  await primary.sql('CREATE DATABASE planes');
  await primary.sql('CREATE TABLE planes.t (id INT PRIMARY KEY AUTO_INCREMENT, v INT)');
});

afterAll(async () => {
  await cluster?.dispose();
});

/** Writes of one client, one after the other; each needs the acknowledgement of a replica. */
class Commits {
  count = 0;
  #stopped = false;
  readonly #ended: Promise<void>;

  constructor(insert: () => Promise<unknown>) {
    this.#ended = this.#run(insert);
  }

  async #run(insert: () => Promise<unknown>): Promise<void> {
    while (!this.#stopped) {
      await insert();
      this.count++;
      await sleep(5);
    }
  }

  /** Some more of them are acknowledged. */
  async goOn(what: string): Promise<void> {
    const begun = this.count;
    await until(what, () => this.count > begun + 20);
  }

  /** @throws what one of them has failed with */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }
}

const INSERT = 'INSERT INTO planes.t (v) VALUES (1)';

/** A client of the read-write port of the primary. */
async function openPort(connectTimeout = 10_000): Promise<Connection> {
  const connection = await openSql({
    ...{ host: '127.0.0.1', port: readWrite, user: 'app', password: primary.password('app'), connectTimeout },
  });
  connection.on('error', () => {});
  return connection;
}

/** Links that were lost since the cluster began. */
const linksLost = async () =>
  (await Promise.all(cluster.nodes.map(eventsOf))).flat().filter(({ event }) => event === 'link.down').length;

const answers = (node: TestNode, ms: number) =>
  fetch(`${node.url}/health`, { signal: AbortSignal.timeout(ms) }).then(
    ({ status }) => status === 200,
    () => false,
  );

/** Less than the time after which a thread that does not turn is ended. */
const BLOCKED_MS = 4_000;

/** Whether the port takes a client in this time. */
const takes = (ms: number) =>
  openPort(ms).then(
    (connection) => {
      connection.destroy();
      return true;
    },
    () => false,
  );

/** Whole lines: the node may be writing the last one. */
async function logOf({
  directory,
}: TestNode): Promise<{ msg: string; event?: string; plane?: string; reason: string }[]> {
  const lines = (await readFile(join(directory, 'node.log'), 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

const eventsOf = async (node: TestNode) => (await logOf(node)).filter(({ msg }) => msg === 'cluster event');

const restartsOf = async (node: TestNode) =>
  (await eventsOf(node))
    .filter(({ event }) => event === 'clients.restarted')
    .map(({ plane, reason }) => `${plane}: ${reason}`);

describe('a thread that stands still', () => {
  it.each(['http', 'mysql'] as const)('the plane %s delays no commit but its own', async (plane) => {
    const server = await primary.connect();
    const port = await openPort();
    const commits = {
      server: new Commits(() => server.query(INSERT)),
      ...(plane === 'http'
        ? { port: new Commits(() => port.query(INSERT)) }
        : { http: new Commits(() => primary.sql(INSERT)) }),
    };
    const before = await linksLost();
    try {
      for (const [from, each] of Object.entries(commits)) await each.goOn(`commits go on: ${from}`);
      // Again on a machine that is too busy for some commits in this time.
      await until('commits are acknowledged while the plane stands still', async () => {
        const endMs = performance.now() + BLOCKED_MS;
        await blockPlane(primary, plane, BLOCKED_MS);
        const begun = Object.values(commits).map((each) => [each, each.count] as const);
        const serves = plane === 'http' ? answers(primary, 200) : takes(200);
        expect((await serves) && performance.now() < endMs, 'the plane stands still').toBe(false);
        const goOn = () => begun.every(([each, count]) => each.count > count + 10);
        while (!goOn() && performance.now() < endMs) await sleep(10);
        return goOn() && performance.now() < endMs;
      });
      await until('its clients are served again', () =>
        plane === 'http' ? answers(primary, 5_000) : takes(5_000),
      );
    } finally {
      for (const each of Object.values(commits)) await each.stop();
      await server.end();
      port.destroy();
    }
    expect(await linksLost()).toBe(before);
  });

  it('of the MySQL ports leaves the rest of the metrics', async () => {
    const metrics = async () => (await primary.request('GET', '/metrics')).text;
    await until('the port takes clients', () => takes(5_000));
    expect(await metrics()).toMatch(/^skein_mysql_connections\{port="read-write"\} \d+$/m);
    const text = await until('metrics without those of the thread that stands still', async () => {
      await blockPlane(primary, 'mysql', 3_000);
      const told = await metrics();
      return told.includes('skein_mysql_') ? null : told;
    });
    expect(text).toMatch(/^nodejs_heap_size_used_bytes\{thread="http"\} \d+$/m);
    await until('all are there again', async () => (await metrics()).includes('skein_mysql_connections'));
    for (const thread of ['replication', 'http', 'mysql'])
      expect(await metrics()).toMatch(
        new RegExp(`^nodejs_heap_size_used_bytes\\{thread="${thread}"\\} \\d+$`, 'm'),
      );
  });

  it('is ended after five seconds, and started again', async () => {
    const pid = await primary.pid('node');
    for (const plane of ['http', 'mysql'] as const) await blockPlane(primary, plane, 120_000);
    await until('HTTP is served again', () => answers(primary, 5_000), { deadlineMs: 60_000 });
    await until('the port takes clients again', () => takes(5_000), { deadlineMs: 60_000 });
    expect(await primary.pid('node')).toBe(pid);
    const restarts = await restartsOf(primary);
    for (const plane of ['http', 'mysql'])
      expect(restarts).toContainEqual(
        expect.stringMatching(`^${plane}: .*its event loop did not turn for 5000 ms`),
      );
  });
});

describe('a thread that fails', () => {
  it('of HTTP cuts no session of the MySQL ports, and nothing acknowledged is lost', async () => {
    const pid = await primary.pid('node');
    const before = await linksLost();
    const port = await openPort();
    const session = await scalarOf(port, 'SELECT CONNECTION_ID()');
    await port.query('BEGIN');
    await port.query(INSERT);
    const pool = startWriters(cluster);
    try {
      await pool.ledger.progress(20, 60_000, 'writes go on');
      for (const node of [primary, cluster.node('n3')]) await throwInPlane(node, 'http');
      await pool.ledger.progress(20, 60_000, 'writes go on after it');
    } finally {
      await pool.stop();
    }
    await port.query('COMMIT');
    expect(await scalarOf(port, 'SELECT CONNECTION_ID()')).toBe(session);
    port.destroy();
    expect(await primary.pid('node')).toBe(pid);
    // The writers may have gone on through another node.
    for (const node of [primary, cluster.node('n3')])
      await until(`${node.name} serves again`, () => answers(node, 5_000), { deadlineMs: 60_000 });
    expect(await linksLost()).toBe(before);
    await expectWhole(cluster, pool.ledger);
    expect((await restartsOf(primary)).at(-1)).toMatch(/^http: .*: a fault made by a test\./);
  });

  it('of the MySQL ports cuts their clients, and no request over HTTP', async () => {
    const pid = await primary.pid('node');
    const port = await openPort();
    const cut = new Promise((resolve) => port.on('error', resolve));
    const http = new Commits(() => primary.sql(INSERT));
    try {
      await http.goOn('writes over HTTP go on');
      await throwInPlane(primary, 'mysql');
      await until('the client is cut', () => Promise.race([cut, sleep(50).then(() => null)]));
      await http.goOn('writes over HTTP go on after it');
      await until('the port takes clients again', () => takes(5_000));
    } finally {
      await http.stop();
    }
    expect(await primary.pid('node')).toBe(pid);
    expect((await restartsOf(primary)).at(-1)).toMatch(/^mysql: .*: a fault made by a test\./);
  });

  it('loses no line of the audit trail about the other', async () => {
    const count = (await restartsOf(primary)).length;
    // The second one is told while nobody writes the trail.
    await throwInPlane(primary, 'http');
    await throwInPlane(primary, 'mysql');
    await until('HTTP is served again', () => answers(primary, 5_000), { deadlineMs: 60_000 });
    await until('both were started again', async () => (await restartsOf(primary)).length === count + 2);
    const restarts = () =>
      primary.request('GET', '/v1/audit?kind=event&text=clients.restarted&tail=100').then(({ text }) =>
        text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line).plane),
      );
    const logged = (await restartsOf(primary)).map((line) => line.split(':')[0]);
    await until('the trail has what the log has', async () => (await restarts()).length === logged.length);
    expect(await restarts()).toEqual(logged);
    const verdict = await verifyTrail(
      join(primary.directory, 'audit'),
      auditKey(clusterSecret(cluster.directory)),
    );
    expect(verdict).toMatchObject({ ok: true, faults: [] });
  });
});

it('a fence does not wait for threads that stand still', async () => {
  const pid = await primary.pid('node');
  const server = await primary.pid('server');
  const root = await primary.connect();
  await until('both serve', async () => (await answers(primary, 5_000)) && (await takes(5_000)));
  for (const plane of ['http', 'mysql'] as const) await blockPlane(primary, plane, 120_000);
  await root.query('SET GLOBAL rpl_semi_sync_master_enabled = 0');
  root.destroy();
  expect(await primary.untilRestarted('server', server)).not.toBe(server);
  await primary.untilReady();
  expect(await primary.pid('node')).toBe(pid);
  const lines = (await logOf(primary)).map(({ msg, event, plane, reason }) => ({
    what: event ?? msg,
    restart: event === 'clients.restarted' ? `${plane}: ${reason}` : null,
  }));
  const fence = lines.findLastIndex(({ what }) => what === 'fence');
  const after = lines.slice(fence);
  const restarts = after.flatMap(({ restart }) => restart ?? []).sort();
  // On a busy machine the fence may come so late that they were ended before, because they did not turn.
  if (restarts.length < 2) return;
  expect(after.findIndex(({ what }) => what === 'server killed')).toBeLessThan(
    after.findIndex(({ restart }) => restart !== null),
  );
  expect(restarts[0]).toMatch(/^http: .*it did not cut its connections within 1000 ms/);
  expect(restarts[1]).toMatch(/^mysql: .*it did not cut its connections within 1000 ms/);
});
