/**
 * The two planes of a node: what the thread that serves clients does, or fails to do, delays neither commits nor
 * heartbeats, and its death is nobody's but its connections'.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../../src/std/timing.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole, startWriters } from '../kit/kill-rounds.js';
import { blockClients, TROUBLE, throwInClients } from '../kit/planes/trouble.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

let cluster: TestCluster;
let primary: TestNode;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ env: TROUBLE });
  primary = cluster.primary;
  await createLedger(cluster);
  await primary.sql('CREATE DATABASE planes');
  await primary.sql('CREATE TABLE planes.direct (id INT PRIMARY KEY AUTO_INCREMENT, v INT)');
});

afterAll(async () => {
  await cluster?.dispose();
});

/** Commits on the server itself, past the client plane: each needs the acknowledgement of a replica. */
class DirectCommits {
  count = 0;
  #stopped = false;
  readonly #ended: Promise<void>;

  constructor(connection: Connection) {
    this.#ended = this.#run(connection);
  }

  async #run(connection: Connection): Promise<void> {
    while (!this.#stopped) {
      await connection.query('INSERT INTO planes.direct (v) VALUES (1)');
      this.count++;
      await sleep(5);
    }
    await connection.end();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }
}

/** Links that were lost since the cluster began. */
const linksLost = async () =>
  (await Promise.all(cluster.nodes.map(eventsOf))).flat().filter(({ event }) => event === 'link.down').length;

const answers = (node: TestNode, ms: number) =>
  fetch(`${node.url}/health`, { signal: AbortSignal.timeout(ms) }).then(
    ({ status }) => status === 200,
    () => false,
  );

async function eventsOf({ directory }: TestNode): Promise<{ event: string; reason: string }[]> {
  const lines = (await readFile(join(directory, 'node.log'), 'utf8')).split('\n');
  return lines.filter((line) => line.includes('"msg":"cluster event"')).map((line) => JSON.parse(line));
}

const restartsOf = async (node: TestNode) =>
  (await eventsOf(node)).filter(({ event }) => event === 'clients.restarted').map(({ reason }) => reason);

it('a client plane that stands still delays no commit, and no link is lost', async () => {
  const commits = new DirectCommits(await primary.connect());
  const before = await linksLost();
  try {
    await until('commits go on', () => commits.count > 5);
    await blockClients(primary, 4_000);
    const begun = commits.count;
    await until('commits are acknowledged meanwhile', () => commits.count > begun + 20, {
      deadlineMs: 3_500,
    });
    expect(await answers(primary, 200), 'the client plane stands still').toBe(false);
    await until('clients are served again', () => answers(primary, 5_000));
  } finally {
    await commits.stop();
  }
  expect(await linksLost()).toBe(before);
});

it('a client plane that fails is started again; replication goes on, and nothing acknowledged is lost', async () => {
  const pid = await primary.pid('node');
  const before = await linksLost();
  const pool = startWriters(cluster);
  try {
    await pool.ledger.progress(20, 20_000, 'writes go on');
    for (const node of [primary, cluster.node('n3')]) await throwInClients(node);
    await pool.ledger.progress(20, 10_000, 'writes go on after it');
  } finally {
    await pool.stop();
  }
  expect(await primary.pid('node')).toBe(pid);
  // The writers may have gone on through another node.
  for (const node of [primary, cluster.node('n3')])
    await until(`${node.name} serves again`, () => answers(node, 5_000), { deadlineMs: 30_000 });
  expect(await linksLost()).toBe(before);
  await expectWhole(cluster, pool.ledger);
  expect(await restartsOf(primary)).toEqual([expect.stringContaining(': a fault made by a test.')]);
  const audit = await primary.request('GET', '/v1/audit?kind=event&tail=100');
  expect(audit.text).toContain('"event":"clients.restarted"');
});

it('one that does not turn any more is ended after five seconds', async () => {
  const pid = await primary.pid('node');
  await until('clients are served', () => answers(primary, 5_000), { deadlineMs: 30_000 });
  await blockClients(primary, 120_000);
  await until('clients are served again', () => answers(primary, 5_000), { deadlineMs: 30_000 });
  expect(await primary.pid('node')).toBe(pid);
  expect(await restartsOf(primary)).toContainEqual(
    expect.stringContaining('its event loop did not turn for 5000 ms'),
  );
});

it('a fence does not wait for a client plane that stands still', async () => {
  const pid = await primary.pid('node');
  const server = await primary.pid('server');
  const root = await primary.connect();
  await blockClients(primary, 120_000);
  await root.query('SET GLOBAL rpl_semi_sync_master_enabled = 0');
  root.destroy();
  expect(await primary.untilRestarted('server', server)).not.toBe(server);
  await primary.untilReady(60_000);
  expect(await primary.pid('node')).toBe(pid);
  const events = await eventsOf(primary);
  const names = events.map(({ event }) => event);
  const fence = names.lastIndexOf('fence');
  expect(names.indexOf('server.down', fence)).toBeLessThan(names.indexOf('clients.restarted', fence));
  expect((await restartsOf(primary)).at(-1)).toContain('it did not cut its connections within 1000 ms');
});
