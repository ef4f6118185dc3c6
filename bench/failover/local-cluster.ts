import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ClusterStatus } from '../../src/model/status.js';
import { sleep } from '../../src/std/timing.js';
import { LinkRoutes, USE_ROUTES } from '../../test/kit/link-routes.js';
import { loadedBefore } from '../../test/kit/loaded-before.js';
import { commandLineOf, killAndWait } from '../../test/kit/processes.js';
import { until } from '../../test/kit/until.js';
import { WatchedProcess } from './watched-process.js';
import type { WriterTarget } from './writers.js';

const MAIN = resolve('dist/main.js');
/** The ports of a cluster of up to nine nodes lie within a hundred. */
const LINKS = 10;
const PORTS = 20;
const PROXIES = 70;

export interface LocalNode extends WriterTarget {
  readonly name: string;
  readonly directory: string;
}

/** A local cluster as `npm start` makes it, with its defaults. */
export class LocalCluster {
  readonly nodes: readonly LocalNode[];
  readonly #directory: string;
  readonly #demo: WatchedProcess;
  readonly #routes: LinkRoutes | null;

  /** `proxySeed`: links go through proxies, so that they can be cut; null = they do not. At most five nodes then. */
  static async start(
    directory: string,
    { httpPort, nodes, proxySeed }: { httpPort: number; nodes: number; proxySeed: number | null },
  ): Promise<LocalCluster> {
    const [http, count] = [httpPort, nodes];
    const ends = Array.from({ length: count }, (_, at) => ({
      name: `n${at + 1}`,
      directory: join(directory, `n${at + 1}`),
      linkPort: http + LINKS + at,
    }));
    const routes = proxySeed === null ? null : await LinkRoutes.start(ends, http + PROXIES, proxySeed);
    const ports = ['--http-port', http, '--link-port', http + LINKS, '--mysql-port', http + PORTS];
    const args = ['demo', '--dir', directory, ...ports, '--replicas', count - 1];
    const env = { ...process.env, ...(routes && loadedBefore([USE_ROUTES])) };
    const demo = new WatchedProcess(`The demo in ${directory}`, [MAIN, ...args.map(String)], env);
    await demo.saying('skein ready');
    if (routes) await until('the nodes are linked through the proxies', () => routes.areUsed);
    return new LocalCluster(directory, demo, { http, count, routes });
  }

  private constructor(
    directory: string,
    demo: WatchedProcess,
    { http, count, routes }: { http: number; count: number; routes: LinkRoutes | null },
  ) {
    this.#directory = directory;
    this.#demo = demo;
    this.#routes = routes;
    this.nodes = Array.from({ length: count }, (_, at) => ({
      name: `n${at + 1}`,
      directory: join(directory, `n${at + 1}`),
      url: `http://127.0.0.1:${http + at}`,
      port: http + PORTS + 10 * at,
    }));
  }

  /** The result of this work. @throws Error when the cluster's process ends before it is done */
  during<T>(work: Promise<T>): Promise<T> {
    return this.#demo.during(work);
  }

  get token(): string {
    return readFileSync(join(this.#directory, 'admin.token'), 'utf8').trim();
  }

  /** Of the account `app`. */
  get password(): string {
    const file = readFileSync(join(this.#directory, 'mysql.cnf'), 'utf8');
    return /^password\s*=\s*"?([^"\n]+)"?$/m.exec(file)?.[1] ?? '';
  }

  pid(node: LocalNode, kind: 'node' | 'server'): number {
    return Number(/\d+/.exec(readFileSync(join(node.directory, `${kind}.pid`), 'utf8'))?.[0]);
  }

  async sql(node: LocalNode, sql: string): Promise<unknown[][]> {
    const response = await fetch(`${node.url}/v1/sql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ sql }),
    });
    const answer = (await response.json()) as { results?: { rows: unknown[][] }[]; error?: unknown };
    if (!response.ok) throw new Error(`${node.name}: ${sql}: ${JSON.stringify(answer.error)}`);
    return answer.results?.[0]?.rows ?? [];
  }

  /** The node whose `/primary` says 200; waits for it. */
  async primary(): Promise<LocalNode> {
    for (;;) {
      for (const node of this.nodes) if (await answers(`${node.url}/primary`)) return node;
      await sleep(20);
    }
  }

  /** Waits until all nodes are ready, and the last one has caught up. Returns when. */
  async allReady(): Promise<void> {
    for (const node of this.nodes) while (!(await answers(`${node.url}/ready`))) await sleep(50);
  }

  async status(node: LocalNode): Promise<ClusterStatus> {
    const headers = { authorization: `Bearer ${this.token}` };
    return (await (await fetch(`${node.url}/v1/cluster`, { headers })).json()) as ClusterStatus;
  }

  /** Nothing that this node and the others send each other arrives. */
  cut({ name }: LocalNode): void {
    if (!this.#routes)
      throw new Error('The links of this cluster cannot be cut: they go through no proxies.');
    for (const other of this.#routes.othersThan(name)) this.#routes.cut(name, other);
  }

  heal(): void {
    this.#routes?.heal();
  }

  async stop(): Promise<void> {
    const hasEnded = !this.#demo.runs;
    await this.#demo.stop();
    if (hasEnded) await this.#killRest();
    await this.#routes?.close();
  }

  /** Nodes and servers outlive the demo. */
  async #killRest(): Promise<void> {
    for (const kind of ['node', 'server'] as const)
      for (const node of this.nodes) {
        const pid = pidIn(node, kind);
        if (pid !== null && (await isOf(pid, node))) await killAndWait(pid);
      }
  }
}

function pidIn(node: LocalNode, kind: 'node' | 'server'): number | null {
  try {
    return (
      Number(/\d+/.exec(readFileSync(join(node.directory, `${kind}.pid`), 'utf8'))?.[0] ?? Number.NaN) || null
    );
  } catch {
    return null;
  }
}

/** The number in a file may be another process's by now. */
async function isOf(pid: number, { directory }: LocalNode): Promise<boolean> {
  const line = await commandLineOf(pid).catch(() => []);
  return line.some((word) => word.includes(directory));
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
  await response?.arrayBuffer().catch(() => {});
  return response?.status === 200;
}
