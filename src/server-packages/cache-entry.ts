import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists, publishDirectory, sweepTemporary, temporaryName } from '../std/files.js';
import { withLock } from '../std/lock-file.js';
import type { Logger } from '../std/logger.js';
import type { Distribution } from './apt-sources.js';

/** Where the packages named `what`, of this distribution, are unpacked. */
export function cacheEntryPath(cacheDir: string, what: string, { id, codename }: Distribution): string {
  return join(cacheDir, 'servers', [what, id, codename || 'rolling', process.arch].join('-'));
}

export interface CacheEntry {
  readonly path: string;
  /** For the log: `a MariaDB server`. */
  readonly label: string;
  /** Fills a new directory, and gives the version of what it unpacked once that has answered. */
  fill(directory: string): Promise<string>;
}

/**
 * Fills an entry of the cache if there is none. The entry gets its name only when it is complete, so an existing name can be
 * trusted. A second caller, also in another process, waits for the first one's.
 */
export async function fillCacheEntry(
  entry: CacheEntry,
  { logger }: { logger: Logger },
  signal?: AbortSignal,
): Promise<void> {
  const { path } = entry;
  if (await exists(path)) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await withLock(
    `${path}.lock`,
    async () => {
      if (!(await exists(path))) await fill(entry, logger);
    },
    signal,
  );
}

async function fill({ path, label, fill }: CacheEntry, logger: Logger): Promise<void> {
  await sweepTemporary(path);
  const temporary = temporaryName(path);
  const started = performance.now();
  logger.info({ entry: path }, `fetching ${label}`);
  await mkdir(temporary, { mode: 0o755 });
  try {
    const version = await fill(temporary);
    await publishDirectory(temporary, path);
    logger.info(
      { entry: path, version, durationMs: Math.round(performance.now() - started) },
      `fetched ${label}`,
    );
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}
