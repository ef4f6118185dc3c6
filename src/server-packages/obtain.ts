import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isSkeinError, SkeinError } from '../model/error.js';
import { exists, publishDirectory, sweepTemporary, temporaryName } from '../std/files.js';
import { withLock } from '../std/lock-file.js';
import type { Logger } from '../std/logger.js';
import { aptDistribution, type Progress } from './apt.js';
import { unpackMariadb } from './mariadb-packages.js';
import { hostCandidates, inspectServer, type ServerBinary } from './server-binary.js';

export interface ObtainOptions {
  /** See chooseCacheDir. */
  readonly cacheDir: string;
  /** `obtain`: ignore the host's servers. An absolute path: use exactly that. Default: env SKEIN_SERVER. */
  readonly server?: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/**
 * The database server to start: the one that was named, or one that the host has, or one in Skein's cache,
 * or one that is fetched now. A second caller, also in another process, waits for the first one's.
 * @throws SkeinError SERVER_UNUSABLE, OBTAIN_FAILED, SERVER_MISSING
 */
export async function obtainServer(
  options: ObtainOptions,
  modules: { logger: Logger },
): Promise<ServerBinary> {
  const wish = options.server ?? process.env.SKEIN_SERVER ?? '';
  if (wish !== '' && wish !== 'obtain') return await inspectServer(resolve(wish), 'named');
  if (wish === '') {
    const host = await findOnHost(modules.logger);
    if (host !== null) return host;
  }
  return await fromCache(options, modules.logger);
}

async function findOnHost(logger: Logger): Promise<ServerBinary | null> {
  for (const path of await hostCandidates()) {
    try {
      const server = await inspectServer(path, 'host');
      if (server.flavour === 'mariadb') return server;
      logger.info({ path, version: server.version }, 'skipped a server that is not MariaDB');
    } catch (error) {
      if (!isSkeinError(error, 'SERVER_UNUSABLE')) throw error;
      logger.warn({ path, reason: error.message }, 'skipped a server that cannot be used');
    }
  }
  return null;
}

async function fromCache(options: ObtainOptions, logger: Logger): Promise<ServerBinary> {
  const distribution = await aptDistribution();
  if (process.platform !== 'linux' || distribution === null) {
    throw new SkeinError(
      'SERVER_MISSING',
      'No MariaDB server was found on this machine, and Skein can fetch one only on Debian and Ubuntu (with apt). Install it, for instance with "dnf install mariadb-server", "apk add mariadb" or "brew install mariadb", or set SKEIN_SERVER to the path of a mariadbd.',
    );
  }
  const name = ['mariadb', distribution.id, distribution.codename || 'rolling', process.arch].join('-');
  const entry = join(options.cacheDir, 'servers', name);
  const command = join(entry, 'bin', 'mariadbd');
  if (!(await exists(entry))) {
    await mkdir(dirname(entry), { recursive: true, mode: 0o755 });
    await withLock(
      `${entry}.lock`,
      async () => {
        if (!(await exists(entry))) await fill(entry, distribution, options, logger);
      },
      options.signal,
    );
  }
  return await inspectServer(command, 'obtained');
}

/** The entry gets its name only when it is complete and its server has answered, so an existing name can be trusted. */
async function fill(
  entry: string,
  distribution: Parameters<typeof unpackMariadb>[1],
  options: ObtainOptions,
  logger: Logger,
): Promise<void> {
  await sweepTemporary(entry);
  const temporary = temporaryName(entry);
  const started = performance.now();
  logger.info({ entry, distribution }, 'fetching a MariaDB server');
  await mkdir(temporary, { mode: 0o755 });
  try {
    await unpackMariadb(temporary, distribution, options.progress ?? (() => {}), options.signal);
    const { version } = await inspectServer(join(temporary, 'bin', 'mariadbd'), 'obtained');
    await publishDirectory(temporary, entry);
    logger.info(
      { entry, version, durationMs: Math.round(performance.now() - started) },
      'fetched a MariaDB server',
    );
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}
