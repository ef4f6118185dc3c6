import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { knownNode } from '../../src/cli/known-node.js';
import { type Answer, NodeClient } from '../../src/cli/node-client.js';
import { type CommandResult, skein } from './cli.js';
import { MAIN } from './cluster.js';
import { isAlive, killAndWait, readPidFile, tailOf } from './processes.js';
import { until } from './until.js';

/** What runs before each program of the machine: of a network namespace, for instance. */
export type Prefix = readonly string[];

/** One machine: an address, a directory that `skein init` or `skein join` prepares, and the node that then runs there. */
export class SetUpNode {
  readonly directory: string;
  readonly host: string;
  readonly #prefix: Prefix;
  readonly #options: readonly string[];
  /** The admin token of its cluster, for a machine that has it not in its directory. */
  token: string | null = null;
  #child: ChildProcess | null = null;

  /** `ports`: HTTP, link, MySQL (two of them; null = a witness, which has none). */
  constructor(options: {
    directory: string;
    host: string;
    ports: readonly [number, number, number | null];
    prefix?: Prefix;
  }) {
    this.directory = options.directory;
    this.host = options.host;
    this.#prefix = options.prefix ?? [];
    const [http, link, mysql] = options.ports;
    this.#options = [
      ...['--dir', this.directory, '--http-port', `${http}`, '--link-port', `${link}`],
      ...(mysql === null ? [] : ['--mysql-port', `${mysql}`]),
    ];
  }

  /** Runs `skein` on this machine; it knows its node. */
  skein(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
    return skein(args, {
      env: { SKEIN_DIR: this.directory, ...(this.token !== null && { SKEIN_TOKEN: this.token }), ...env },
      prefix: this.#prefix,
      deadlineMs: 100_000,
    });
  }

  /** `skein init` or `skein join` with this machine's directory and ports. */
  setUp(args: readonly string[]): Promise<CommandResult> {
    return this.skein([...args, ...this.#options]);
  }

  /** The whole line that `skein token join` prints, as arguments. @throws Error */
  async joinLine(...options: string[]): Promise<string[]> {
    const { code, stdout, stderr } = await this.skein(['token', 'join', ...options]);
    if (code !== 0) throw new Error(stderr);
    return stdout.trim().split(' ').slice(1);
  }

  start(): void {
    const output = openSync(join(this.directory, 'node.out'), 'a');
    const [program = '', ...args] = [...this.#prefix, process.execPath, MAIN, 'node', '--config'];
    this.#child = spawn(program, [...args, join(this.directory, 'node.json')], {
      stdio: ['ignore', output, output],
    });
    closeSync(output);
  }

  pid(kind: 'node' | 'server'): Promise<number> {
    return readPidFile(join(this.directory, `${kind}.pid`));
  }

  /** In order, with its server. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    process.kill(await this.pid('node'), 'SIGTERM');
    await ended;
  }

  /** Node and server, whatever they do. */
  async end(): Promise<void> {
    this.#child?.kill('SIGKILL');
    for (const kind of ['node', 'server'] as const) {
      const pid = await this.pid(kind).catch(() => null);
      if (pid !== null && (await isAlive(pid))) await killAndWait(pid);
    }
  }

  log(count = 20): Promise<string> {
    return tailOf(join(this.directory, 'node.log'), count);
  }

  /** A document of this machine's node: by the command line where only that can reach it. */
  async get<T>(path: '/v1/cluster' | '/v1/join-tokens'): Promise<T> {
    if (this.#prefix.length === 0) return (await this.request<T>('GET', path)).body;
    const args = path === '/v1/cluster' ? ['status', '--json'] : ['token', 'list', '--json'];
    const { stdout, stderr } = await this.skein(args);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as T;
  }

  /** As the command line asks, without its process. */
  request<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Answer<T>> {
    const env = { SKEIN_DIR: this.directory, ...(this.token !== null && { SKEIN_TOKEN: this.token }) };
    const { signal } = new AbortController();
    return new NodeClient({ ...knownNode({ env, cwd: '/' }), signal }).request<T>(method, path, body);
  }

  /** Rows of one statement on this machine's node. */
  async rows(sql: string): Promise<unknown[][]> {
    const { stdout, stderr, code } = await this.skein(['sql', '--json', sql]);
    if (code !== 0) throw new Error(stderr);
    return (JSON.parse(stdout) as { results: { rows: unknown[][] }[] }).results[0]?.rows ?? [];
  }

  /** Until the status that this machine's node knows is as wanted. */
  untilStatus(what: string, holds: (status: Status) => boolean): Promise<Status> {
    return until(
      what,
      async () => {
        const status = await this.get<Status>('/v1/cluster');
        if (!holds(status)) throw new Error(`the status is ${JSON.stringify(status)}`);
        return status;
      },
      { deadlineMs: 60_000, intervalMs: 200, context: () => this.log() },
    );
  }
}

export interface Status {
  readonly primary: string | null;
  readonly quorum: { readonly needed: number; readonly attached: number; readonly voters: number };
  readonly members: readonly {
    readonly name: string;
    readonly voter: boolean;
    readonly state: string;
    readonly http: string;
  }[];
}
