import { SkeinError } from '../../model/error.js';
import { durationText } from '../../std/duration-text.js';
import { sleep } from '../../std/timing.js';
import { writeNodeConfig } from './directory.js';
import { NodeProcess, type NodeProcessOptions } from './node-process.js';
import { openPrimary } from './open-primary.js';
import type { PlannedNode } from './plan.js';
import { untilReady } from './readiness.js';
import { killServer, runningServer } from './servers.js';

/** Give up after a node has ended this many times in a row before the cluster was ever ready. */
const FAILURES_MAX = 6;
/** Time of the first message about a slow start; a normal start is done by then. */
const EXPLAIN_AFTER_MS = 3000;
/** An orderly stop takes about a second; a server with a large buffer pool writes it out for longer. */
const STOP_EXPLAIN_MS = 10_000;

export interface ClusterModules {
  say(text: string): void;
}

/** The nodes of a local cluster as one thing that starts, becomes ready and stops. */
export class LocalCluster {
  #nodes: NodeProcess[] = [];
  readonly #say: (text: string) => void;
  readonly #started = performance.now();

  private constructor(modules: ClusterModules) {
    this.#say = modules.say;
  }

  /** Starts nodes that do not run, adopts those that run as planned, and restarts those with another configuration. */
  static async start(
    options: { plan: readonly PlannedNode[]; command: readonly string[]; hungAfterMs: number },
    modules: ClusterModules,
  ): Promise<LocalCluster> {
    // All files first: a wrong one ends this before any process was started.
    const changed = new Set<PlannedNode>();
    for (const node of options.plan) if (await writeNodeConfig(node)) changed.add(node);
    const cluster = new LocalCluster(modules);
    try {
      await Promise.all(
        options.plan.map((node) => cluster.#startOne({ ...options, node }, changed.has(node))),
      );
    } catch (error) {
      await cluster.kill();
      throw error;
    }
    return cluster;
  }

  async #startOne(options: NodeProcessOptions, changed: boolean): Promise<void> {
    const { name } = options.node;
    let running = new NodeProcess(options, { say: this.#say });
    if (running.adopted && changed) {
      this.#say(`${name} runs with other settings (process ${running.pid}): restarting it`);
      await running.stop({ others: 'go on' });
      running = new NodeProcess(options, { say: this.#say });
    } else if (running.adopted) {
      this.#say(`${name} runs already (process ${running.pid}): adopted`);
    }
    this.#nodes.push(running);
  }

  /**
   * Resolves when each of these nodes answers /ready with 200.
   * @throws SkeinError START_FAILED when a node does not stay up; the signal's reason when aborted
   */
  async untilReady(nodes: readonly PlannedNode[], signal: AbortSignal): Promise<void> {
    const started = this.#started;
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    const waited = this.#nodes.filter(({ node }) => nodes.includes(node));
    const waits = waited.map((running) => {
      const { name, url, config } = running.node;
      return untilReady(
        { name, url, cluster: config.cluster, port: config.http.port, pid: () => running.pid },
        this.explain(name),
        both,
      ).then(() => this.#say(`${name} is ready (${durationText(performance.now() - started)})`));
    });
    void this.#watchFailures(failed, both);
    try {
      await Promise.all(waits);
    } finally {
      failed.abort();
      await Promise.allSettled(waits);
    }
  }

  /** Prints why a node is not ready: each reason once, and nothing during a normal start. */
  explain(name: string): (reason: string) => void {
    let told = '';
    return (reason) => {
      if (reason === told || performance.now() - this.#started < EXPLAIN_AFTER_MS) return;
      told = reason;
      this.#say(`${name}: ${reason}`);
    };
  }

  async #watchFailures(failed: AbortController, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const broken = this.#nodes.find(({ failures }) => failures >= FAILURES_MAX);
      if (broken) {
        const { name, directory } = broken.node;
        failed.abort(
          new SkeinError(
            'START_FAILED',
            `${name} ended ${broken.failures} times in a row; see above, ${directory}/node.log and ${directory}/server.log.`,
          ),
        );
      }
      await sleep(200, signal).catch(() => {});
    }
  }

  /**
   * Stops the primary first: it takes no more writes, and commits that wait get their quorum from the replicas, which are
   * still up. Then it stops the replicas, which have everything by then. Resolves when no node and no server runs any more.
   */
  async stop(): Promise<void> {
    const primary = await openPrimary(this.#nodes.map(({ node }) => node));
    const isPrimary = ({ node }: NodeProcess) => node.name === primary?.name;
    const stopAll = (nodes: NodeProcess[]) => Promise.all(nodes.map((node) => this.#stopOne(node, 'stop')));
    await stopAll(this.#nodes.filter(isPrimary));
    await stopAll(this.#nodes.filter((node) => !isPrimary(node)));
  }

  /** Stops one node and its server, which are not started again. */
  async retire(name: string): Promise<void> {
    const retired = this.#nodes.filter(({ node }) => node.name === name);
    this.#nodes = this.#nodes.filter((node) => !retired.includes(node));
    await Promise.all(retired.map((node) => this.#stopOne(node, 'go on')));
  }

  async #stopOne(node: NodeProcess, others: 'go on' | 'stop'): Promise<void> {
    const started = performance.now();
    const reminder = setInterval(() => {
      const waited = durationText(performance.now() - started);
      const { name, directory } = node.node;
      this.#say(`still waiting for ${name} to stop (${waited}); ${directory}/node.log says for what`);
    }, STOP_EXPLAIN_MS);
    try {
      await node.stop({ others });
      await this.#stopServer(node);
      this.#say(`${node.node.name} has stopped`);
    } finally {
      clearInterval(reminder);
    }
  }

  /** At once and without order; everything recovers at the next start. */
  async kill(): Promise<void> {
    for (const node of this.#nodes) node.kill();
    await Promise.all(this.#nodes.map((node) => node.stop({ others: 'stop' })));
    await Promise.all(this.#nodes.map((node) => this.#stopServer(node)));
  }

  async #stopServer({ node }: NodeProcess): Promise<void> {
    const server = runningServer(node);
    if (server === null) return;
    this.#say(`${node.name} left its server (process ${server.pid}) running; ending it`);
    await killServer(server);
  }
}
