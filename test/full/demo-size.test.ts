/** `skein demo --replicas N` on a directory that has a cluster of another size. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ClusterStatus } from '../../src/model/status.js';
import { skein } from '../kit/cli.js';
import { MAIN } from '../kit/cluster.js';
import { endOf, untilReady } from '../kit/demo-process.js';
import { freePorts } from '../kit/processes.js';
import { until } from '../kit/until.js';

let directory: string;
let port: number;
let demo: ChildProcess | null = null;

const args = (replicas: number) => [
  ...['demo', '--dir', directory, '--replicas', String(replicas), '--watchdog', '60'],
  ...['--http-port', `${port}`, '--link-port', `${port + 10}`, '--mysql-port', `${port + 20}`],
];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-size-'));
  port = await freePorts([0, 1, 2, 10, 11, 12, 20, 21, 30, 31, 40, 41]);
});

afterAll(async () => {
  await stop();
  await rm(directory, { recursive: true, force: true });
});

async function start(replicas: number): Promise<void> {
  const child = spawn(process.execPath, [MAIN, ...args(replicas)], { stdio: ['ignore', 'pipe', 'pipe'] });
  demo = child;
  await untilReady(child);
}

const stop = () => endOf(demo);

async function rowsOn(node: number): Promise<string> {
  const token = (await readFile(join(directory, 'admin.token'), 'utf8')).trim();
  const env = { SKEIN_TOKEN: token, SKEIN_URL: `http://127.0.0.1:${port + node}` };
  return (await skein(['sql', '--json', 'SELECT id FROM shop.t'], { env })).stdout;
}

type Size = [voters: number, needed: number, names: string[]];

/** As the node at the first port tells it: it may have heard of the last change a moment after the primary. */
async function untilSize(env: NodeJS.ProcessEnv, size: Size): Promise<void> {
  await until(`the cluster has the size ${JSON.stringify(size)}`, async () => {
    const { stdout } = await skein(['status', '--json'], { env });
    const { quorum, members } = JSON.parse(stdout) as ClusterStatus;
    const found = JSON.stringify([quorum.voters, quorum.needed, members.map(({ name }) => name)]);
    if (found !== JSON.stringify(size)) throw new Error(found);
    return true;
  });
}

it('grows from one node to three, which all vote and have what was written', async () => {
  await start(0);
  const token = (await readFile(join(directory, 'admin.token'), 'utf8')).trim();
  const env = { SKEIN_TOKEN: token, SKEIN_URL: `http://127.0.0.1:${port}` };
  for (const sql of [
    'CREATE DATABASE shop',
    'CREATE TABLE shop.t (id INT PRIMARY KEY)',
    'INSERT INTO shop.t VALUES (1)',
  ])
    expect((await skein(['sql', sql], { env })).code).toBe(0);
  await stop();
  await start(2);
  await untilSize(env, [3, 2, ['n1', 'n2', 'n3']]);
  for (const node of [1, 2])
    await until('the row is there', async () => (await rowsOn(node)).includes('[[1]]'));
  await stop();
});

it('fills the first node when its directory was lost', async () => {
  await rm(join(directory, 'n1'), { recursive: true });
  await start(2);
  await until('the row is there', async () => (await rowsOn(0)).includes('[[1]]'), { deadlineMs: 90_000 });
  await stop();
});

it('shrinks to one node again, which alone has what was written, and grows again', async () => {
  await start(0);
  const token = (await readFile(join(directory, 'admin.token'), 'utf8')).trim();
  const env = { SKEIN_TOKEN: token, SKEIN_URL: `http://127.0.0.1:${port}` };
  await untilSize(env, [1, 1, ['n1']]);
  expect((await readdir(directory)).filter((name) => /n[23]/.test(name)).sort()).toEqual([
    'removed-n2-1',
    'removed-n3-1',
  ]);
  expect((await skein(['sql', 'INSERT INTO shop.t VALUES (2)'], { env })).code).toBe(0);
  expect(await rowsOn(0)).toContain('[[1],[2]]');
  await stop();
  await start(1);
  await untilSize(env, [2, 2, ['n1', 'n2']]);
  await until('the rows are there', async () => (await rowsOn(1)).includes('[[1],[2]]'));
  await stop();
});
