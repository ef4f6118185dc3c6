import { join, resolve } from 'node:path';
import { isSkeinError, SkeinError } from '../model/error.js';
import type { Logger } from '../std/logger.js';
import { aptDistribution, type Progress } from './apt.js';
import { cacheEntryPath, fillCacheEntry } from './cache-entry.js';
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
 * Finds the database server to start: the one that was named, one of the host, one in Skein's cache, or a fetched one. A
 * second caller, also in another process, waits for the first one's.
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
  for (const path of await hostCandidates(['mariadbd', 'mysqld'])) {
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
  const path = cacheEntryPath(options.cacheDir, 'mariadb', distribution);
  const command = (directory: string) => join(directory, 'bin', 'mariadbd');
  await fillCacheEntry(
    {
      path,
      label: 'a MariaDB server',
      async fill(directory) {
        await unpackMariadb(directory, distribution, options.progress ?? (() => {}), options.signal);
        return (await inspectServer(command(directory), 'obtained')).version;
      },
    },
    { logger },
    options.signal,
  );
  return await inspectServer(command(path), 'obtained');
}
