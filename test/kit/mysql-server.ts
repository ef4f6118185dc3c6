import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import type { PasswordOf } from '../../src/flavour/accounts.js';
import { mysqlProgram } from '../../src/flavour/mysql/program/server-program.js';
import type { ServerProgram } from '../../src/flavour/server-program.js';
import { isSkeinError } from '../../src/model/error.js';
import { accountPassword } from '../../src/mysql-control/accounts.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import type { ServerBinary } from '../../src/server-packages/server-binary.js';
import { adoptRunning } from '../../src/server-process/adoption.js';
import { prepareDataDir } from '../../src/server-process/data-dir.js';
import type { Running } from '../../src/server-process/process-run.js';
import { type ServerPaths, serverPaths } from '../../src/server-process/server-paths.js';
import { ServerStateFile } from '../../src/server-process/server-state.js';
import { chooseServerUser } from '../../src/server-process/server-user.js';
import { type SpawnOptions, spawnServer } from '../../src/server-process/spawn-server.js';
import type { TemplateModules } from '../../src/server-process/template.js';
import { silentLogger } from '../../src/std/logger.js';
import type { RunUser } from '../../src/std/run-user.js';
import { signalPid, tailOf } from './processes.js';
import { openSql, run, type SqlNode, scalarOf, withSql } from './sql-node.js';
import { GiveUp, until } from './until.js';

/** MySQL, or why it cannot be had here: no network, another distribution. */
export async function obtainedMysql(): Promise<ServerBinary | string> {
  try {
    const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
    return await obtainServer({ cacheDir, server: 'mysql' }, { logger: silentLogger });
  } catch (error) {
    if (isSkeinError(error, 'OBTAIN_FAILED') || isSkeinError(error, 'SERVER_MISSING')) return error.message;
    throw error;
  }
}

const SECRET = Buffer.from('a secret of this test');

const accountStatements = (passwordOf: PasswordOf) => [
  `CREATE USER 'skein'@'localhost' IDENTIFIED BY '${passwordOf('skein')}'`,
  "GRANT ALL PRIVILEGES ON *.* TO 'skein'@'localhost' WITH GRANT OPTION",
];

export type MysqlServerOptions = Pick<SpawnOptions, 'serverUuid' | 'extraArgs'>;

/** A MySQL server on a data directory as a node makes it, without a node. */
export class MysqlServer implements SqlNode {
  readonly name = 'a MySQL server';
  readonly program: ServerProgram = mysqlProgram(accountStatements);
  readonly paths: ServerPaths;
  readonly modules: TemplateModules;
  readonly #options: MysqlServerOptions;
  readonly #stateFile: ServerStateFile;
  #running: Running | null = null;

  private constructor(
    directory: string,
    options: MysqlServerOptions,
    modules: Pick<TemplateModules, 'binary' | 'cacheDir'>,
  ) {
    this.#options = options;
    this.paths = serverPaths(directory);
    this.modules = { ...modules, program: this.program, logger: silentLogger };
    this.#stateFile = new ServerStateFile(directory, { logger: silentLogger });
  }

  static async start(binary: ServerBinary, options: MysqlServerOptions = {}): Promise<MysqlServer> {
    const directory = await mkdtemp(join(tmpdir(), 'skein-mysql-'));
    // Root's server runs as somebody else, who must be able to come here.
    await chmod(directory, 0o755);
    const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
    const server = new MysqlServer(directory, options, { binary, cacheDir });
    const user = await server.user();
    await prepareDataDir(server.paths.dataDir, { secret: SECRET, user }, server.modules);
    await server.start();
    return server;
  }

  /** Resolves when it answers. */
  async start(): Promise<Running> {
    const { binary, program, logger } = this.modules;
    const running = await spawnServer(this.#options, {
      ...{ binary, program, logger, paths: this.paths, stateFile: this.#stateFile },
      ...{ user: await this.user(), signal: new AbortController().signal },
    });
    this.#running = running;
    let dead = false;
    void running.died.then(() => {
      dead = true;
    });
    const answers = () =>
      withSql(this, async () => true).catch(() => {
        if (dead) throw new GiveUp('the server ended');
        return false;
      });
    await until('the server answers', answers, { context: () => tailOf(this.paths.log) });
    return running;
  }

  /** As a node does that was started anew. */
  adopt(): Promise<Running | null> {
    const { program, logger } = this.modules;
    return adoptRunning(this.paths.dataDir, { program, logger, stateFile: this.#stateFile });
  }

  user(): Promise<RunUser> {
    return chooseServerUser(this.paths.directory, this.modules);
  }

  get up(): Running {
    if (this.#running === null) throw new Error('It does not run.');
    return this.#running;
  }

  get password(): string {
    return accountPassword(SECRET, 'skein');
  }

  connect(options: ConnectionOptions = {}): Promise<Connection> {
    return openSql({
      socketPath: this.up.socketPath,
      user: 'skein',
      password: this.password,
      ...options,
    });
  }

  ask(sql: string): Promise<string | null> {
    return withSql(this, (connection) => scalarOf(connection, sql));
  }

  async execute(...statements: string[]): Promise<void> {
    await withSql(this, async (connection) => {
      for (const sql of statements) await run(connection, sql);
    });
  }

  open(): Promise<void> {
    return this.execute('SET GLOBAL super_read_only = OFF', 'SET GLOBAL read_only = OFF');
  }

  /** It stays down until `start`. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    this.#running = null;
    signalPid(running.pid, signal);
    await running.died;
  }

  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.paths.directory, { recursive: true, force: true });
  }
}
