import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import type { AccountName } from '../../src/flavour/accounts.js';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import type { Position } from '../../src/model/position.js';
import { ORIGIN } from '../../src/model/position.js';
import { accountPassword } from '../../src/mysql-control/accounts.js';
import { MariadbControl } from '../../src/mysql-control/control.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import { ManagedServer, type ManagedServerOptions } from '../../src/server-process/managed-server.js';
import type { DumpTarget } from '../../src/source/dump-connection.js';
import { Source } from '../../src/source/source.js';
import { silentLogger } from '../../src/std/logger.js';
import { epochEntry } from './chain-entry.js';
import { gtidIn } from './gtid.js';
import { openSql, run, type SqlNode, scalarOf, withSql } from './sql-node.js';
import { until } from './until.js';

export type LoneServerOptions = Pick<
  ManagedServerOptions,
  'extraArgs' | 'recoveryServerId' | 'recoverAs' | 'startAttemptsMax'
>;

/**
 * A managed server without a node: open as the primary of epoch 1, and nobody acknowledges its commits. For trials of
 * what the server itself does with commits that wait.
 */
export class LoneServer implements SqlNode {
  readonly name = 'lone server';
  readonly control: MariadbControl;
  readonly #server: ManagedServer;
  readonly #directory: string;
  readonly #secret: Buffer;
  readonly #sources: Source[] = [];
  #dumps = 3_900_000_000;

  private constructor(server: ManagedServer, directory: string, secret: Buffer) {
    this.#server = server;
    this.#directory = directory;
    this.#secret = secret;
    this.control = new MariadbControl(
      { secret },
      { socketPath: () => server.current?.socketPath ?? null, flavour: mariadb },
    );
    server.down.on(() => this.control.serverDown());
  }

  static async start(options: LoneServerOptions = {}): Promise<LoneServer> {
    const { extraArgs = [], ...more } = options;
    const directory = await mkdtemp(join(tmpdir(), 'skein-lone-'));
    // Root's server runs as somebody else, who must be able to come here.
    await chmod(directory, 0o755);
    const secret = Buffer.from('a secret of this test');
    const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
    const binary = await obtainServer({ cacheDir }, { logger: silentLogger });
    const server = new ManagedServer(
      { directory, secret, bufferPoolBytes: 16 * 2 ** 20, redoLogBytes: 8 * 2 ** 20, extraArgs, ...more },
      { binary, program: mariadb.program, cacheDir, logger: silentLogger },
    );
    await server.start();
    const lone = new LoneServer(server, directory, secret);
    await lone.control.openAsPrimary({ serverId: mariadb.epochServerId(1) });
    return lone;
  }

  /** Where a file of its data directory is. */
  dataFile(name: string): string {
    return join(this.#directory, 'data', name);
  }

  /** What a snapshot of it is taken from. */
  get donor(): { directory: string; secret: Buffer; socketPath: string } {
    return {
      directory: this.#directory,
      secret: this.#secret,
      socketPath: this.#server.current?.socketPath ?? '',
    };
  }

  get pid(): number {
    return this.#server.current?.pid ?? 0;
  }

  connect(options: ConnectionOptions = {}): Promise<Connection> {
    return this.connectAs('skein', options);
  }

  password(account: AccountName): string {
    return accountPassword(this.#secret, account);
  }

  connectAs(account: AccountName, options: ConnectionOptions = {}): Promise<Connection> {
    return openSql({
      socketPath: this.#server.current?.socketPath ?? '',
      user: account,
      password: this.password(account),
      ...options,
    });
  }

  /** Past the binary log, so that it waits for nobody. */
  async unlogged(...statements: string[]): Promise<void> {
    await withSql(this, async (connection) => {
      await run(connection, 'SET SESSION sql_log_bin = 0');
      for (const sql of statements) await run(connection, sql);
    });
  }

  /** One value, asked by a session of its own. */
  ask(sql: string): Promise<string | null> {
    return withSql(this, (connection) => scalarOf(connection, sql));
  }

  get dumpTarget(): DumpTarget {
    return {
      socketPath: this.#server.current?.socketPath ?? '',
      user: 'skein_repl',
      password: this.password('skein_repl'),
    };
  }

  /** As our node dials it; it acknowledges only what `acknowledge` is called with. */
  async dial(after: Position, options: { serverId?: number } = {}): Promise<Source> {
    const serverId = options.serverId ?? this.#dumps++;
    const source = new Source(
      {
        target: this.dumpTarget,
        serverId,
        after,
        semiSync: true,
      },
      { flavour: mariadb, logger: silentLogger, chain: () => [epochEntry(1, ORIGIN)], batch: () => true },
    );
    this.#sources.push(source);
    await source.start();
    return source;
  }

  /** Ends the process by SIGKILL and waits for the next one, which is closed, as always. */
  async crash(): Promise<void> {
    const old = this.pid;
    await this.#server.kill('the test', { restart: true });
    await this.untilRestarted(old);
  }

  /** Ends the process by SIGKILL. It stays down until `startAgain`. */
  kill(): Promise<void> {
    return this.#server.kill('the test');
  }

  /** The server is closed afterwards, as always. */
  async startAgain(): Promise<void> {
    await this.#server.start();
  }

  async untilRestarted(oldPid: number): Promise<void> {
    await until('the server runs again', () => this.pid !== 0 && this.pid !== oldPid);
  }

  async dispose(): Promise<void> {
    for (const source of this.#sources) source.stop();
    this.control.close();
    await this.#server.kill('end of the test');
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Where the history of epoch 1 stands at this number. */
export function positionAt(ordinal: number): Position {
  return { epoch: 1, ordinal, gtid: ordinal === 0 ? '' : gtidIn(1, ordinal) };
}
