/** `skein demo` on a directory whose cluster had other ports: each node then listens where another one was. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import type { ClusterStatus, MembersDocument } from '../../src/model/status.js';
import { MAIN } from '../kit/cluster.js';
import { endOf, untilReady } from '../kit/demo-process.js';
import { freePorts } from '../kit/processes.js';
import { until } from '../kit/until.js';

let directory: string;
let port: number;
let demo: ChildProcess | null = null;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-ports-'));
  // One more of each than three nodes need.
  port = await freePorts([0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 30, 31, 40, 41, 50, 51]);
});

afterAll(async () => {
  await stop();
  await rm(directory, { recursive: true, force: true });
});

/** All ports are so many steps above the first ones. */
async function start(step: number): Promise<void> {
  const ports = [port + step, port + 10 + step, port + 20 + 10 * step].map(String) as [
    string,
    string,
    string,
  ];
  const args = ['demo', '--dir', directory, '--replicas', '2', '--watchdog', '60'];
  const child = spawn(
    process.execPath,
    [MAIN, ...args, '--http-port', ports[0], '--link-port', ports[1], '--mysql-port', ports[2]],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  demo = child;
  await untilReady(child);
}

const stop = () => endOf(demo);

async function get<T>(node: number, path: string): Promise<T> {
  const token = (await readFile(join(directory, 'admin.token'), 'utf8')).trim();
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`http://127.0.0.1:${node}${path}`, { headers })).json() as Promise<T>;
}

/** The list of members names all nodes where they are now, on every node. */
async function untilListed(step: number): Promise<void> {
  for (const node of [0, 1, 2]) {
    await until(
      `n${node + 1} knows where all are`,
      async () => {
        const { members } = await get<MembersDocument>(port + step + node, '/v1/members');
        const { quorum } = await get<ClusterStatus>(port + step + node, '/v1/cluster');
        const found = members.map(({ name, http, link }) => [name, http, link.port, quorum.attached]);
        const wanted = [0, 1, 2].map((at) => [
          ...[`n${at + 1}`, `http://127.0.0.1:${port + step + at}`, port + 10 + step + at, 3],
        ]);
        if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(JSON.stringify(found));
        return true;
      },
      { deadlineMs: 90_000 },
    );
  }
}

it('moves up by one port, and down again, and the list follows each time', { timeout: 400_000 }, async () => {
  await start(0);
  await untilListed(0);
  for (const step of [1, 0]) {
    await stop();
    await start(step);
    await untilListed(step);
  }
});
