import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ClusterStatus } from '../../src/model/status.js';
import { sleep } from '../../src/std/timing.js';
import type { WriterTarget } from './writers.js';

const MAIN = resolve('dist/main.js');
/** The ports of a cluster of up to nine nodes lie within a hundred. */
const LINKS = 10;
const PORTS = 20;

export interface LocalNode extends WriterTarget {
  readonly name: string;
  readonly directory: string;
}

/** A local cluster as `npm start` makes it, with its defaults. */
export class LocalCluster {
  readonly nodes: readonly LocalNode[];
  readonly #directory: string;
  readonly #demo: ChildProcess;

  static async start(directory: string, http: number, count: number): Promise<LocalCluster> {
    const ports = ['--http-port', http, '--link-port', http + LINKS, '--mysql-port', http + PORTS];
    const args = ['demo', '--dir', directory, ...ports, '--replicas', count - 1, '--failover', 'automatic'];
    const demo = spawn(process.execPath, [MAIN, ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    demo.stderr.on('data', (bytes: Buffer) => {
      said += String(bytes);
    });
    for await (const bytes of demo.stdout) if (String(bytes).includes('skein ready')) break;
    if (demo.exitCode !== null) throw new Error(`The cluster did not start:\n${said}`);
    demo.stdout.resume();
    return new LocalCluster(directory, demo, http, count);
  }

  private constructor(directory: string, demo: ChildProcess, http: number, count: number) {
    this.#directory = directory;
    this.#demo = demo;
    this.nodes = Array.from({ length: count }, (_, at) => ({
      name: `n${at + 1}`,
      directory: join(directory, `n${at + 1}`),
      url: `http://127.0.0.1:${http + at}`,
      port: http + PORTS + 10 * at,
    }));
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

  async stop(): Promise<void> {
    if (this.#demo.exitCode !== null) return;
    const ended = once(this.#demo, 'exit');
    this.#demo.kill('SIGTERM');
    await ended;
  }
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
  await response?.arrayBuffer().catch(() => {});
  return response?.status === 200;
}
