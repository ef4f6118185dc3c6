import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { configFile, ensureSecrets, writeNodeConfig } from '../../src/cli/demo/directory.js';
import { addMembers, writeIdentities } from '../../src/cli/demo/members.js';
import { clusterFiles, type PlannedNode, planDemo } from '../../src/cli/demo/plan.js';
import type { NodeConfigInput } from '../../src/config/node-config.js';
import type { ClusterStatus } from '../../src/model/status.js';
import { accountPassword } from '../../src/mysql-control/accounts.js';
import { commandLineOf, freePorts, readPidFile } from '../../test/kit/processes.js';
import type { SqlNode } from '../../test/kit/sql-node.js';
import { GiveUp, until } from '../../test/kit/until.js';
import type { Mode } from './modes.js';
import { type NamedProcess, signalAll } from './process-figures.js';
import { lastWords, serverArgument, sqlNodeOf } from './skein-node.js';
import type { Endpoint } from './sysbench.js';
import { SERVER_SIZES, type Target } from './target.js';

/** The launcher starts benches in the project's directory. */
const MAIN = resolve('dist/main.js');
/** Nine nodes with their servers on two busy cores. */
const READY_DEADLINE_MS = 240_000;
const STOP_DEADLINE_MS = 30_000;
/** A change of the list of members waits for a majority. */
const ANSWER_MS = 15_000;

export interface SkeinOptions {
  readonly directory: string;
  /** For the Node.js of every node, before the script. */
  readonly nodeArgs?: (node: string) => readonly string[];
  /** The product's script; by default that of this clone. */
  readonly main?: string;
  /** For every node, over what the plan says. */
  readonly settings?: Partial<NodeConfigInput>;
  /** How many it may `grow` to; by default it does not. */
  readonly nodesMax?: number;
  /** Gives the port that a replica dials instead of the primary's link port. */
  readonly linkPort?: (node: string, primaryLinkPort: number) => Promise<number>;
}

/** A real cluster, node by node as `skein demo` would start them, without a supervisor (what dies is a failure here). */
export class SkeinTarget implements Target {
  readonly id: string;
  readonly #options: SkeinOptions;
  readonly #mode: Mode & { kind: 'skein' };
  readonly #firstPort: number;
  #plan: readonly PlannedNode[];
  readonly #children = new Map<string, ChildProcess>();
  readonly #secret: Buffer;
  readonly #token: string;
  #port = 0;

  static async start(mode: Mode & { kind: 'skein' }, options: SkeinOptions): Promise<SkeinTarget> {
    const each = Array.from({ length: options.nodesMax ?? mode.replicas + 1 }, (_, at) => at);
    const firstPort = await freePorts(each.flatMap((at) => [at, 10 + at, 20 + 10 * at, 21 + 10 * at]));
    mkdirSync(options.directory, { recursive: true });
    await ensureSecrets(options.directory);
    const target = new SkeinTarget(mode, options, firstPort);
    try {
      await writeIdentities(target.#plan);
      for (const node of target.#plan) await target.#begin(node);
      await Promise.all([target.#untilReady(), target.#addMembers(READY_DEADLINE_MS)]);
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

  private constructor(mode: Mode & { kind: 'skein' }, options: SkeinOptions, firstPort: number) {
    this.id = mode.id;
    this.#mode = mode;
    this.#options = options;
    this.#firstPort = firstPort;
    this.#plan = this.#planOf(mode.replicas);
    const files = clusterFiles(options.directory);
    this.#secret = Buffer.from(readFileSync(files.secret, 'utf8').trim());
    this.#token = readFileSync(files.adminToken, 'utf8').trim();
  }

  get primary(): SqlNode {
    return sqlNodeOf(this.#planned('n1'), this.#secret);
  }

  get replicas(): readonly SqlNode[] {
    return this.#plan.slice(1).map((node) => sqlNodeOf(node, this.#secret));
  }

  get endpoint(): Endpoint {
    return { port: this.#port, user: 'app', password: accountPassword(this.#secret, 'app') };
  }

  /** The same account through the read-write port of a node. */
  readWritePort(name: string): Endpoint {
    const port = this.#planned(name).config.mysqlPorts?.readWrite;
    if (port === undefined) throw new Error(`${name} has no MySQL ports`);
    return { ...this.endpoint, port };
  }

  httpPort(name: string): number {
    return Number(new URL(this.#planned(name).url).port);
  }

  /** Where the replicas' links to the primary end. */
  get linkPort(): number {
    return this.#planned('n1').config.link.port;
  }

  /** Of an application, as an operator would make it. */
  async createToken(role: 'read' | 'write' | 'admin'): Promise<string> {
    const body = JSON.stringify({ name: `bench ${role}`, role });
    return (await this.#ask<{ token: string }>('n1', '/v1/tokens', { method: 'POST', body })).token;
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
    const status = await this.status(replica.name);
    return status.members.find(({ name }) => name === replica.name)?.positions.received ?? 0;
  }

  /** What the node says of the cluster. */
  status(name: string): Promise<ClusterStatus> {
    return this.#ask(name, '/v1/cluster');
  }

  directoryOf(name: string): string {
    return this.#planned(name).directory;
  }

  /** How to reach a node's own server with all rights, without its node. */
  async serverOf(name: string): Promise<{ socketPath: string; user: string; password: string }> {
    const socketPath = await serverArgument(this.#planned(name), 'socket');
    return { socketPath, user: 'skein', password: accountPassword(this.#secret, 'skein') };
  }

  /**
   * Starts one more node, in an empty directory, and makes it a member. Resolves when its process runs; `voter` when it
   * counts in the quorum.
   */
  async grow(deadlineMs: number): Promise<{ name: string; voter: Promise<void> }> {
    this.#plan = this.#planOf(this.#plan.length);
    const node = this.#plan.at(-1) as PlannedNode;
    await writeIdentities(this.#plan);
    await this.#begin(node);
    const voter = this.#addMembers(deadlineMs);
    // Whoever waits for it hears of a failure.
    voter.catch(() => {});
    return { name: node.name, voter };
  }

  /** Takes the last node out of the cluster, and removes all that it has. */
  async shrink(): Promise<void> {
    const { name, directory } = this.#plan.at(-1) as PlannedNode;
    const removed = () => this.#ask('n1', `/v1/members/${name}`, { method: 'DELETE' });
    // The list changes once at a time; the change before may not be on a majority yet.
    await until(`${name} is removed`, removed, { context: () => this.logs() });
    await this.#stop(name);
    this.#plan = this.#plan.slice(0, -1);
    await rm(directory, { recursive: true, force: true });
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
    const each = this.#plan.map((node) => lastWords(node, this.#secret, () => this.status(node.name)));
    return (await Promise.all(each)).join('\n');
  }

  async #ask<T>(name: string, path: string, more: { method?: string; body?: string } = {}): Promise<T> {
    const response = await fetch(`${this.#planned(name).url}${path}`, {
      ...more,
      headers: { authorization: `Bearer ${this.#token}` },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (!response.ok) throw new Error(`${name} answers ${path} with ${await response.text()}`);
    return (await response.json()) as T;
  }

  #planOf(replicas: number): PlannedNode[] {
    const port = this.#firstPort;
    const { directory } = this.#options;
    const { acknowledge } = this.#mode;
    const ports = { httpPort: port, linkPort: port + 10, mysqlPort: port + 20 };
    return planDemo({ directory, ...ports, replicas, acknowledge });
  }

  #planned(name: string): PlannedNode {
    const node = this.#plan.find((candidate) => candidate.name === name);
    if (node === undefined) throw new Error(`there is no ${name}`);
    return node;
  }

  /** Adds those that are no members yet; resolves when all are voters. */
  #addMembers(deadlineMs: number): Promise<void> {
    const signal = AbortSignal.timeout(deadlineMs);
    return addMembers(this.#plan, { token: this.#token, changed: () => {}, signal });
  }

  async #begin(node: PlannedNode): Promise<void> {
    const { bufferPoolBytes, args } = SERVER_SIZES;
    const sizes = { serverBufferPoolBytes: bufferPoolBytes, serverArgs: [...args] };
    const { settings } = this.#options;
    const config = { ...node.config, ...sizes, ...settings, ...(await dialled(node, this.#options)) };
    await writeNodeConfig({ ...node, config });
    this.#spawn(node);
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
    if (primary) this.#port = Number(await serverArgument(primary, 'port'));
  }
}

async function dialled(node: PlannedNode, { linkPort }: SkeinOptions): Promise<Partial<NodeConfigInput>> {
  const { name, contact } = node.config;
  if (!contact || linkPort === undefined) return {};
  const link = { ...contact, port: await linkPort(name, contact.port) };
  return { contact: link, routes: { n1: link } };
}
