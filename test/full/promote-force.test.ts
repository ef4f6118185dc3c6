import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Chain } from '../../src/model/chain.js';
import type { Promotion } from '../../src/model/promotion.js';
import type { ClusterStatus } from '../../src/model/status.js';
import { listRecovered, recoveredFile } from '../../src/recovered/list.js';
import { checksumAtRest, waitApplied } from '../kit/checksum.js';
import { type CommandResult, skein } from '../kit/cli.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { endOf, logOf } from '../kit/node-log.js';
import { readPidFile, signalPid } from '../kit/processes.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/**
 * Two of three nodes are lost, and an operator makes the third the primary by force, although it lacks acknowledged writes. The two
 * come back: they follow, keep what only they had, and are voters again.
 */

const DEADLINE_MS = 120_000;

let cluster: TestCluster;
let survivor: TestNode;
let lost: TestNode[];
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  // Without a supervisor: what is killed stays down.
  cluster = await TestCluster.start({ first: 3 });
  const primary = await cluster.untilPrimary();
  await primary.sql('CREATE DATABASE forced');
  await primary.sql('CREATE TABLE forced.t (id INT PRIMARY KEY, text VARCHAR(40))');
  await primary.sql("INSERT INTO forced.t VALUES (1, 'everybody has it')");
  await waitApplied(primary, cluster.replicas);
  survivor = cluster.replicas[1] as TestNode;
  lost = cluster.nodes.filter((node) => node !== survivor);
});

afterAll(() => cluster?.dispose());

const promote = (body: { confirm?: string }) =>
  survivor.request<Promotion>('POST', `/v1/nodes/${survivor.name}/promote`, { force: true, ...body });

const byCli = (...options: string[]): Promise<CommandResult> =>
  skein(['promote', survivor.name, '--force', '--node', survivor.url, ...options], {
    env: { SKEIN_TOKEN: survivor.adminToken },
    deadlineMs: 90_000,
  });

it('is refused while there is a primary', async () => {
  const plan = await promote({});
  expect([plan.status, plan.body.done, plan.body.epoch]).toEqual([200, false, null]);
  const { cluster: name } = await survivor.cluster();
  const elsewhere = await promote({ confirm: `${name}2` });
  expect([elsewhere.status, elsewhere.body.error?.code]).toEqual([409, 'OTHER_CLUSTER']);
  const done = await promote({ confirm: name });
  expect([done.status, done.body.error?.code]).toEqual([409, 'FORCE_NOT_NEEDED']);
  expect(done.body.error?.message).toContain('skein switchover');
  const cli = await byCli('--yes', name);
  expect(cli.code).toBe(1);
  expect(cli.stderr).toContain('FORCE_NOT_NEEDED');
});

it('the survivor serves, and says before what is given up', { timeout: DEADLINE_MS }, async () => {
  await survivor.kill('node');
  for (const id of [2, 3, 4])
    await cluster.primary.sql(`INSERT INTO forced.t VALUES (${id}, 'the survivor lacks it')`);
  // So that the server of the other one has them too, not its log alone.
  await waitApplied(
    cluster.primary,
    lost.filter((node) => node !== cluster.primary),
  );
  await Promise.all(lost.flatMap((node) => [node.kill('node'), node.kill('server')]));
  await stopsAlone(cluster.primary);
  cluster.startNode(survivor.name);

  const plan = await until(
    'it may be forced',
    async () => {
      // Before the election of this node has begun, the answer is an error.
      const { status, body } = await promote({});
      return status !== 200 || body.epoch === null ? null : body;
    },
    { deadlineMs: 60_000, context: () => cluster.logs() },
  );
  expect(plan.done).toBe(false);
  for (const { name } of lost) expect(plan.losses.join('\n')).toContain(`${name} (voter)`);
  const shown = await byCli();
  expect([shown.code, shown.stdout.includes('Nothing was changed.')]).toEqual([0, true]);
  expect(await survivor.isOpenPrimary()).toBe(false);

  const done = await byCli('--yes', plan.cluster);
  expect(done.code, done.stderr).toBe(0);
  expect(done.stdout).toContain(
    `${survivor.name} is the primary of the cluster ${plan.cluster} now, in epoch ${plan.epoch}, by force.`,
  );
  await survivor.sql("INSERT INTO forced.t VALUES (2, 'written after that')");
  const status = await survivor.cluster();
  expect(status).toMatchObject({ primary: survivor.name, epoch: plan.epoch, quorum: { voters: 1 } });
  expect(status.warnings.join('\n')).toContain('was made the primary by force');
  for (const text of ['election.forced', `"promote":"${survivor.name}"`]) {
    const trail = await skein(['audit', 'search', '--text', text, '--node', survivor.url, '--json'], {
      env: { SKEIN_TOKEN: survivor.adminToken },
    });
    expect(trail.stdout, trail.stderr).toContain(text);
  }
});

it('the lost come back as replicas, and become voters', { timeout: 2 * DEADLINE_MS }, async () => {
  for (const { name } of lost) cluster.startNode(name);
  const stopWatching = new AbortController();
  const restarts = Promise.all(lost.map(({ name }) => startAgain(name, stopWatching.signal)));
  try {
    await until(
      'all three are voters, and healthy',
      async () => {
        const { members, quorum, primary } = await survivor.cluster();
        return (
          primary === survivor.name &&
          quorum.voters === 3 &&
          members.every(({ voter, state, reason }) => voter && state === 'live' && reason === null)
        );
      },
      { deadlineMs: DEADLINE_MS, intervalMs: 500, context: () => cluster.logs() },
    );
  } finally {
    stopWatching.abort();
    await restarts;
  }
  for (const node of lost) await node.untilReady(60_000);
  await checksumAtRest(survivor, lost, { deadlineMs: 60_000 });
  expect(await survivor.rows('SELECT id, text FROM forced.t ORDER BY id')).toEqual([
    [1, 'everybody has it'],
    [2, 'written after that'],
  ]);
  expect((await survivor.cluster()).warnings.join('\n')).not.toContain('by force');
});

it('what only the lost had is kept', async () => {
  for (const { directory, name } of lost) {
    const entries = await listRecovered(directory);
    const log = entries.find(({ isSpool }) => isSpool);
    expect(log, name).toMatchObject({ transactions: 3 });
    expect(log?.reason).toContain(`${survivor.name} was made the primary by force`);
    const rows = entries.find(({ isSpool }) => !isSpool);
    const text = await readFile(recoveredFile(directory, rows?.name ?? ''), 'utf8');
    expect(text.match(/the survivor lacks it/g)?.length, name).toBeGreaterThanOrEqual(3);
    const shown = await skein(['recovered', 'show', directory, log?.name ?? '']);
    expect([shown.code, shown.stdout.includes('skein spool show')]).toEqual([0, true]);
  }
});

it('the next primary is an ordinary one', { timeout: DEADLINE_MS }, async () => {
  const [next] = lost as [TestNode];
  const { epoch } = await survivor.cluster();
  await cluster.makePrimary(next.name);
  await next.sql("INSERT INTO forced.t VALUES (3, 'in the epoch after that')");
  const status: ClusterStatus = await next.cluster();
  // The next one, when nobody else was elected in between; those of another timeline are millions away.
  expect(status.epoch - epoch).toBeGreaterThan(0);
  expect(status.epoch - epoch).toBeLessThan(1_000);
  const others = cluster.nodes.filter((node) => node !== next);
  await checksumAtRest(next, others, { deadlineMs: 60_000 });
  for (const { directory } of cluster.nodes) {
    const chain: Chain = JSON.parse(await readFile(join(directory, 'state', 'chain.json'), 'utf8'));
    expect(chain.map((entry) => entry.epoch)).toContain(epoch);
  }
});

/** A former primary does not start its server before it is known who was elected. It stops in order all the same. */
async function stopsAlone(former: TestNode): Promise<void> {
  const before = await endOf(former);
  cluster.startNode(former.name);
  const said = async () => (await logOf(former)).slice(before);
  await until('its server waits', async () => (await said()).includes('a majority must elect a primary'), {
    context: () => former.logs(),
  });
  signalPid(await readPidFile(join(former.directory, 'node.pid')), 'SIGTERM');
  await cluster.untilNodeEnded(former.name);
  expect(await said()).toContain('"msg":"node stopped"');
  expect(await said()).not.toContain('"msg":"server started"');
}

/** A node that gives up its log ends; whatever keeps it running starts it again. */
async function startAgain(name: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const ended = await cluster.untilNodeEnded(name, 1_000).then(
      () => true,
      () => false,
    );
    if (ended && !signal.aborted) cluster.startNode(name);
  }
}
