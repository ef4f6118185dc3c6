import { dirname, join } from 'node:path';
import { SkeinError } from '../model/error.js';
import { isOfSeries, SERVER_SERIES } from '../model/server-choice.js';
import { fitsServer, parseBackupVersion, releaseOf } from '../model/server-version.js';
import { exists } from '../std/files.js';
import type { Logger } from '../std/logger.js';
import { run } from '../std/run.js';
import { aptDistribution, type Progress } from './apt.js';
import { cacheEntryPath, fillCacheEntry } from './cache-entry.js';
import { BACKUP_INSTALL_HINT, backupTree } from './mariadb-packages.js';
import { releaseWith } from './obtain.js';
import { hostCandidates, type ServerBinary } from './server-binary.js';
import { unpackTree } from './server-tree.js';

/** What takes a physical snapshot of a server, and prepares one. */
export interface BackupPrograms {
  /** mariadb-backup: absolute path of the program, or of the script that starts it. */
  readonly backup: string;
  /** As mariadb-backup says it, e.g. `10.11.19`. */
  readonly version: string;
}

export interface BackupProgramsOptions {
  readonly server: ServerBinary;
  /** See chooseCacheDir. */
  readonly cacheDir: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** Older releases call the first one `mariabackup`. */
const NAMES = ['mariadb-backup', 'mariabackup'];
const VERSION_TIMEOUT_MS = 20_000;

/**
 * Finds a `mariadb-backup` that fits a server: beside it, on the host, in Skein's cache, or by fetching it. The server's entry
 * in the cache has it, unless an older build filled it.
 * @throws SkeinError BACKUP_PROGRAM_MISSING, OBTAIN_FAILED
 */
export async function obtainBackupPrograms(
  options: BackupProgramsOptions,
  modules: { logger: Logger },
): Promise<BackupPrograms> {
  const { server } = options;
  const beside = [dirname(server.command), join(dirname(server.command), '../bin')];
  const places = [
    ...beside.flatMap((directory) => NAMES.map((name) => join(directory, name))),
    ...(server.origin === 'obtained' ? [] : await hostCandidates(NAMES)),
  ];
  const unfit: string[] = [];
  for (const path of places) {
    const found = await inspectBackup(path);
    if (found === null) continue;
    if (fitsServer(found.version, server.version)) return found;
    unfit.push(`${path} has version ${found.version}`);
  }
  return await fromCache(options, unfit, modules);
}

/** Null when there is no such program, or it cannot be started. */
async function inspectBackup(path: string): Promise<BackupPrograms | null> {
  if (!(await exists(path))) return null;
  const answer = await run(path, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS }).catch(() => null);
  const version = answer && parseBackupVersion(answer.stdout + answer.stderr);
  return version ? { backup: path, version } : null;
}

async function fromCache(
  { server, cacheDir, progress, signal }: BackupProgramsOptions,
  unfit: string[],
  { logger }: { logger: Logger },
): Promise<BackupPrograms> {
  const own = await aptDistribution();
  if (server.flavour !== 'mariadb' || own === null) throw missing(server, unfit);
  // The server may come from elsewhere, so the machine's own packages may be of another series.
  const series = SERVER_SERIES.find((one) => isOfSeries(server, one));
  const distribution = series === undefined ? own : releaseWith(series, own);
  // Named after the server's version: the sources may have a newer one when the server is upgraded.
  const path = cacheEntryPath(cacheDir, `mariadb-backup-${releaseOf(server.version)}`, distribution);
  const programOf = (directory: string) => join(directory, 'bin', 'mariadb-backup');
  const entry = {
    path,
    label: 'mariadb-backup',
    async fill(directory: string) {
      await unpackTree(directory, distribution, backupTree, progress ?? (() => {}), signal);
      const found = await inspectBackup(programOf(directory));
      if (found && fitsServer(found.version, server.version)) return found.version;
      throw missing(server, [
        ...unfit,
        `the package sources of this machine have version ${found?.version ?? 'unknown'}`,
      ]);
    },
  };
  await fillCacheEntry(entry, { logger }, signal);
  const found = await inspectBackup(programOf(path));
  if (found) return found;
  throw missing(server, [...unfit, `the program in ${path} cannot be started`]);
}

function missing({ version, command }: ServerBinary, unfit: readonly string[]): SkeinError {
  const found = unfit.length === 0 ? '' : ` Not used: ${unfit.join('; ')}.`;
  return new SkeinError(
    'BACKUP_PROGRAM_MISSING',
    `mariadb-backup for the server ${version} (${command}) was not found.${found} ${BACKUP_INSTALL_HINT}`,
    { data: { serverVersion: version } },
  );
}
