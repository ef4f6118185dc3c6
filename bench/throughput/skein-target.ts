import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { configFile, ensureSecrets, writeNodeConfig } from '../../src/cli/demo/directory.js';
import { addMembers, writeIdentities } from '../../src/cli/demo/members.js';
import { clusterFiles, type PlannedNode, planDemo } from '../../src/cli/demo/plan.js';
import type { NodeConfigInput } from '../../src/config/node-config.js';
import type { ClusterStatus } from '../../src/model/status.js';
import { accountPassword } from '../../src/mysql-control/accounts.js';
import { commandLineOf, freePorts, readPidFile, tailOf } from '../../test/kit/processes.js';
import { openSql, rowsOf, type SqlNode, withSql } from '../../test/kit/sql-node.js';
import { GiveUp, until } from '../../test/kit/until.js';
import type { Mode } from './modes.js';
import { type NamedProcess, signalAll } from './process-figures.js';
import type { Endpoint } from './sysbench.js';
import { SERVER_SIZES, type Target } from './target.js';

/** The launcher starts benches in the project's directory. */
const MAIN = resolve('dist/main.js');
const READY_DEADLINE_MS = 90_000;
const STOP_DEADLINE_MS = 30_000;

export interface SkeinOptions {
  readonly directory: string;
  /** For the Node.js of every node, before the script. */
  readonly nodeArgs?: (node: string) => readonly string[];
  /** The product's script; by default that of this clone. */
  readonly main?: string;
  /** For every node, over what the plan says. */
  readonly settings?: Partial<NodeConfigInput>;
  /** Gives the port that a replica dials instead of the primary's link port. */
  readonly linkPort?: (node: string, primaryLinkPort: number) => Promise<number>;
}

/** A real cluster, node by node as `skein demo` would start them, without a supervisor (what dies is a failure here). */
export class SkeinTarget implements Target {
  readonly id: string;
  readonly #options: SkeinOptions;
  readonly #plan: readonly PlannedNode[];
  readonly #children = new Map<string, ChildProcess>();
  readonly #nodes: readonly SqlNode[];
  readonly #secret: Buffer;
  readonly #token: string;
  #port = 0;

  static async start(mode: Mode & { kind: 'skein' }, options: SkeinOptions): Promise<SkeinTarget> {
    const each = Array.from({ length: mode.replicas + 1 }, (_, at) => at);
    const port = await freePorts(each.flatMap((at) => [at, 10 + at, 20 + 10 * at, 21 + 10 * at]));
    const plan = planDemo({
      directory: options.directory,
      httpPort: port,
      linkPort: port + 10,
      mysqlPort: port + 20,
      replicas: mode.replicas,
      acknowledge: mode.acknowledge,
    });
    mkdirSync(options.directory, { recursive: true });
    await ensureSecrets(options.directory);
    await writeIdentities(plan);
    const target = new SkeinTarget(mode, options, plan);
    try {
      for (const node of plan) {
        const { bufferPoolBytes, args } = SERVER_SIZES;
        const sizes = { serverBufferPoolBytes: bufferPoolBytes, serverArgs: [...args] };
        const config = { ...node.config, ...sizes, ...options.settings, ...(await dialled(node, options)) };
        await writeNodeConfig({ ...node, config });
        target.#spawn(node);
      }
      const signal = AbortSignal.timeout(READY_DEADLINE_MS);
      await addMembers(plan, { token: target.#token, changed: () => {}, signal });
      await target.#untilReady();
      await target.#findPort();
      return target;
    } catch (error) {
      const logs = await target.logs();
      await target.dispose().catch(() => {});
      throw new Error(`The cluster of ${mode.id} did not start: ${(error as Error).message}\n${logs}`, {
        cause: error,
      });
    }
  }

  private constructor(mode: Mode, options: SkeinOptions, plan: readonly PlannedNode[]) {
    this.id = mode.id;
    this.#options = options;
    this.#plan = plan;
    const files = clusterFiles(options.directory);
    this.#secret = Buffer.from(readFileSync(files.secret, 'utf8').trim());
    this.#token = readFileSync(files.adminToken, 'utf8').trim();
    this.#nodes = plan.map((node) => ({
      name: node.name,
      connect: async (more) =>
        openSql({
          socketPath: await argumentOf(node, 'socket'),
          user: 'skein',
          password: accountPassword(this.#secret, 'skein'),
          ...more,
        }),
    }));
  }

  get primary(): SqlNode {
    const [primary] = this.#nodes;
    if (!primary) throw new Error('a cluster has a primary');
    return primary;
  }

  get replicas(): readonly SqlNode[] {
    return this.#nodes.slice(1);
  }

  get endpoint(): Endpoint {
    return { port: this.#port, user: 'app', password: accountPassword(this.#secret, 'app') };
  }

  /** The same account through the read-write port of a node. */
  readWritePort(name: string): Endpoint {
    const port = this.#plan.find((node) => node.name === name)?.config.mysqlPorts?.readWrite;
    if (port === undefined) throw new Error(`${name} has no MySQL ports`);
    return { ...this.endpoint, port };
  }

  httpPort(name: string): number {
    return Number(new URL(this.#urlOf(name)).port);
  }

  /** Of an application, as an operator would make it. */
  async createToken(role: 'read' | 'write' | 'admin'): Promise<string> {
    const response = await fetch(`${this.#urlOf('n1')}/v1/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#token}` },
      body: JSON.stringify({ name: `bench ${role}`, role }),
    });
    if (!response.ok) throw new Error(`no token: ${await response.text()}`);
    return ((await response.json()) as { token: string }).token;
  }

  /** Of the node named, which is where --cpu-prof and signals go. */
  nodePid(name: string): number {
    const pid = this.#children.get(name)?.pid;
    if (pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  }

  async processes(): Promise<NamedProcess[]> {
    const named = await Promise.all(
      this.#plan.map(async ({ name, directory }) => {
        const node = this.#children.get(name)?.pid;
        const server = await readPidFile(join(directory, 'server.pid')).catch(() => undefined);
        return [
          ...(server === undefined ? [] : [{ name: `${name}.server`, pid: server }]),
          ...(node === undefined ? [] : [{ name: `${name}.node`, pid: node }]),
        ];
      }),
    );
    return named.flat();
  }

  async received(replica: SqlNode): Promise<number> {
    const node = this.#plan.find(({ name }) => name === replica.name);
    const response = await fetch(`${node?.url}/v1/cluster`, {
      headers: { authorization: `Bearer ${this.#token}` },
      signal: AbortSignal.timeout(5000),
    });
    const status = (await response.json()) as ClusterStatus;
    return status.members.find(({ name }) => name === replica.name)?.positions.received ?? 0;
  }

  async stopReplicas(): Promise<void> {
    await Promise.all(this.#plan.slice(1).map(({ name }) => this.#stop(name)));
  }

  async startReplicas(): Promise<void> {
    for (const node of this.#plan.slice(1)) this.#spawn(node);
  }

  async pause(): Promise<void> {
    const all = await this.processes();
    // A node whose server is silent would begin to act on it.
    signalAll(
      all.filter(({ name }) => name.endsWith('.node')),
      'SIGSTOP',
    );
    signalAll(all, 'SIGSTOP');
  }

  async resume(): Promise<void> {
    const all = await this.processes();
    signalAll(
      all.filter(({ name }) => name.endsWith('.server')),
      'SIGCONT',
    );
    signalAll(all, 'SIGCONT');
    await this.#untilReady();
  }

  async dispose(): Promise<void> {
    signalAll(await this.processes(), 'SIGCONT');
    await Promise.all([...this.#children.keys()].map((name) => this.#stop(name)));
    // Servers outlive their nodes; after an orderly stop there is none left, and a number may be another's by now.
    for (const { name, pid } of await this.processes()) {
      const args = await commandLineOf(pid).catch(() => []);
      if (args.some((arg) => arg.includes(this.#options.directory))) signalAll([{ name, pid }], 'SIGKILL');
    }
  }

  /** The last lines of all logs, for the message of a failure. */
  async logs(): Promise<string> {
    const parts = this.#plan.flatMap(({ name, directory }) =>
      ['node.log', 'node.out', 'server.log'].map(
        async (file) => `--- ${name}/${file}\n${await tailOf(join(directory, file), 8)}`,
      ),
    );
    return [await this.#status(), ...(await Promise.all(parts))].join('\n');
  }

  /** What each node says of itself, and each server of its threads. */
  async #status(): Promise<string> {
    const all = this.#plan.map(async ({ name, url }, at) => {
      const response = await fetch(`${url}/v1/cluster`, {
        headers: { authorization: `Bearer ${this.#token}` },
        signal: AbortSignal.timeout(3000),
      });
      const node = this.#nodes[at] as SqlNode;
      const threads = await withSql(node, (connection) => rowsOf(connection, 'SHOW SLAVE STATUS'));
      return `--- ${name}\n${await response.text()}\n${JSON.stringify(threads)}`;
    });
    const told = await Promise.allSettled(all);
    return told.map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason))).join('\n');
  }

  #urlOf(name: string): string {
    const url = this.#plan.find((node) => node.name === name)?.url;
    if (url === undefined) throw new Error(`there is no ${name}`);
    return url;
  }

  #spawn(node: PlannedNode): void {
    const output = openSync(join(node.directory, 'node.out'), 'a');
    const nodeArgs = this.#options.nodeArgs?.(node.name) ?? [];
    const child = spawn(
      process.execPath,
      [...nodeArgs, this.#options.main ?? MAIN, 'node', '--config', configFile(node)],
      {
        cwd: node.directory,
        stdio: ['ignore', output, output],
        // Ctrl-C is for the bench alone: it ends its nodes in order.
        detached: true,
      },
    );
    closeSync(output);
    this.#children.set(node.name, child);
  }

  async #stop(name: string): Promise<void> {
    const child = this.#children.get(name);
    this.#children.delete(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await exited;
    clearTimeout(timer);
  }

  async #untilReady(): Promise<void> {
    for (const { name, url } of this.#plan) {
      const child = this.#children.get(name);
      await until(
        `${this.id}: ${name} is ready`,
        async () => {
          const end = child?.exitCode ?? child?.signalCode ?? null;
          if (end !== null) throw new GiveUp(`${name} ended with ${end}`);
          const { status } = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(3000) });
          return status === 200;
        },
        { deadlineMs: READY_DEADLINE_MS, context: () => this.logs() },
      );
    }
  }

  async #findPort(): Promise<void> {
    const [primary] = this.#plan;
    if (primary) this.#port = Number(await argumentOf(primary, 'port'));
  }
}

async function dialled(node: PlannedNode, { linkPort }: SkeinOptions): Promise<Partial<NodeConfigInput>> {
  const { name, contact } = node.config;
  if (!contact || linkPort === undefined) return {};
  const link = { ...contact, port: await linkPort(name, contact.port) };
  return { contact: link, routes: { n1: link } };
}

/** The server's own words where it listens. */
async function argumentOf(node: PlannedNode, name: string): Promise<string> {
  const args = await commandLineOf(await readPidFile(join(node.directory, 'server.pid')));
  const value = args.findLast((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  if (value === undefined) throw new Error(`${node.name}'s server has no --${name} in its command line`);
  return value;
}
