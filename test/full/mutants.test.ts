import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { sleep } from '../../src/std/timing.js';
import { judgeLedger } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, startWriters } from '../kit/kill-rounds.js';
import { isInSpool, ledgerInSpool } from '../kit/spool-files.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';
import { start, untilWaiting } from '../kit/waiting.js';

/**
 * Schedules that the product survives, and the same schedules with one thing broken in it, which they find out. The
 * mutants are loaded into the nodes' processes from outside (test/kit/mutants); the product has no switch for them.
 * "Answered at once" is the fourth one, in durable.test.ts; a spool that acknowledges before its sync on a disk that
 * forgets, and a directory that is not synced, are in src/spool/spool.simulation.test.ts.
 */

let cluster: TestCluster;
afterEach(() => cluster?.dispose());
showLogsOnFailure(() => cluster);

async function startWith(...mutants: string[]): Promise<void> {
  const files = mutants.map((name) =>
    pathToFileURL(join(import.meta.dirname, '../kit/mutants', `${name}.mjs`)),
  );
  const options = files.map(({ href }) => `--import=${href}`).join(' ');
  // Links are cut for a moment, and no other node is to be elected meanwhile.
  cluster = await TestCluster.start({
    ...{ proxied: true, patient: true, env: { NODE_OPTIONS: options } },
    // Servers stand still here, however long writers need on a busy machine.
    settings: { serverHangMs: 0 },
  });
  await createLedger(cluster);
  await cluster.primary.sql('CREATE TABLE ledger_db.t (id INT PRIMARY KEY, b LONGTEXT)');
}

/** How far this node's own log or spool goes, by its own words. */
async function received(node: TestNode): Promise<number> {
  const { members } = await node.cluster();
  return members.find(({ name }) => name === node.name)?.positions?.received ?? 0;
}

const insert = (id: number) =>
  start(
    cluster.primary.connectAs('skein_write'),
    `INSERT INTO ledger_db.t VALUES (${id}, REPEAT('<row ${id}>', 800))`,
  );

async function destroyPrimary(): Promise<void> {
  const { primary } = cluster;
  const pids = [await primary.pid('node'), await primary.pid('server')];
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until(
    'the primary is gone',
    async () => !(await primary.runs('node')) && !(await primary.runs('server')),
  );
  await rm(primary.directory, { recursive: true, force: true });
}

/** What a mutant does may take long on a busy machine; what the product does not do is looked for as long as it would take. */
const MUTANT_MS = 20_000;
const PRODUCT_MS = 1_000;

/** A row that one replica has received and nobody has acknowledged: does its server show it within this time? */
async function isShownUncommitted(ms: number): Promise<boolean> {
  const replica = cluster.node('n2');
  cluster.proxy('n3').refuse();
  cluster.proxy('n2').cutOneWay('up');
  const before = await received(replica);
  const waiting = await insert(1);
  await until('n2 has received it', async () => (await received(replica)) > before);
  const shows = () =>
    withSql(replica, (connection) => rowsOf(connection, 'SELECT id FROM ledger_db.t WHERE id = 1'));
  let shown = false;
  // A gate that leaks shows the row within a few milliseconds of its arrival.
  for (const endMs = performance.now() + ms; !shown && performance.now() < endMs; ) {
    shown = (await shows()).length > 0;
    await sleep(50);
  }
  expect(waiting.answer(), 'nobody can have acknowledged it').toBe(null);
  for (const name of ['n2', 'n3']) cluster.proxy(name).heal();
  expect(await waiting.done).toBe('OK');
  waiting.connection.destroy();
  return shown;
}

/** The log rotates behind a commit that waits, both links are cut, and the dump has to be dialled again. */
async function isAnsweredByRedial(ms: number): Promise<boolean> {
  const { primary, replicas } = cluster;
  await withSql(primary, (connection) => run(connection, 'SET GLOBAL max_binlog_size = 4096'));
  for (const { name } of replicas) cluster.proxy(name).cut();
  const before = await received(primary);
  const waiting = await insert(2);
  await untilWaiting(primary, waiting.id);
  await until('the source has received it', async () => (await received(primary)) > before);
  const dumps = () =>
    withSql(primary, async (connection) => {
      const rows = await rowsOf(connection, 'SHOW PROCESSLIST');
      return rows.filter((row) => /Binlog Dump/.test(String(row.Command))).map((row) => Number(row.Id));
    });
  const old = await dumps();
  await withSql(primary, async (connection) => {
    for (const id of old) await run(connection, `KILL ${id}`);
  });
  await until('the dump is dialled again', async () => (await dumps()).some((id) => !old.includes(id)));
  return Promise.race([waiting.done.then(() => true), sleep(ms).then(() => false)]);
}

/** Everything loses its power at once, and the primary its disk: what the spools do not hold is gone. */
async function lostByPowerCut(): Promise<number> {
  const { nodes, replicas } = cluster;
  // The replicas' servers apply nothing, so that only the spools have it.
  for (const replica of replicas) await replica.freeze('server');
  const pool = startWriters(cluster);
  await pool.ledger.progress(40, 60_000, 'inserts go on');
  for (const kind of ['node', 'server'] as const) {
    const pids = await Promise.all(nodes.map((node) => node.pid(kind)));
    for (const pid of pids) process.kill(pid, 'SIGKILL');
  }
  await destroyed();
  const ledger = await pool.stop();
  const found = new Map<string, number>();
  for (const replica of replicas)
    for (const row of await ledgerInSpool(join(replica.directory, 'spool'))) found.set(row, 1);
  const faults = judgeLedger(ledger, found);
  console.log(`${ledger.summary()}; ${faults.length} faults`);
  return faults.filter(({ kind }) => kind === 'lost').length;
}

async function destroyed(): Promise<void> {
  for (const node of cluster.nodes)
    await until(
      `${node.name} is gone`,
      async () => !(await node.runs('node')) && !(await node.runs('server')),
    );
  await rm(cluster.primary.directory, { recursive: true, force: true });
}

describe('what the product survives', () => {
  it('holds: nothing uncommitted is shown, nothing answered by a redial, nothing lost by a power cut', async () => {
    await startWith('slow-disk');
    expect(await isShownUncommitted(PRODUCT_MS)).toBe(false);
    expect(await isAnsweredByRedial(PRODUCT_MS)).toBe(false);
    for (const { name } of cluster.replicas) cluster.proxy(name).heal();
    await cluster.primary.untilReady();
    expect(await lostByPowerCut()).toBe(0);
  });
});

describe('mutants that the same schedules find out', () => {
  it('the gate is open: a replica shows what could still be lost', async () => {
    await startWith('gate-open');
    expect(await isShownUncommitted(MUTANT_MS)).toBe(true);
  });

  it('the semi-sync dump is dialled from the received position: answered without any copy, and lost', async () => {
    await startWith('dial-received');
    expect(await isAnsweredByRedial(MUTANT_MS)).toBe(true);
    await destroyPrimary();
    for (const replica of cluster.replicas)
      expect(await isInSpool(join(replica.directory, 'spool'), '<row 2>')).toBe(false);
  });

  it('the acknowledgement leaves before the fsync: acknowledged rows are lost', async () => {
    await startWith('slow-disk', 'early-ack');
    expect(await lostByPowerCut()).toBeGreaterThan(0);
  });
});
