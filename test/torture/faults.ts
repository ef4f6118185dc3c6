import { sleep } from '../../src/std/timing.js';
import type { TestCluster } from '../kit/cluster.js';
import { signalPid } from '../kit/processes.js';
import type { Random } from '../kit/random.js';
import type { ProcessKind, TestNode } from '../kit/test-node.js';
import { lostDisk, setClock, slowDisk } from './machine.js';
import { changeMembers } from './membership.js';
import { reseed, switchover } from './orders.js';

/** What is done to the cluster. All of it is drawn from the seed beforehand; only which node is the primary is asked then. */
export interface Fault {
  /** Without the node. */
  readonly kind: string;
  /** `primary`, a place among the others, or `all`. */
  readonly on: string;
  /** From its beginning to its end. */
  readonly holdMs: number;
  /** Resolves with what to do at its end, and with the node that it hit. */
  begin(cluster: TestCluster): Promise<{ node: string; answer?: string; end(): Promise<void> }>;
}

type Victim = (cluster: TestCluster) => Promise<TestNode>;

const nothing = async () => {};

/** Draws a fault that a cluster must survive by itself once it is over. */
export function drawFault(random: Random, nodes: number, { alone }: { alone: boolean }): Fault {
  const isPrimary = random.chance(0.6);
  const place = random.int(0, nodes - 2);
  const on = isPrimary ? 'primary' : `replica ${place + 1}`;
  const victim: Victim = async (cluster) => {
    const primary = (await cluster.electedPrimary()) ?? cluster.primary;
    return isPrimary ? primary : (cluster.nodes.filter((node) => node !== primary)[place] as TestNode);
  };
  const group = random.next();
  if (group < 0.26) return kill(random, on, victim);
  if (group < 0.42) return freeze(random, on, victim);
  if (group < 0.62) return links(random, on, victim);
  if (group < 0.69) return slowDisk(random, on, victim);
  if (group < 0.75) return setClock(random, on, victim);
  if (group < 0.8) return switchover();
  if (group < 0.84) return reseed(on, victim);
  if (group < 0.89) return changeMembers(place, random.pick([0, 1_000, 5_000]));
  if (!alone) return crashOfAll();
  if (group < 0.93) return lostDisk(random, on, victim);
  return random.chance(0.5) ? restart(random) : crashOfAll();
}

const PROCESSES: readonly (readonly ProcessKind[])[] = [['node'], ['server'], ['node', 'server']];
const named = (processes: readonly ProcessKind[]) => processes.join(' and ');

/** Which are running; one that was killed a moment ago has no process yet. */
async function pidsOf(node: TestNode, processes: readonly ProcessKind[]): Promise<number[]> {
  const found = await Promise.all(processes.map((kind) => node.pid(kind).catch(() => 0)));
  return found.filter((pid) => pid > 1);
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) signalPid(pid, signal);
}

function kill(random: Random, on: string, victim: Victim): Fault {
  const processes = random.pick(PROCESSES);
  return {
    ...{ kind: `kill -9 of ${named(processes)}`, on, holdMs: 0 },
    async begin(cluster) {
      const node = await victim(cluster);
      signalAll(await pidsOf(node, processes), 'SIGKILL');
      return { node: node.name, end: nothing };
    },
  };
}

function freeze(random: Random, on: string, victim: Victim): Fault {
  const processes = random.pick(PROCESSES);
  const holdMs = random.pick([300, 1_200, 3_000, 8_000]) + random.int(0, 500);
  const isStutter = random.chance(0.2);
  return {
    ...{ kind: `${isStutter ? 'stutter' : 'SIGSTOP'} of ${named(processes)}`, on, holdMs },
    async begin(cluster) {
      const node = await victim(cluster);
      const pids = await pidsOf(node, processes);
      const over = new AbortController();
      const stopped = isStutter ? stutter(pids, over.signal) : Promise.resolve(signalAll(pids, 'SIGSTOP'));
      return {
        node: node.name,
        async end() {
          over.abort();
          await stopped;
          signalAll(pids, 'SIGCONT');
        },
      };
    },
  };
}

/** Four fifths of the time stopped: a machine that hardly gets anything done. */
async function stutter(pids: readonly number[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    signalAll(pids, 'SIGSTOP');
    await sleep(200, signal).catch(() => {});
    signalAll(pids, 'SIGCONT');
    await sleep(50, signal).catch(() => {});
  }
}

type Cut = (cluster: TestCluster, name: string) => void;

const CUTS: readonly [kind: string, cut: Cut][] = [
  [
    'cut from all others',
    ({ routes }, name) => {
      for (const other of routes.othersThan(name)) routes.cut(name, other);
    },
  ],
  [
    'cut from all others, refused',
    ({ routes }, name) => {
      for (const other of routes.othersThan(name)) routes.refuse(name, other);
    },
  ],
  ['cut from one other', ({ routes }, name) => routes.cut(name, routes.othersThan(name)[0] as string)],
  [
    'mute: hears the others, who do not hear it',
    ({ routes }, name) => {
      for (const other of routes.othersThan(name)) routes.cutOneWay(name, other);
    },
  ],
  [
    'deaf: the others hear it, it does not hear them',
    ({ routes }, name) => {
      for (const other of routes.othersThan(name)) routes.cutOneWay(other, name);
    },
  ],
  [
    'mute towards one other',
    ({ routes }, name) => routes.cutOneWay(name, routes.othersThan(name)[0] as string),
  ],
  [
    'slow links',
    ({ routes }, name) => {
      for (const proxy of routes.of(name)) proxy.delay(120);
    },
  ],
  [
    'lossy links',
    ({ routes }, name) => {
      for (const proxy of routes.of(name)) proxy.loss({ chance: 0.1, stallMs: 250, resetAfterBytes: 60_000 });
    },
  ],
];

function links(random: Random, on: string, victim: Victim): Fault {
  const [kind, cut] = random.pick(CUTS);
  const holdMs = random.pick([500, 1_500, 4_000, 9_000]) + random.int(0, 500);
  return {
    ...{ kind, on, holdMs },
    async begin(cluster) {
      const { name } = await victim(cluster);
      cut(cluster, name);
      // Of a pair of cuts, the first end heals both: the proxies know no owner.
      return { node: name, end: async () => cluster.routes.heal() };
    },
  };
}

/** As after a loss of power in the whole house. */
function crashOfAll(): Fault {
  return {
    ...{ kind: 'kill -9 of everything', on: 'all', holdMs: 0 },
    async begin(cluster) {
      const pids = await Promise.all(cluster.nodes.map((node) => pidsOf(node, ['node', 'server'])));
      signalAll(pids.flat(), 'SIGKILL');
      return { node: 'all', end: nothing };
    },
  };
}

function restart(random: Random): Fault {
  return {
    ...{ kind: 'stop in order, and start', on: 'all', holdMs: random.int(0, 1_000) },
    async begin(cluster) {
      await cluster.endDemo('SIGTERM', 60_000);
      return { node: 'all', end: async () => void (await cluster.startDemo()) };
    },
  };
}
