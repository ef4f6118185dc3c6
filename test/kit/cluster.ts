import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach } from 'vitest';
import { ensureSecrets, writeNodeConfig } from '../../src/cli/demo/directory.js';
import { addMembers, writeIdentities } from '../../src/cli/demo/members.js';
import { type DemoOptions, type PlannedNode, planDemo } from '../../src/cli/demo/plan.js';
import type { NodeConfigInput } from '../../src/config/node-config.js';
import type { AcknowledgeLevel } from '../../src/model/status.js';
import { LinkRoutes, USE_ROUTES } from './link-routes.js';
import { loadedBefore } from './loaded-before.js';
import { type DiskOptions, NodeDisks } from './node-disks.js';
import { stopWaits } from './node-log.js';
import { expectFollowed, newestPrimary } from './primaries.js';
import { freePorts, isAlive, LogRing, readPidFile, signalPid } from './processes.js';
import { rowsOf, withSql } from './sql-node.js';
import { TcpProxy } from './tcp-proxy.js';
import { keptLogs } from './test-logs.js';
import { TestNode } from './test-node.js';
import { GiveUp, until } from './until.js';

/** The built CLI; `npm test` builds it first. */
export const MAIN = resolve(import.meta.dirname, '../../dist/main.js');

/** The first start may have to fetch a server: the issue allows 90 s for it. */
const FIRST_READY_MS = 90_000;
/** Stopping three servers in order takes about 3 s on an idle machine. */
const STOP_MS = 40_000;
const WATCHDOG_S = 60;
/** Loaded before the nodes of a `patient` cluster. */
const PATIENT = 'patient-elections.mjs';
/** Of a block of ports: the proxies between the nodes of a routed cluster, behind the MySQL ports of five nodes. */
const FIRST_WAY = 90;

export interface ClusterOptions extends DiskOptions {
  /** Default 2. */
  replicas?: number;
  acknowledge?: AcknowledgeLevel;
  /** Settings that go into every node's node.json beforehand, as a person may write them there. */
  settings?: Partial<NodeConfigInput>;
  /** For the demo and, because they inherit it, its nodes. */
  env?: NodeJS.ProcessEnv;
  /**
   * Without a supervisor, each replica's link through a proxy of its own (`cluster.proxy('n2')`). Nodes that are killed
   * stay down until `startNode`.
   */
  proxied?: boolean;
  /** A proxy on the way from each node to each other one (`cluster.routes`), seeded with this number. */
  routed?: number;
  /** Modules of `test/kit/driven` that are loaded before each node. */
  loaded?: string[];
  /** Elections wait for some seconds more: for tests that are about something else, and stop nodes or links for a moment. */
  patient?: boolean;
  /** Without a supervisor, only so many nodes at first; the others come with `grow`. */
  first?: number;
  readyDeadlineMs?: number;
  /** Seconds, 0: never. Default 60, longer than tests stop nodes by SIGSTOP; a node that spins is noticed all the same. */
  watchdog?: number;
}

/**
 * A real local cluster in a temporary directory: through `skein demo`, or (`proxied`) node by node with a proxy on each
 * link. Everything it started is ended by pid in `dispose`.
 */
export class TestCluster {
  readonly directory: string;
  readonly nodes: readonly TestNode[];
  /** What the supervisor printed (standard output and error). */
  readonly output = new LogRing();
  readonly #options: ClusterOptions;
  readonly #demo: DemoOptions;
  readonly #plan: PlannedNode[];
  readonly #base: string;
  readonly #proxies = new Map<string, TcpProxy>();
  readonly #children = new Map<string, ChildProcess>();
  #supervisor: ChildProcess | null = null;
  /** Those of nodes that have file systems of their own. */
  readonly disks = new NodeDisks();
  #readyUrl: string | null = null;
  #primary: TestNode;
  #routes: LinkRoutes | null = null;

  private constructor(options: ClusterOptions, base: string, demo: DemoOptions) {
    this.#options = options;
    this.#base = base;
    this.#demo = demo;
    this.directory = demo.directory;
    this.#plan = planDemo(demo);
    this.nodes = this.#plan.map(
      ({ name, directory, url }, at) =>
        new TestNode({
          name,
          directory,
          url,
          linkPort: demo.linkPort + at,
          clusterDirectory: demo.directory,
        }),
    );
    this.#primary = this.node('n1');
  }

  /** Ready when it resolves; what went wrong is in the error, with the last lines of all logs. */
  static async start(options: ClusterOptions = {}): Promise<TestCluster> {
    const cluster = await TestCluster.prepare(options);
    try {
      if (options.proxied || options.first) await cluster.#startBare();
      else await cluster.startDemo();
      const routes = cluster.#routes;
      if (routes) await until('the nodes are linked through the proxies', () => routes.areUsed);
      return cluster;
    } catch (error) {
      const logs = await cluster.logs();
      await cluster.dispose().catch(() => {});
      throw new Error(`The cluster did not start: ${(error as Error).message}\n${keptLogs('start', logs)}`, {
        cause: error,
      });
    }
  }

  /** Ports and directory, nothing started yet. */
  static async prepare(options: ClusterOptions = {}): Promise<TestCluster> {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: run "npm run build" first`);
    const { replicas = 2, acknowledge = 'majority', settings } = options;
    const base = await mkdtemp(join(tmpdir(), 'skein-system-'));
    // mkdtemp makes it 0700; the server may run as another user and has to get through to its data.
    await chmod(base, 0o755);
    const each = Array.from({ length: replicas + 1 }, (_, i) => i);
    const ways = options.routed === undefined ? 0 : each.length * replicas;
    const port = await freePorts([
      ...each.flatMap((i) => [i, 10 + i, 20 + 10 * i, 21 + 10 * i]),
      ...Array.from({ length: ways }, (_, i) => FIRST_WAY + i),
    ]);
    const cluster = new TestCluster(options, base, {
      directory: join(base, '.skein'),
      httpPort: port,
      linkPort: port + 10,
      mysqlPort: port + 20,
      replicas,
      acknowledge,
    });
    cluster.disks.mount(cluster.nodes, options);
    if (settings) {
      for (const { directory } of cluster.#plan) {
        mkdirSync(directory, { recursive: true });
        await writeFile(join(directory, 'node.json'), JSON.stringify(settings));
      }
    }
    if (options.routed !== undefined)
      cluster.#routes = await LinkRoutes.start(cluster.nodes, port + FIRST_WAY, options.routed);
    return cluster;
  }

  /** n1 at first. After a loss, the one that `untilPrimary` found last. */
  get primary(): TestNode {
    return this.#primary;
  }

  get replicas(): readonly TestNode[] {
    return this.nodes.filter((node) => node !== this.#primary);
  }

  /** Waits until a primary is open; `primary` and `replicas` are then according to it. */
  async untilPrimary(deadlineMs = 60_000): Promise<TestNode> {
    this.#primary = await until('a primary is open', () => this.electedPrimary(), {
      deadlineMs,
      context: () => this.logs(),
    });
    return this.#primary;
  }

  get token(): string {
    return this.primary.adminToken;
  }

  readWritePort(node: string): number {
    const at = this.nodes.findIndex(({ name }) => name === node);
    return this.#demo.mysqlPort + 10 * at;
  }

  readOnlyPort(node: string): number {
    return this.readWritePort(node) + 1;
  }

  get routes(): LinkRoutes {
    if (!this.#routes) throw new Error('the nodes reach each other directly (start the cluster with routed)');
    return this.#routes;
  }

  /** As the nodes that answer tell it; null = none is known. */
  electedPrimary(): Promise<TestNode | null> {
    return newestPrimary(this.nodes);
  }

  /** By a switchover, when the node is fit for it. All that it hears then know it. */
  async makePrimary(name: string): Promise<void> {
    await until(
      `${name} is the primary`,
      async () => {
        const primary = await this.untilPrimary();
        if (primary.name === name) return true;
        const { text } = await primary.request('POST', '/v1/cluster/switchover', { to: name });
        throw new Error(text);
      },
      { deadlineMs: 90_000, intervalMs: 500, context: () => this.logs() },
    );
    await this.untilFollowed();
  }

  /**
   * Waits until every live member names the open primary, in its epoch. A node that was elected serves before the others have
   * heard of it.
   */
  async untilFollowed(): Promise<TestNode> {
    return until(
      'all live members name the primary',
      async () => {
        const primary = await this.untilPrimary();
        await expectFollowed(primary, this.nodes);
        return primary;
      },
      { deadlineMs: 60_000, context: () => this.logs() },
    );
  }

  get httpPort(): number {
    return this.#demo.httpPort;
  }

  node(name: string): TestNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    if (!node) throw new Error(`no node ${name}`);
    return node;
  }

  get #environment(): NodeJS.ProcessEnv {
    const { env, loaded = [], patient = false } = this.#options;
    const modules = [...(this.#routes ? [USE_ROUTES] : []), ...(patient ? [PATIENT] : []), ...loaded];
    const given = { ...process.env, ...env };
    return { ...given, ...loadedBefore(modules, given.NODE_OPTIONS) };
  }

  /** The command line of this cluster's demo, as a person would type it. */
  get demoArguments(): string[] {
    const { directory, httpPort, linkPort, mysqlPort, replicas, acknowledge } = this.#demo;
    return [
      ...['demo', '--dir', directory, '--http-port', String(httpPort), '--link-port', String(linkPort)],
      ...['--mysql-port', String(mysqlPort), '--replicas', String(replicas), '--acknowledge', acknowledge],
      ...['--watchdog', String(this.#options.watchdog ?? WATCHDOG_S)],
    ];
  }

  // --- through the supervisor ---

  get supervisorPid(): number {
    if (!this.#supervisor?.pid) throw new Error('there is no supervisor');
    return this.#supervisor.pid;
  }

  /** Starts the demo (again) and waits for its line "skein ready"; returns the milliseconds that took. */
  async startDemo(): Promise<number> {
    const started = performance.now();
    const child = spawn(process.execPath, [MAIN, ...this.demoArguments], {
      cwd: this.#base,
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#supervisor = child;
    this.#readyUrl = null;
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.output.push(text);
      stdout += text;
      this.#readyUrl ??= /^skein ready (\S+)$/m.exec(stdout)?.[1] ?? null;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.output.push(text));
    await until(
      'the line "skein ready"',
      () => {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new GiveUp(`skein demo ended with ${child.exitCode ?? child.signalCode} before it was ready`);
        }
        return this.#readyUrl;
      },
      { deadlineMs: this.#options.readyDeadlineMs ?? FIRST_READY_MS, intervalMs: 20 },
    );
    return performance.now() - started;
  }

  /** The address that the line "skein ready" named. */
  get readyUrl(): string | null {
    return this.#readyUrl;
  }

  /** Sends a signal to the supervisor and waits for its end; its exit code, or the signal's name. */
  async endDemo(signal: NodeJS.Signals, deadlineMs = STOP_MS): Promise<number | string> {
    const child = this.#supervisor;
    if (!child) throw new Error('there is no supervisor');
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await until(
        `the demo ends after ${signal}`,
        () => child.exitCode !== null || child.signalCode !== null,
        { deadlineMs, context: () => this.logs() },
      );
    }
    this.#supervisor = null;
    return child.exitCode ?? child.signalCode ?? 'unknown';
  }

  // --- node by node ---

  proxy(replica: string): TcpProxy {
    const proxy = this.#proxies.get(replica);
    if (!proxy) throw new Error(`the link of ${replica} has no proxy (start the cluster with proxied: true)`);
    return proxy;
  }

  /**
   * Starts one node by its configuration file (proxied clusters only), with a limit of open files of its own if there is
   * one. Does not wait until it is ready.
   */
  startNode(name: string, { descriptors }: { descriptors?: number } = {}): void {
    const planned = this.#planned(name);
    const output = openSync(join(planned.directory, 'node.out'), 'a');
    const command = [process.execPath, MAIN, 'node', '--config', join(planned.directory, 'node.json')];
    const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
    const child = spawn('/bin/sh', ['-c', `${limit}exec "$0" "$@"`, ...command], {
      cwd: planned.directory,
      env: this.#environment,
      stdio: ['ignore', output, output],
      detached: true,
    });
    this.#children.set(name, child);
  }

  /** Resolves when a node's process (proxied clusters only) has ended, by itself or by a signal. */
  async untilNodeEnded(name: string, deadlineMs = 45_000): Promise<void> {
    const child = this.#children.get(name);
    await until(
      `${name}'s node has ended`,
      () => child === undefined || child.exitCode !== null || child.signalCode !== null,
      { deadlineMs, context: () => this.node(name).logs() },
    );
  }

  /** Without a supervisor. */
  async #startBare(): Promise<void> {
    mkdirSync(this.directory, { recursive: true });
    await ensureSecrets(this.directory);
    await writeIdentities(this.#plan);
    const first = this.#plan.slice(0, this.#options.first);
    for (const planned of first) {
      let node = planned;
      if (this.#options.proxied && planned.name !== 'n1') {
        const proxy = await TcpProxy.start({ target: { port: this.#demo.linkPort } });
        this.#proxies.set(planned.name, proxy);
        const link = { host: '127.0.0.1', port: proxy.port };
        const routes = { n1: link };
        node = { ...planned, config: { ...planned.config, contact: link, routes } };
      }
      await writeNodeConfig(node);
      this.startNode(planned.name);
    }
    const deadlineMs = this.#options.readyDeadlineMs ?? FIRST_READY_MS;
    await this.#add(first, deadlineMs);
    for (const node of this.nodes.slice(0, first.length)) {
      const child = this.#children.get(node.name);
      await until(
        `${node.name} is ready`,
        () => {
          if (child?.exitCode !== null) throw new GiveUp(`${node.name} ended with ${child?.exitCode}`);
          return node.isReady();
        },
        { deadlineMs },
      );
    }
  }

  #add(plan: PlannedNode[], deadlineMs: number): Promise<void> {
    const signal = AbortSignal.timeout(deadlineMs);
    return addMembers(plan, { token: this.token, changed: () => {}, signal });
  }

  /** Starts one more node (clusters with `first` only) and adds it. Resolves when it is a voter. */
  async grow(name: string): Promise<void> {
    const planned = this.#planned(name);
    await writeNodeConfig(planned);
    this.startNode(name);
    const primary = this.#planned((await this.untilPrimary()).name);
    await this.#add([primary, planned], this.#options.readyDeadlineMs ?? FIRST_READY_MS);
  }

  #planned(name: string): PlannedNode {
    const planned = this.#plan.find((candidate) => candidate.name === name);
    if (!planned) throw new Error(`no node ${name}`);
    return planned;
  }

  // --- the end ---

  /** Last lines of everything. */
  async logs(): Promise<string> {
    const nodes = await Promise.all(this.nodes.map((node) => node.logs()));
    return [`--- skein demo\n${this.output.text()}`, ...nodes].join('\n');
  }

  /** All pids that belong to this cluster now, by its pid files and our own children. */
  async pids(): Promise<number[]> {
    const files = this.nodes.flatMap(({ directory }) => [
      join(directory, 'node.pid'),
      join(directory, 'server.pid'),
    ]);
    const found = await Promise.all(files.map((file) => readPidFile(file).catch(() => 0)));
    const own = [this.#supervisor, ...this.#children.values()].map((child) => child?.pid ?? 0);
    const all = [...new Set([...found, ...own])].filter((pid) => pid > 1);
    const alive = await Promise.all(all.map(isAlive));
    return all.filter((_, i) => alive[i]);
  }

  /** Stops in order, kills what is left, removes the directory. Says when something had to be killed. */
  async dispose(): Promise<void> {
    for (const pid of await this.pids()) signalPid(pid, 'SIGCONT');
    const left: string[] = [];
    if (this.#supervisor) {
      await this.endDemo('SIGTERM').catch(async (error: Error) => {
        left.push(error.message.split('\n')[0] ?? '', ...(await stopWaits(this.nodes)));
      });
    }
    await this.#stopOwnNodes();
    const pids = await this.pids();
    for (const pid of pids) signalPid(pid, 'SIGKILL');
    for (const pid of pids) {
      await until(`process ${pid} is gone`, async () => !(await isAlive(pid)));
    }
    for (const proxy of this.#proxies.values()) await proxy.close();
    await this.#routes?.close();
    this.disks.unmount();
    // For a person who wants to look at what a failed test left behind.
    if (process.env.SKEIN_TEST_KEEP) console.log(`kept: ${this.directory}`);
    else await rm(this.#base, { recursive: true, force: true, maxRetries: 3 });
    if (left.length > 0) throw new Error(`The cluster did not stop in order: ${left.join('; ')}`);
  }

  async #stopOwnNodes(): Promise<void> {
    const running = [...this.#children.values()].filter(
      (child) => child.exitCode === null && child.signalCode === null,
    );
    await Promise.all(
      running.map(async (child) => {
        const exited = once(child, 'exit');
        // All stop: none hands over to another one.
        child.kill('SIGINT');
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS / 2);
        await exited;
        clearTimeout(timer);
      }),
    );
  }

  /** Files directly under the cluster's directory. */
  async files(): Promise<string[]> {
    return (await readdir(this.directory)).sort();
  }
}

/** Registers (in a describe or a file) that a failing test keeps the cluster's last log lines, and says where. */
export function showLogsOnFailure(cluster: () => TestCluster | undefined): void {
  afterEach(async (context) => {
    if (context.task.result?.state !== 'fail') return;
    const failed = cluster();
    if (!failed) return;
    const errors = context.task.result.errors?.map(({ message, stack }) => stack ?? message) ?? [];
    const logs = [...errors, await failed.logs(), ...(await Promise.all(failed.nodes.map(stateOf)))].join(
      '\n',
    );
    console.error(`"${context.task.name}" failed; ${keptLogs(context.task.name, logs)}`);
  });
}

/** What the node says of itself, and what its server is busy with. */
async function stateOf(node: TestNode): Promise<string> {
  const status = node.request('GET', '/v1/cluster').then(({ body }) => body);
  const threads = withSql(node, (connection) => rowsOf(connection, 'SHOW FULL PROCESSLIST'));
  const [said, busy] = await Promise.allSettled([status, threads]);
  return `--- ${node.name} now\n${JSON.stringify(said)}\n${JSON.stringify(busy)}`;
}
