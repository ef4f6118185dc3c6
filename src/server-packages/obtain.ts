import { join, resolve } from 'node:path';
import { isSkeinError, SkeinError } from '../model/error.js';
import { isOfSeries, parseServerChoice, SERVER_CHOICES, type ServerSeries } from '../model/server-choice.js';
import type { Logger } from '../std/logger.js';
import { aptDistribution, type Progress } from './apt.js';
import { type Distribution, inRelease } from './apt-sources.js';
import { cacheEntryPath, fillCacheEntry } from './cache-entry.js';
import { mariadbTree } from './mariadb-packages.js';
import { mysqlTree } from './mysql-packages.js';
import { type Flavour, hostCandidates, inspectServer, type ServerBinary } from './server-binary.js';
import { unpackTree } from './server-tree.js';

/** Of each flavour: its packages, its program, and how people call it. `hosts`: programs of other names that may be it. */
const KINDS = {
  mariadb: { tree: mariadbTree, command: 'mariadbd', label: 'MariaDB', hosts: ['mariadbd', 'mysqld'] },
  mysql: { tree: mysqlTree, command: 'mysqld', label: 'MySQL', hosts: ['mysqld'] },
} as const;

/** What is started where nobody has chosen. */
const USUAL: Flavour = 'mariadb';

export interface ObtainOptions {
  /** See chooseCacheDir. */
  readonly cacheDir: string;
  /** As people name it (model/server-choice.ts). Default, also for null: env SKEIN_SERVER. */
  readonly server?: string | null;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/**
 * Finds the database server to start: the one that was named, one of the host, one in Skein's cache, or a fetched one. A
 * second caller, also in another process, waits for the first one's.
 * @throws SkeinError SERVER_UNKNOWN, SERVER_UNUSABLE, OBTAIN_FAILED, SERVER_MISSING
 */
export async function obtainServer(
  options: ObtainOptions,
  modules: { logger: Logger },
): Promise<ServerBinary> {
  const named = options.server ?? process.env.SKEIN_SERVER ?? '';
  const choice = parseServerChoice(named);
  if (choice === null) throw new SkeinError('SERVER_UNKNOWN', unknownServer(named, options.server ?? null));
  if (choice.kind === 'program') return await inspectServer(resolve(choice.path), 'named');
  const series = choice.kind === 'series' ? choice.series : null;
  if (choice.kind !== 'obtain') {
    const host = await findOnHost(series, modules.logger);
    if (host !== null) return host;
  }
  return await fromCache(options, series, modules.logger);
}

function unknownServer(named: string, setting: string | null): string {
  const where = setting === null ? 'SKEIN_SERVER is' : 'The server is named';
  return `${where} "${named}", which Skein does not know. Expected ${SERVER_CHOICES}.`;
}

async function findOnHost(series: ServerSeries | null, logger: Logger): Promise<ServerBinary | null> {
  const wanted = series?.flavour ?? USUAL;
  const { hosts, label } = KINDS[wanted];
  for (const path of await hostCandidates(hosts)) {
    try {
      const server = await inspectServer(path, 'host');
      const { flavour, version } = server;
      if (flavour !== wanted) logger.info({ path, version }, `skipped a server that is not ${label}`);
      else if (series === null || isOfSeries(server, series)) return server;
      else logger.info({ path, version, wanted: series.name }, 'skipped a server of another series');
    } catch (error) {
      if (!isSkeinError(error, 'SERVER_UNUSABLE')) throw error;
      logger.warn({ path, reason: error.message }, 'skipped a server that cannot be used');
    }
  }
  return null;
}

async function fromCache(
  options: ObtainOptions,
  series: ServerSeries | null,
  logger: Logger,
): Promise<ServerBinary> {
  const own = await aptDistribution();
  if (process.platform !== 'linux' || own === null) throw missing(series);
  const distribution = series === null ? own : releaseWith(series, own);
  const { tree, command, label } = KINDS[series?.flavour ?? USUAL];
  const path = cacheEntryPath(options.cacheDir, series === null ? USUAL : entryName(series), distribution);
  const inspect = async (directory: string) => {
    const server = await inspectServer(join(directory, 'bin', command), 'obtained');
    if (series !== null && !isOfSeries(server, series)) throw otherSeries(series, own, server);
    return server;
  };
  await fillCacheEntry(
    {
      path,
      label: series === null ? `a ${label} server` : `a server ${series.name}`,
      async fill(directory) {
        await unpackTree(directory, distribution, tree, options.progress ?? (() => {}), options.signal);
        return (await inspect(directory)).version;
      },
    },
    { logger },
    options.signal,
  );
  return await inspect(path);
}

/** A release of Debian has one series of MariaDB; a suite that moves has one after the other. */
function entryName({ flavour, series }: ServerSeries): string {
  return flavour === 'mysql' ? `${flavour}-${series}` : flavour;
}

/** The release of the distribution that has such servers. Only Debian's releases are known; others are asked for their own. */
export function releaseWith({ suite }: ServerSeries, own: Distribution): Distribution {
  return own.id === 'debian' ? inRelease(own, suite) : own;
}

function missing(series: ServerSeries | null): SkeinError {
  if (series?.flavour === 'mysql') {
    return new SkeinError(
      'SERVER_MISSING',
      `No server ${series.name} was found on this machine, and Skein can fetch one only on Debian (with apt). Install it in that version from its makers (dev.mysql.com), or set SKEIN_SERVER to the path of a mysqld.`,
    );
  }
  const [what, example] =
    series === null ? ['MariaDB server', ''] : [`server ${series.name}`, ' in that version'];
  return new SkeinError(
    'SERVER_MISSING',
    `No ${what} was found on this machine, and Skein can fetch one only on Debian and Ubuntu (with apt). Install it${example}, for instance with "dnf install mariadb-server", "apk add mariadb" or "brew install mariadb", or set SKEIN_SERVER to the path of a mariadbd.`,
  );
}

function otherSeries(
  { name, flavour, suite }: ServerSeries,
  { id, codename }: Distribution,
  found: ServerBinary,
): SkeinError {
  return new SkeinError(
    'OBTAIN_FAILED',
    `A server ${name} could not be obtained: the package sources of this machine (${id} ${codename}) have ${found.flavour} ${found.version}. Skein fetches ${name} on Debian, from the packages of ${suite}. Install it yourself, and set SKEIN_SERVER to the path of its ${KINDS[flavour].command}.`,
  );
}
