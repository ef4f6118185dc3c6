/** One real server behind one real HTTP server: an open primary whose quorum is itself, with a token of each role. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adoptAdminToken, ensureSystemSchema } from '../../src/auth/system-schema.js';
import { generateToken, type TokenRole } from '../../src/auth/token.js';
import type { HttpLimits } from '../../src/config/http-limits.js';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { HttpServer } from '../../src/http/server.js';
import type { Connection } from '../../src/mysql-client/connection.js';
import { bindValues, type TextValue } from '../../src/mysql-client/sql-text.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import { dumpProgramOf } from '../../src/server-packages/server-binary.js';
import { ManagedServer } from '../../src/server-process/managed-server.js';
import { silentLogger } from '../../src/std/logger.js';
import { HonestNode } from './honest-node.js';

/** For values of 16 MiB and more, both ways. */
export const LARGE_LIMITS: Partial<HttpLimits> = {
  bodyBytesMax: 31 * 1024 ** 2,
  bodiesBytesMax: 256 * 1024 ** 2,
  answerBytesMax: 64 * 1024 ** 2,
  answersBytesMax: 256 * 1024 ** 2,
};

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed, where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks at is what the server sent
  readonly body: any;
}

export class HttpNode {
  readonly url: string;
  readonly node: HonestNode;
  readonly tokens: Readonly<Record<TokenRole, string>>;
  readonly #directory: string;
  readonly #server: ManagedServer;
  readonly #http: HttpServer;

  private constructor(parts: {
    url: string;
    node: HonestNode;
    tokens: Record<TokenRole, string>;
    directory: string;
    server: ManagedServer;
    http: HttpServer;
  }) {
    this.url = parts.url;
    this.node = parts.node;
    this.tokens = parts.tokens;
    this.#directory = parts.directory;
    this.#server = parts.server;
    this.#http = parts.http;
  }

  static async start({
    primaryWaitMs = 0,
    sessionsPerRole,
  }: {
    primaryWaitMs?: number;
    sessionsPerRole?: number;
  } = {}): Promise<HttpNode> {
    const directory = await mkdtemp(join(tmpdir(), 'skein-http-'));
    const secret = Buffer.alloc(32, 7);
    const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
    const binary = await obtainServer({ cacheDir }, { logger: silentLogger });
    const server = new ManagedServer(
      // Nobody acknowledges here.
      { directory: join(directory, 'n1'), secret, extraArgs: ['--rpl-semi-sync-master-enabled=0'] },
      { binary, program: mariadb.program, cacheDir, logger: silentLogger },
    );
    await server.start();
    let url = '';
    const node = new HonestNode(
      { name: 'n1', role: 'primary', secret, primaryHttp: () => url, dumpProgram: dumpProgramOf(binary) },
      server,
    );
    await node.open();
    const admin = generateToken();
    const executor = await systemExecutor(await node.control());
    await ensureSystemSchema(executor);
    await adoptAdminToken(executor, admin);
    const http = new HttpServer(
      {
        ...{ host: '127.0.0.1', port: 0, consoleDir: null, tokenRefreshMs: 200, limits: LARGE_LIMITS },
        primaryWaitMs,
        ...(sessionsPerRole !== undefined && { sessionsPerRole }),
      },
      { node, log: silentLogger },
    );
    url = `http://127.0.0.1:${(await http.start()).port}`;
    const make = async (role: TokenRole): Promise<string> => {
      const made = await request(`${url}/v1/tokens`, { token: admin, body: { name: role, role } });
      return made.body.token;
    };
    const tokens = { admin, write: await make('write'), read: await make('read') };
    return new HttpNode({ url, node, tokens, directory, server, http });
  }

  call(
    path: string,
    options: {
      role?: TokenRole | null;
      method?: string;
      body?: unknown;
      headers?: Record<string, string>;
    } = {},
  ): Promise<Answer> {
    const { role = 'read', ...rest } = options;
    return request(`${this.url}${path}`, { ...rest, token: role === null ? null : this.tokens[role] });
  }

  /** The statement, or the whole body of `/v1/sql`, must succeed. */
  async sql(body: object | string, role: TokenRole = 'write'): Promise<Answer['body']> {
    const sent = typeof body === 'string' ? { sql: body } : body;
    const answer = await this.call('/v1/sql', { role, body: sent });
    if (answer.status !== 200) throw new Error(`${JSON.stringify(sent).slice(0, 500)}: ${answer.text}`);
    return answer.body;
  }

  get serverPid(): number {
    return this.#server.current?.pid ?? 0;
  }

  /** The last transaction of the server's log. */
  async gtid(): Promise<string> {
    return (await (await this.node.control()).query('SELECT @@GLOBAL.gtid_binlog_pos'))[0]?.[0] ?? '';
  }

  async stop(): Promise<void> {
    await this.#http.stop();
    this.node.close();
    await this.#server.kill('test is over');
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function request(
  url: string,
  options: { token: string | null; method?: string; body?: unknown; headers?: Record<string, string> },
): Promise<Answer> {
  const { token, body } = options;
  const response = await fetch(url, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : null };
}

async function systemExecutor(control: Connection) {
  return {
    query: (sql: string, params: readonly TextValue[] = []) => control.queryRows(bindValues(sql, params)),
  };
}
