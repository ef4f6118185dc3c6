import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { accountPassword } from '../../src/mysql-control/accounts.js';
import { MariadbControl } from '../../src/mysql-control/control.js';
import { type BackupPrograms, obtainBackupPrograms } from '../../src/server-packages/backup-programs.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import type { ServerBinary } from '../../src/server-packages/server-binary.js';
import { ManagedServer } from '../../src/server-process/managed-server.js';
import { rollBackPrepared } from '../../src/server-process/prepared-transactions.js';
import { chooseServerUser } from '../../src/server-process/server-user.js';
import { IncomingSnapshot } from '../../src/snapshot/incoming.js';
import { placeSnapshot, recoverPlacing, settlePlaced } from '../../src/snapshot/place.js';
import {
  type SnapshotTaking,
  type TakenSnapshot,
  type TakeOptions,
  takeSnapshot,
} from '../../src/snapshot/take.js';
import { silentLogger } from '../../src/std/logger.js';
import { openSql, type SqlNode } from './sql-node.js';

export interface SnapshotTools {
  readonly cacheDir: string;
  readonly binary: ServerBinary;
  readonly programs: BackupPrograms;
}

export async function snapshotTools(): Promise<SnapshotTools> {
  const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
  const binary = await obtainServer({ cacheDir }, { logger: silentLogger });
  const programs = await obtainBackupPrograms({ server: binary, cacheDir }, { logger: silentLogger });
  return { cacheDir, binary, programs };
}

/** A running server that a snapshot is taken of. */
export interface Donor {
  /** Its node's directory, with `data` in it. */
  readonly directory: string;
  readonly secret: Buffer;
  readonly socketPath: string;
}

export async function take(
  { directory, secret, socketPath }: Donor,
  {
    tools,
    signal = new AbortController().signal,
    ...options
  }: { tools: SnapshotTools; signal?: AbortSignal } & Partial<TakeOptions>,
): Promise<SnapshotTaking> {
  const control = new MariadbControl({ secret }, { socketPath: () => socketPath, flavour: mariadb });
  return await takeSnapshot(
    {
      programs: tools.programs,
      dataDir: join(directory, 'data'),
      directory,
      socketPath,
      password: accountPassword(secret, 'skein'),
      ...options,
    },
    { logger: silentLogger, gtidAt: (place) => control.gtidAt(place) },
    signal,
  );
}

/** Reads a snapshot that nobody wants to its end; what fails is told by `done`. */
export async function drain({ output }: SnapshotTaking): Promise<void> {
  try {
    for await (const _ of output);
  } catch {}
}

/** A server on a snapshot that was received: closed, and without a node. */
export class SeededServer implements SqlNode {
  readonly name = 'seeded server';
  readonly directory: string;
  readonly control: MariadbControl;
  readonly #tools: SnapshotTools;
  readonly #secret: Buffer;
  #server: ManagedServer | null = null;

  private constructor(directory: string, tools: SnapshotTools, secret: Buffer) {
    this.directory = directory;
    this.#tools = tools;
    this.#secret = secret;
    this.control = new MariadbControl(
      { secret },
      { socketPath: () => this.#server?.current?.socketPath ?? null, flavour: mariadb },
    );
  }

  static async create(tools: SnapshotTools, secret: Buffer): Promise<SeededServer> {
    const directory = await mkdtemp(join(tmpdir(), 'skein-seeded-'));
    await chmod(directory, 0o755);
    return new SeededServer(directory, tools, secret);
  }

  async begin(bytesExpected: number | null = null): Promise<IncomingSnapshot> {
    const { binary, programs } = this.#tools;
    const user = await chooseServerUser(this.directory, { binary, logger: silentLogger });
    return await IncomingSnapshot.begin(
      { directory: this.directory, programs, serverVersion: binary.version, user },
      { bytesExpected },
      {
        logger: silentLogger,
        rollBackPrepared: (data, signal) =>
          rollBackPrepared(data, { binary, program: mariadb.program, user }, signal),
      },
    );
  }

  /** All of it: received, prepared, put in its place. */
  async fill(taking: SnapshotTaking): Promise<TakenSnapshot> {
    const incoming = await this.begin(taking.progress().bytesTotal);
    for await (const piece of taking.output) await incoming.write(piece);
    const taken = await taking.done;
    await incoming.finish(taken);
    await placeSnapshot(this.directory, { logger: silentLogger });
    return taken;
  }

  /** Starts the server, as a node does. */
  async start(): Promise<void> {
    const { binary, cacheDir } = this.#tools;
    await recoverPlacing(this.directory, { logger: silentLogger });
    this.#server = new ManagedServer(
      {
        directory: this.directory,
        secret: this.#secret,
        bufferPoolBytes: 16 * 2 ** 20,
        redoLogBytes: 8 * 2 ** 20,
      },
      { binary, program: mariadb.program, cacheDir, logger: silentLogger },
    );
    await this.#server.start();
    await settlePlaced(this.directory, this.control, { logger: silentLogger });
  }

  async stop(): Promise<void> {
    this.control.close();
    await this.#server?.kill('the test');
    this.#server = null;
  }

  connect(options: ConnectionOptions = {}): Promise<Connection> {
    return openSql({
      socketPath: this.#server?.current?.socketPath ?? '',
      user: 'skein',
      password: accountPassword(this.#secret, 'skein'),
      ...options,
    });
  }

  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}
