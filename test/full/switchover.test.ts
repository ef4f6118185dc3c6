import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Switchover } from '../../src/model/switchover.js';
import { checksumAtRest } from '../kit/checksum.js';
import { checkLedger, Ledger, type WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, LEDGER_DATABASE } from '../kit/kill-rounds.js';
import { signalPid } from '../kit/processes.js';
import { startRoleWriters } from '../kit/role-writers.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** The primary hands over in order, under load: nothing is lost, no server is restarted or filled, and the pause is short. */

/** In each direction. */
const ROUNDS = Number(process.env.SKEIN_TEST_ROUNDS ?? 5);
/** Writes between two switchovers: proof that the cluster serves, and something to lose. */
const WRITES_BETWEEN = 20;
/** A calm machine needs about a tenth; a machine that does other things too needs longer. */
const PAUSE_MAX_MS = 5_000;

let cluster: TestCluster;
let ledger: Ledger;
let pool: WriterPool;
let gaps: number[] = [];
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createLedger(cluster);
  ledger = new Ledger();
  pool = startRoleWriters(cluster, ledger, {
    ...{ http: 1, mysql: 1, pauseAfterErrorMs: 10, paceMs: 20 },
    gap: (ms) => gaps.push(ms),
  });
});

afterAll(async () => {
  await pool?.stop();
  await cluster?.dispose();
});

const primary = () =>
  until('a primary is open', () => cluster.electedPrimary(), {
    deadlineMs: 30_000,
    context: () => cluster.logs(),
  });

const order = (node: TestNode, body: { to?: string; dryRun?: boolean }) =>
  node.request<Switchover>('POST', '/v1/cluster/switchover', body, { timeoutMs: 75_000 });

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

it('a dry run says who would take over, and changes nothing', async () => {
  const before = await primary();
  const { epoch } = await before.cluster();
  const others = cluster.nodes.filter((node) => node !== before);
  const { status, body } = await order(before, { dryRun: true });
  expect(status).toBe(200);
  expect(body).toMatchObject({ dryRun: true, from: before.name, epoch, pauseMs: null, against: [] });
  expect(others.map(({ name }) => name)).toContain(body.to);
  expect((await before.cluster()).epoch).toBe(epoch);
});

it('refusals say what stands against it', async () => {
  const before = await primary();
  const replica = cluster.nodes.find((node) => node !== before) as TestNode;
  const onReplica = await order(replica, {});
  expect(onReplica.status).toBe(421);
  expect(onReplica.body.error).toMatchObject({ code: 'NOT_PRIMARY', primary: before.url });
  const toItself = await order(before, { to: before.name });
  expect([toItself.status, toItself.body.error?.code]).toEqual([409, 'ALREADY_PRIMARY']);
  const toNobody = await order(before, { to: 'n9' });
  expect([toNobody.status, toNobody.body.error?.code]).toEqual([409, 'NO_TARGET']);
  expect(toNobody.body.error?.message).toContain('n9 is not a member');
});

it('hands over to and fro under load', { timeout: 60_000 + ROUNDS * 60_000 }, async () => {
  const pids = await Promise.all(cluster.nodes.map((node) => node.pid('server')));
  const told: number[] = [];
  const seen: number[] = [];
  for (let round = 0; round < 2 * ROUNDS; round++) {
    await ledger.progress(WRITES_BETWEEN, 40_000, `writes before switchover ${round}`);
    const before = await primary();
    const to = cluster.node(before.name === 'n2' ? 'n1' : 'n2');
    await to.untilReady(60_000);
    gaps = [];
    const { status, text, body } = await order(before, { to: to.name });
    expect(status, text).toBe(200);
    expect(body).toMatchObject({ dryRun: false, from: before.name, to: to.name });
    expect(await to.isOpenPrimary()).toBe(true);
    await ledger.progress(WRITES_BETWEEN, 40_000, `writes after switchover ${round}`);
    told.push(body.pauseMs ?? Number.NaN);
    seen.push(Math.round(Math.max(...gaps)));
  }
  for (const node of cluster.nodes) await node.untilReady(90_000);
  console.log(
    `told: ${told.join(' ')}, median ${median(told)} ms; seen by writers: ${seen.join(' ')}, median ${median(seen)} ms`,
  );
  expect(await Promise.all(cluster.nodes.map((node) => node.pid('server')))).toEqual(pids);
  // One of them may meet a machine that does something else.
  expect(median(seen)).toBeLessThan(PAUSE_MAX_MS);
});

it('a primary that is stopped in order hands over first', async () => {
  await ledger.progress(WRITES_BETWEEN, 40_000, 'writes before the stop');
  const before = await primary();
  const { epoch } = await before.cluster();
  const pid = await before.pid('node');
  signalPid(pid, 'SIGTERM');
  await before.untilRestarted('node', pid);
  await before.untilReady(90_000);
  await ledger.progress(WRITES_BETWEEN, 40_000, 'writes after the stop');
  const after = await primary();
  expect(after.name).not.toBe(before.name);
  expect((await after.cluster()).epoch).toBe(epoch + 1);
  const reports = await readFile(join(after.directory, 'state', 'failovers.jsonl'), 'utf8');
  const report = JSON.parse(reports.trim().split('\n').at(-1) ?? '');
  expect(report).toMatchObject({ epoch: epoch + 1, primaryBefore: before.name, detectedHow: 'transfer' });
});

it('a node in maintenance hands over, and keeps no lead', async () => {
  for (const node of cluster.nodes) await node.untilReady(90_000);
  const before = await primary();
  const set = (on: boolean) => before.request('POST', `/v1/nodes/${before.name}/maintenance`, { on });
  const replica = cluster.nodes.find((node) => node !== before) as TestNode;
  const elsewhere = await replica.request('POST', `/v1/nodes/${before.name}/maintenance`, { on: true });
  expect([elsewhere.status, elsewhere.body.error?.code]).toEqual([421, 'OTHER_NODE']);
  expect((await set(true)).status).toBe(200);
  const after = await until(
    'another node is the primary',
    async () => {
      const found = await cluster.electedPrimary();
      return found && found !== before ? found : null;
    },
    { deadlineMs: 30_000, context: () => cluster.logs() },
  );
  await ledger.progress(WRITES_BETWEEN, 40_000, 'writes after the maintenance began');
  const shown = await until(
    'the new primary shows it',
    async () => {
      const member = (await after.cluster()).members.find(({ name }) => name === before.name);
      return member?.maintenance === true ? member : null;
    },
    { deadlineMs: 30_000, context: () => cluster.logs() },
  );
  expect(shown.voter).toBe(true);
  // The fittest is the third node now, and the one in maintenance is not asked for.
  const plan = await order(after, { dryRun: true });
  expect(plan.body.to).not.toBe(before.name);
  expect(plan.body.against.join()).toContain(`${before.name} is in maintenance.`);
  expect((await set(false)).status).toBe(200);
});

it('nothing that was acknowledged is lost, and all nodes are equal', async () => {
  await pool.stop();
  const leader = await primary();
  const others = cluster.nodes.filter((node) => node !== leader);
  await checksumAtRest(leader, others, { deadlineMs: 60_000 });
  for (const node of cluster.nodes) await checkLedger(ledger, node, LEDGER_DATABASE);
  console.log(ledger.summary());
  // No client got an error of its statement because the primary moved: 421 and 5xx say where or when to send it again, and what a
  // driver is told is that its connection has ended.
  const told = [...ledger.reasons.keys()];
  expect(told.filter((reason) => /^HTTP 4(?!21)/.test(reason))).toEqual([]);
  expect(told.filter((reason) => /^ER_/.test(reason))).toEqual([]);
});
