import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep } from '../../src/std/timing.js';
import type { TestCluster } from '../kit/cluster.js';
import { memoryOf } from '../kit/processes.js';
import type { TestNode } from '../kit/test-node.js';

/** A node's event loop that answers nothing for so long stands still: a busy machine may make it late by seconds. */
const SILENT_MS_MAX = 15_000;
/** About 100 MiB at rest, and all budgets of bodies, answers and sockets. */
const RSS_BYTES_MAX = 600 * 2 ** 20;
const LOOK_MS = 250;

async function clientRestarts({ directory }: TestNode): Promise<number> {
  const log = await readFile(join(directory, 'node.log'), 'utf8');
  return log.split('"event":"clients.restarted"').length - 1;
}

/** Looks at all nodes while they are fed: who stands still, dies or grows without bound is named. */
export class ClusterWatch {
  readonly faults: string[] = [];
  readonly #cluster: TestCluster;
  readonly #stop = new AbortController();
  #looking: Promise<unknown> = Promise.resolve();
  #pids: number[] = [];
  /** Of each node's client plane: one that fails, or does not turn for five seconds, is started again. */
  readonly #restarts = new Map<string, number>();

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  async start(): Promise<void> {
    this.#pids = await this.#cluster.pids();
    for (const node of this.#cluster.nodes) this.#restarts.set(node.name, await clientRestarts(node));
    this.#looking = Promise.all(this.#cluster.nodes.map((node) => this.#look(node)));
  }

  async #look(node: TestCluster['nodes'][number]): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const asked = performance.now();
      // Its answer is an ordinary one or a refusal (the fuzzer may have used up what an address may have): it lives.
      const answered = await node
        .request('GET', '/health', undefined, { token: null, timeoutMs: 30_000 })
        .then(
          () => true,
          (error: Error) => !/timeout|aborted/i.test(`${error.name} ${error.message}`),
        );
      const tookMs = performance.now() - asked;
      if (!answered || tookMs > SILENT_MS_MAX)
        this.#fault(`${node.name} was silent for ${tookMs.toFixed(0)} ms`);
      const { rssBytes } = await memoryOf(await node.pid('node'));
      if (rssBytes > RSS_BYTES_MAX) this.#fault(`${node.name} takes ${(rssBytes / 2 ** 20).toFixed(0)} MiB`);
      await sleep(LOOK_MS, this.#stop.signal).catch(() => {});
    }
  }

  #fault(text: string): void {
    if (this.faults.length < 10) this.faults.push(text);
  }

  /** What was wrong, all in all. */
  async end(): Promise<readonly string[]> {
    this.#stop.abort();
    await this.#looking;
    const pids = await this.#cluster.pids();
    if (pids.join() !== this.#pids.join()) this.#fault(`processes changed from ${this.#pids} to ${pids}`);
    for (const node of this.#cluster.nodes) {
      const restarts = (await clientRestarts(node)) - (this.#restarts.get(node.name) ?? 0);
      if (restarts > 0) this.#fault(`the client plane of ${node.name} was started again, ${restarts} times`);
    }
    return this.faults;
  }
}
