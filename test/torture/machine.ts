import { rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestCluster } from '../kit/cluster.js';
import { signalPid } from '../kit/processes.js';
import type { Random } from '../kit/random.js';
import type { TestNode } from '../kit/test-node.js';
import type { Fault } from './faults.js';

/** What a node's machine does to it: a disk that stalls or is lost, a clock that is set. */

type Victim = (cluster: TestCluster) => Promise<TestNode>;

const nothing = async () => {};

/** Each write and each fsync of node and server waits, again and again. */
export function slowDisk(random: Random, on: string, victim: Victim): Fault {
  const stallMs = random.pick([200, 500, 900, 2_500]);
  const times = stallMs > 1_000 ? 1 : random.int(1, 8);
  return {
    ...{ kind: `disk stalls (${times} times ${stallMs} ms)`, on, holdMs: 0 },
    async begin(cluster) {
      const { name } = await victim(cluster);
      const disk = cluster.disks.slow(name);
      if (disk === null) return { node: name, answer: 'mounting is not permitted here', end: nothing };
      const stalled = disk.stall({ stallMs, times, pauseMs: 100 });
      return { node: name, end: () => stalled.then(nothing) };
    },
  };
}

/** Milliseconds by which the clock jumps. */
const JUMPS_MS = [-86_400_000, -3_600_000, -20_000, -1_500, 1_500, 20_000, 3_600_000, 86_400_000];

/** The wall clock of a node's process jumps, and jumps back later. */
export function setClock(random: Random, on: string, victim: Victim): Fault {
  const jumpMs = random.pick(JUMPS_MS);
  return {
    ...{ kind: `clock jumps by ${jumpMs / 1000} s`, on, holdMs: random.int(500, 6_000) },
    async begin(cluster) {
      const node = await victim(cluster);
      const file = join(node.directory, 'clock-offset');
      writeFileSync(file, String(jumpMs));
      return { node: node.name, end: async () => rmSync(file, { force: true }) };
    },
  };
}

/** What of its directory is lost: only the server's data, or everything that it has received and promised. */
const PARTS = { data: ['data'], disk: ['data', 'spool', 'state'] } as const;

/**
 * A node comes back without its disk. Only while all others are whole, because a cluster does not survive the loss of the disks of a
 * majority.
 */
export function lostDisk(random: Random, on: string, victim: Victim): Fault {
  const what = random.pick(['data', 'disk'] as const);
  return {
    ...{ kind: what === 'data' ? 'data directory lost' : 'disk lost', on, holdMs: 0 },
    async begin(cluster) {
      const node = await victim(cluster);
      const others = cluster.nodes.filter((other) => other !== node);
      const ready = await Promise.all(others.map((other) => other.isReady().catch(() => false)));
      if (!ready.every(Boolean))
        return { node: node.name, answer: 'another node is not whole', end: nothing };
      // Stopped first: the supervisor would start the node again before its files are gone.
      const pids = await Promise.all(
        (['node', 'server'] as const).map((kind) => node.pid(kind).catch(() => 0)),
      );
      const running = pids.filter((pid) => pid > 1);
      for (const pid of running) signalPid(pid, 'SIGSTOP');
      for (const part of PARTS[what]) await rm(join(node.directory, part), { recursive: true, force: true });
      for (const pid of running) signalPid(pid, 'SIGKILL');
      return { node: node.name, end: nothing };
    },
  };
}
