import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileTargets } from '../fuzz/files.js';
import { httpTargets } from '../fuzz/http.js';
import { linkTargets } from '../fuzz/link.js';
import { type MysqlPorts, mysqlTargets } from '../fuzz/mysql.js';
import { type FuzzTarget, fuzz } from '../fuzz/target.js';
import { ClusterWatch } from '../fuzz/watch.js';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { seededRandom } from '../kit/random.js';
import { clusterSecret } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/**
 * Hostile input at every door of a real cluster, from a seed: `npm run fuzz -- --minutes 10` is the same for longer,
 * `--target <name> --seed <n> --case <n>` plays one input again. Besides the answers, the verdict is that every node answers
 * all the while, keeps its memory and its processes, and that the replicas are equal afterwards.
 */
const NAMES = [
  'MySQL port before login',
  'MySQL port after login',
  'link before the proof',
  'link of a peer that knows the secret',
  'HTTP bodies',
  'HTTP bytes and headers',
  'spool files',
  'state files',
  'command line',
] as const;

const { SKEIN_FUZZ_SECONDS, SKEIN_FUZZ_SEED, SKEIN_FUZZ_TARGET, SKEIN_FUZZ_CASE } = process.env;
/** The same at each run, so that no run fails by chance; `npm run fuzz` takes another one each time. */
const SEED = Number(SKEIN_FUZZ_SEED ?? 1);
const CHOSEN = NAMES.filter((name) => SKEIN_FUZZ_TARGET === undefined || name === SKEIN_FUZZ_TARGET);
const SHARE_MS = (Number(SKEIN_FUZZ_SECONDS ?? 15) * 1000) / Math.max(1, CHOSEN.length);
const ONE_CASE = SKEIN_FUZZ_CASE === undefined ? {} : { from: Number(SKEIN_FUZZ_CASE), cases: 1 };

let cluster: TestCluster;
let scratch: string;
let targets: FuzzTarget[];
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  scratch = await mkdtemp(join(tmpdir(), 'skein-fuzz-'));
  await cluster.primary.sql('CREATE DATABASE fuzz');
  await cluster.primary.sql('CREATE TABLE fuzz.t (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT)');
  const token = async (role: string) =>
    (await cluster.primary.request<{ token: string }>('POST', '/v1/tokens', { role, name: `fuzz ${role}` }))
      .body.token;
  const tokens = { read: await token('read'), write: await token('write') };
  targets = [
    ...mysqlTargets(await mysqlPorts()),
    ...linkTargets({
      port: cluster.primary.linkPort,
      cluster: 'demo',
      secret: clusterSecret(cluster.directory),
    }),
    ...httpTargets({ nodes: cluster.nodes, tokens }),
    ...(await fileTargets(scratch)),
  ];
});

afterAll(async () => {
  await cluster?.dispose();
  await rm(scratch, { recursive: true, force: true });
});

async function mysqlPorts(): Promise<MysqlPorts[]> {
  const text = await readFile(join(cluster.directory, 'mysql.cnf'), 'utf8');
  const field = (name: string) => new RegExp(`^${name}\\s*=\\s*"?([^"\\n]*)`, 'm').exec(text)?.[1] ?? '';
  const { members } = await cluster.primary.cluster();
  const portOf = (address: string | null) => Number(address?.split(':')[1]);
  return members.map(({ mysqlRw, mysqlRo }) => ({
    readWrite: portOf(mysqlRw),
    readOnly: portOf(mysqlRo),
    user: field('user'),
    password: field('password'),
  }));
}

it.each(CHOSEN)(
  '%s',
  async (name) => {
    const target = targets.find((each) => each.name === name);
    if (!target) throw new Error(`no target ${name}`);
    const watch = new ClusterWatch(cluster);
    await watch.start();
    const { cases, faults } = await fuzz(
      target,
      { durationMs: SHARE_MS, seed: SEED, ...ONE_CASE },
      seededRandom,
    );
    const seen = await watch.end();
    console.log(`${name}: ${cases} inputs, seed ${SEED}`);
    expect({ faults, watch: seen }, `again: npm run fuzz -- --target "${name}" --seed ${SEED}`).toEqual({
      faults: [],
      watch: [],
    });
    expect(cases).toBeGreaterThan(0);
  },
  SHARE_MS + 120_000,
);

it('afterwards writes are answered with a quorum, and all nodes hold the same', async () => {
  for (const node of cluster.nodes) await node.untilReady();
  const { position } = await cluster.primary.sql("INSERT INTO fuzz.t (v) VALUES ('after all that')");
  for (const replica of cluster.replicas) await replica.sql('SELECT 1', [], { read: { after: position } });
  await until('all count', async () => (await cluster.primary.cluster()).quorum.attached === 3);
  await checksumAtRest(cluster.primary, cluster.replicas);
});
