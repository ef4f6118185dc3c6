import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import type { AccountName } from '../../src/flavour/accounts.js';
import type { ClusterStatus } from '../../src/model/status.js';
import { accountPassword } from '../../src/mysql-control/accounts.js';
import {
  commandLineOf,
  isAlive,
  killAndWait,
  readPidFile,
  signalPid,
  stopAndWait,
  tailOf,
} from './processes.js';
import { openSql, type SqlNode } from './sql-node.js';
import { until } from './until.js';

export interface SqlAnswer {
  results: Array<{
    columns: Array<{ name: string; type: string }>;
    rows: unknown[][];
    rowCount: number;
    affectedRows: number;
    insertId: string | null;
  }>;
  position: string;
  node: string;
  role: string;
  epoch: number;
}

export interface ErrorAnswer {
  code: string;
  errno?: number;
  sqlState?: string;
  message: string;
  statement?: number;
  retryable?: boolean;
  applied?: 'no' | 'yes' | 'unknown' | 'partial';
  primary?: string;
  requestId?: string;
}

export interface HttpAnswer<T = unknown> {
  status: number;
  headers: Headers;
  text: string;
  body: T & { error?: ErrorAnswer };
}

export interface RequestOptions {
  token?: string | null;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

/** An answer that was not what a test's helper asked for; the test may look at all of it. */
class HttpError extends Error {
  readonly answer: HttpAnswer;

  constructor(what: string, answer: HttpAnswer) {
    super(`${what}: HTTP ${answer.status} ${answer.text.slice(0, 500)}`);
    this.answer = answer;
  }
}

/** Lines that say nothing about what went wrong, and would push out those that do. */
const DULL = /"msg":"request"|InnoDB: |Aborted connection/;

export type ProcessKind = 'node' | 'server';

/** One node of a running cluster as a test sees it: its HTTP, its two processes, its server, its files. */
export class TestNode implements SqlNode {
  readonly name: string;
  readonly directory: string;
  readonly url: string;
  readonly linkPort: number;
  readonly #clusterDirectory: string;

  constructor(options: {
    name: string;
    directory: string;
    url: string;
    linkPort: number;
    clusterDirectory: string;
  }) {
    this.name = options.name;
    this.directory = options.directory;
    this.url = options.url;
    this.linkPort = options.linkPort;
    this.#clusterDirectory = options.clusterDirectory;
  }

  get adminToken(): string {
    return readFileSync(join(this.#clusterDirectory, 'admin.token'), 'utf8').trim();
  }

  // --- HTTP ---

  async request<T = unknown>(
    method: string,
    path: string,
    body?: unknown,
    options: RequestOptions = {},
  ): Promise<HttpAnswer<T>> {
    const token = options.token === undefined ? this.adminToken : options.token;
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(options.timeoutMs ?? 30_000),
    });
    const text = await response.text();
    let parsed: unknown = null;
    try {
      parsed = JSON.parse(text);
    } catch {
      // What is not JSON is for the test to look at as text.
    }
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: parsed as HttpAnswer<T>['body'],
    };
  }

  /** `POST /v1/sql`; throws HttpError when it is not answered with 200. */
  async sql(
    sql: string,
    params: unknown[] = [],
    more: Record<string, unknown> = {},
    options: RequestOptions = {},
  ): Promise<SqlAnswer> {
    const answer = await this.request<SqlAnswer>('POST', '/v1/sql', { sql, params, ...more }, options);
    if (answer.status !== 200) throw new HttpError(`${this.name} ${sql.slice(0, 100)}`, answer);
    return answer.body;
  }

  /** Rows of one statement. */
  async rows(sql: string, params: unknown[] = [], more: Record<string, unknown> = {}): Promise<unknown[][]> {
    return (await this.sql(sql, params, more)).results[0]?.rows ?? [];
  }

  async cluster(): Promise<ClusterStatus> {
    const answer = await this.request<ClusterStatus>('GET', '/v1/cluster');
    if (answer.status !== 200) throw new HttpError(`${this.name} /v1/cluster`, answer);
    return answer.body;
  }

  /** It says that it is the primary, and is open. */
  async isOpenPrimary(): Promise<boolean> {
    const options = { token: null, timeoutMs: 2_000 };
    const answer = await this.request('GET', '/primary', undefined, options).catch(() => null);
    return answer?.status === 200;
  }

  async isReady(): Promise<boolean> {
    const answer = await this.request('GET', '/ready', undefined, { token: null, timeoutMs: 10_000 });
    return answer.status === 200;
  }

  async untilReady(deadlineMs = 60_000): Promise<void> {
    await until(
      `${this.name} is ready`,
      async () => {
        const answer = await this.request('GET', '/ready', undefined, { token: null, timeoutMs: 3_000 });
        if (answer.status !== 200)
          throw new Error(`/ready says ${answer.status} ${answer.text.slice(0, 300)}`);
        return true;
      },
      { deadlineMs, context: () => this.logs(15) },
    );
  }

  // --- processes ---

  pid(kind: ProcessKind): Promise<number> {
    return readPidFile(join(this.directory, `${kind}.pid`));
  }

  async runs(kind: ProcessKind): Promise<boolean> {
    try {
      return await isAlive(await this.pid(kind));
    } catch {
      return false;
    }
  }

  /** SIGKILL, and its end is waited for; returns the pid that it had. */
  async kill(kind: ProcessKind): Promise<number> {
    const pid = await this.pid(kind);
    await killAndWait(pid);
    return pid;
  }

  async freeze(kind: ProcessKind): Promise<void> {
    await stopAndWait(await this.pid(kind));
  }

  async unfreeze(kind: ProcessKind): Promise<void> {
    signalPid(await this.pid(kind), 'SIGCONT');
  }

  /** After a kill: a living process of this kind that is not `oldPid`. */
  async untilRestarted(kind: ProcessKind, oldPid: number, deadlineMs = 60_000): Promise<number> {
    return await until(
      `${this.name}'s ${kind} runs again (it was ${oldPid})`,
      async () => {
        const pid = await this.pid(kind);
        return pid !== oldPid && (await isAlive(pid)) ? pid : null;
      },
      { deadlineMs, context: () => this.logs(20) },
    );
  }

  // --- the server itself ---

  /** The server's own words where it listens: no guess about names of files. */
  async socketPath(): Promise<string> {
    const args = await commandLineOf(await this.pid('server'));
    const path = args.find((arg) => arg.startsWith('--socket='))?.slice('--socket='.length);
    if (!path) throw new Error(`${this.name}'s server has no --socket in its command line`);
    return path;
  }

  /** As `skein@localhost`: all rights, not bound by read_only; for looking and for what a test must force. */
  connect(options: ConnectionOptions = {}): Promise<Connection> {
    return this.connectAs('skein', options);
  }

  async connectAs(account: AccountName, options: ConnectionOptions = {}): Promise<Connection> {
    return await openSql({
      socketPath: await this.socketPath(),
      user: account,
      password: this.password(account),
      ...options,
    });
  }

  password(account: AccountName): string {
    return accountPassword(clusterSecret(this.#clusterDirectory), account);
  }

  /** The last lines of its files, for the message of a test that fails. */
  async logs(count = 40): Promise<string> {
    const parts = ['node.log', 'node.out', 'server.log'].map(
      async (name) => `--- ${this.name}/${name}\n${await tailOf(join(this.directory, name), count, DULL)}`,
    );
    return (await Promise.all(parts)).join('\n');
  }
}

/** The key of the cluster's HMACs, as the nodes take it from `cluster.secret`. */
export function clusterSecret(clusterDirectory: string): Buffer {
  return Buffer.from(readFileSync(join(clusterDirectory, 'cluster.secret'), 'utf8').trim());
}
