/**
 * Receives a snapshot: unpacks its bytes beside the data that it will replace, makes it consistent, and notes durably that it
 * is ready. It does not touch the old data, and decides nothing about when the new takes its place (see place.ts).
 */
import { chown, mkdir, rm, stat, statfs } from 'node:fs/promises';
import { SkeinError } from '../model/error.js';
import { fitsServer } from '../model/server-version.js';
import type { BackupPrograms } from '../server-packages/backup-programs.js';
import { syncPath, syncTree } from '../std/files.js';
import type { Logger } from '../std/logger.js';
import type { RunUser } from '../std/run-user.js';
import { prepareSnapshot } from './prepare.js';
import { SeedNoteFile } from './seed-note.js';
import { type SeedPaths, seedPaths } from './seed-paths.js';
import { snapshotError } from './snapshot-error.js';
import { keepOnlyData, readFacts } from './snapshot-files.js';
import { Unpacker } from './unpack.js';

export interface SnapshotPlace {
  /** The node's. */
  readonly directory: string;
  readonly programs: BackupPrograms;
  /** Of the server that will be started on the data. */
  readonly serverVersion: string;
  /** The owner of the files: the user of that server. */
  readonly user: RunUser;
}

export interface IncomingModules {
  readonly logger: Logger;
  /** Rolls back what the engine of this data has prepared, and no log will commit. @throws SkeinError SNAPSHOT_PREPARE_FAILED */
  rollBackPrepared(dataDir: string, signal: AbortSignal): Promise<void>;
}

/** Facts that the donor sends. */
export interface ExpectedSnapshot {
  readonly gtid: string;
  readonly bytes: number;
  /** See SeedNote. */
  readonly about?: Readonly<Record<string, unknown>>;
}

export interface IncomingProgress {
  readonly phase: 'receive' | 'prepare' | 'sync' | 'ready';
  readonly bytes: number;
}

/** Space for a snapshot, relative to its bytes: the preparation adds redo log and temporary files. */
const SPACE_FACTOR = 1.1;
const SPACE_MIN_BYTES = 128 * 2 ** 20;

export class IncomingSnapshot {
  readonly #place: SnapshotPlace;
  readonly #paths: SeedPaths;
  readonly #note: SeedNoteFile;
  readonly #modules: IncomingModules;
  readonly #unpacker: Unpacker;
  readonly #stopped = new AbortController();
  #phase: IncomingProgress['phase'] = 'receive';

  /**
   * Removes the rest of an earlier, unfinished snapshot, and begins.
   * @throws SkeinError SNAPSHOT_NO_SPACE, SNAPSHOT_PLACE
   */
  static async begin(
    place: SnapshotPlace,
    { bytesExpected }: { bytesExpected: number | null },
    modules: IncomingModules,
  ): Promise<IncomingSnapshot> {
    const paths = seedPaths(place.directory);
    const note = await new SeedNoteFile(paths).read();
    if (note !== null && note.step !== 'ready') {
      throw snapshotError(
        'SNAPSHOT_PLACE',
        `The previous snapshot has not been put in place yet (${paths.note}).`,
        {
          phase: 'receive',
        },
      );
    }
    await rm(paths.seed, { recursive: true, force: true });
    await refuseOtherFileSystem(paths);
    if (bytesExpected !== null) await refuseFullDisk(paths, bytesExpected);
    await mkdir(paths.seed, { mode: 0o755 });
    for (const directory of [paths.data, paths.tmp]) await mkdir(directory, { mode: 0o700 });
    if (place.user.switched) await chown(paths.tmp, place.user.uid, place.user.gid);
    return new IncomingSnapshot(place, paths, modules);
  }

  private constructor(place: SnapshotPlace, paths: SeedPaths, modules: IncomingModules) {
    this.#place = place;
    this.#paths = paths;
    this.#note = new SeedNoteFile(paths);
    this.#modules = modules;
    this.#unpacker = new Unpacker(paths.data, place.user);
  }

  /**
   * Takes the next bytes, which must not change until it resolves. One call at a time.
   * @throws SkeinError SNAPSHOT_DAMAGED, SNAPSHOT_NO_SPACE, SNAPSHOT_PLACE
   */
  write(bytes: Buffer): Promise<void> {
    return this.#unpacker.write(bytes);
  }

  progress(): IncomingProgress {
    return { phase: this.#phase, bytes: this.#unpacker.bytes };
  }

  /**
   * After the last bytes: the snapshot is whole, consistent, on the disk, and noted as ready.
   * @throws SkeinError SNAPSHOT_DAMAGED, SNAPSHOT_VERSION, SNAPSHOT_NO_SPACE, SNAPSHOT_PREPARE_FAILED
   */
  async finish(
    expected: ExpectedSnapshot,
    { memoryBytes, signal }: { memoryBytes?: number; signal?: AbortSignal } = {},
  ): Promise<void> {
    const stopped = AbortSignal.any([this.#stopped.signal, ...(signal ? [signal] : [])]);
    const { data, tmp, seed } = this.#paths;
    const started = performance.now();
    this.#refuseCut(expected.bytes);
    await this.#unpacker.end();
    await this.#refuseForeign();
    this.#phase = 'prepare';
    const { programs, user } = this.#place;
    await prepareSnapshot(
      data,
      { programs, user, tmp, ...(memoryBytes === undefined ? {} : { memoryBytes }) },
      stopped,
    );
    await this.#modules.rollBackPrepared(data, stopped);
    const prepared = performance.now();
    stopped.throwIfAborted();
    await keepOnlyData(data);
    await rm(tmp, { recursive: true, force: true });
    this.#phase = 'sync';
    await syncTree(data);
    await syncPath(seed);
    stopped.throwIfAborted();
    const { gtid, about = {} } = expected;
    await this.#note.write({ step: 'ready', gtid, bytes: this.#unpacker.bytes, about });
    await syncPath(this.#paths.directory);
    this.#phase = 'ready';
    this.#modules.logger.info(
      {
        gtid,
        bytes: this.#unpacker.bytes,
        prepareMs: Math.round(prepared - started),
        syncMs: Math.round(performance.now() - prepared),
      },
      'snapshot received',
    );
  }

  /** Ends what is under way and removes what was received. */
  async discard(): Promise<void> {
    this.#stopped.abort(new SkeinError('SNAPSHOT_DISCARDED', 'The snapshot is not wanted any more.'));
    await this.#unpacker.stop();
    await rm(this.#paths.seed, { recursive: true, force: true });
  }

  #refuseCut(expectedBytes: number): void {
    const { bytes } = this.#unpacker;
    if (bytes === expectedBytes) return;
    throw snapshotError(
      'SNAPSHOT_DAMAGED',
      `The snapshot is incomplete: ${bytes} of ${expectedBytes} bytes arrived.`,
      { phase: 'receive' },
    );
  }

  async #refuseForeign(): Promise<void> {
    const phase = 'receive';
    const facts = await readFacts(this.#paths.data);
    if (facts?.state !== 'full-backuped') {
      throw snapshotError('SNAPSHOT_DAMAGED', 'The received data is not a complete snapshot of a server.', {
        phase,
      });
    }
    const { serverVersion } = this.#place;
    const mariadb = /mariadb/i.test(facts.serverVersion);
    if (mariadb && fitsServer(serverVersion, facts.serverVersion)) return;
    throw snapshotError(
      'SNAPSHOT_VERSION',
      `The snapshot is of a server ${facts.serverVersion}, and this node has ${serverVersion}. It has to be of the same series, and not older.`,
      { phase },
    );
  }
}

/** The data is put in its place by a rename, which is possible within one file system only. */
async function refuseOtherFileSystem({ directory, live }: SeedPaths): Promise<void> {
  const [node, data] = await Promise.all([stat(directory), stat(live).catch(() => null)]);
  if (data === null || data.dev === node.dev) return;
  throw snapshotError(
    'SNAPSHOT_PLACE',
    `${live} is a file system of its own, so no other data can be put in its place. Mount the whole directory of the node instead: ${directory}.`,
    { phase: 'receive' },
  );
}

async function refuseFullDisk({ directory }: SeedPaths, bytesExpected: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const needed = Math.ceil(bytesExpected * SPACE_FACTOR) + SPACE_MIN_BYTES;
  const free = bavail * bsize;
  if (free >= needed) return;
  const MiB = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  throw snapshotError(
    'SNAPSHOT_NO_SPACE',
    `The snapshot needs ${MiB(needed)} in ${directory}, and ${MiB(free)} are free. Make room there.`,
    { phase: 'receive' },
  );
}
