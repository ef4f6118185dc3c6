import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import { uuidOfNode } from '../../src/flavour/mysql/gtid.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import type { ServerBinary } from '../../src/server-packages/server-binary.js';
import { chooseServerUser } from '../../src/server-process/server-user.js';
import { silentLogger } from '../../src/std/logger.js';
import { run } from '../../src/std/run.js';
import { openSql, type SqlNode } from './sql-node.js';
import { until } from './until.js';

/** A MySQL server of its own, without a node. Its root has no password, on the socket alone. */
export class LoneMysql implements SqlNode {
  readonly name: string;
  readonly directory: string;
  readonly #child: ChildProcess;

  private constructor(name: string, directory: string, child: ChildProcess) {
    this.name = name;
    this.directory = directory;
    this.#child = child;
  }

  /** `name`: of the node whose server it would be. */
  static async start(name: string, serverId: number, args: readonly string[] = []): Promise<LoneMysql> {
    const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
    const binary = await obtainServer({ cacheDir, server: 'mysql' }, { logger: silentLogger });
    const directory = await mkdtemp(join(tmpdir(), 'skein-mysql-'));
    await chmod(directory, 0o755);
    const all = await prepare(binary, directory, name, serverId, args);
    const child = spawn(binary.command, all, { stdio: 'ignore' });
    const server = new LoneMysql(name, directory, child);
    await until('the server answers', () => server.#answers(), { deadlineMs: 60_000 });
    return server;
  }

  get socketPath(): string {
    return join(this.directory, 's.sock');
  }

  connect(options: ConnectionOptions = {}): Promise<Connection> {
    return openSql({ socketPath: this.socketPath, user: 'root', password: '', ...options });
  }

  async #answers(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`the server ended with ${this.#child.exitCode}`);
    return await this.connect().then(
      async (connection) => {
        await connection.end();
        return true;
      },
      () => false,
    );
  }

  async dispose(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function prepare(
  binary: ServerBinary,
  directory: string,
  name: string,
  serverId: number,
  args: readonly string[],
): Promise<string[]> {
  const user = await chooseServerUser(directory, { binary, logger: silentLogger });
  const data = join(directory, 'data');
  await mkdir(data);
  for (const path of [directory, data]) await chown(path, user.uid, user.gid);
  const common = [
    ...['--no-defaults', ...binary.pathArgs, `--user=${user.name}`, `--datadir=${data}`],
    ...['--secure-file-priv=', '--innodb-buffer-pool-size=32M', '--innodb-redo-log-capacity=16M'],
    ...['--performance-schema=OFF', `--log-error=${join(directory, 'error.log')}`],
  ];
  const made = await run(binary.command, [...common, '--initialize-insecure'], { timeoutMs: 60_000 });
  if (made.code !== 0)
    throw new Error(`mysqld --initialize-insecure ended with ${made.code}: ${made.stderr}`);
  await writeFile(join(data, 'auto.cnf'), `[auto]\nserver-uuid=${uuidOfNode(name)}\n`);
  return [
    ...common,
    ...[`--port=${await freePort()}`, '--bind-address=127.0.0.1', `--socket=${join(directory, 's.sock')}`],
    ...[`--pid-file=${join(directory, 'pid')}`, '--mysqlx=OFF', `--server-id=${serverId}`, '--log-bin=bin'],
    ...['--gtid-mode=ON', '--enforce-gtid-consistency=ON', '--skip-replica-start', ...args],
  ];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
