import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../model/error.js';
import { type Account, tablesOfEngine } from '../mysql-control/login.js';
import type { Logger } from '../std/logger.js';

/**
 * InnoDB drops a table from its dictionary before it removes the table's file. A server that dies in between leaves a file
 * that no server ever removes (seen on 10.11: DROP TABLE, CREATE OR REPLACE, ALTER of partitions). Then every later table of
 * that name fails with error 184, and a replica stops for good. The engine's error message advises to move the file away.
 */
export interface OrphanFiles {
  readonly account: Account;
  readonly dataDir: string;
  /** See ServerProgram. */
  readonly engineTables: string;
  /** The files are moved into this directory. It must be on the same file system. */
  readonly asideDir: string;
  /** Start of the server, Unix ms. Newer files belong to this server and are left alone. */
  readonly startedAtMs: number;
}

/**
 * To be called when a server has recovered from a crash, before it is used. Failures are only logged, because the server
 * works without this.
 */
export async function setAsideOrphans(options: OrphanFiles, logger: Logger): Promise<void> {
  try {
    const files = await tableFiles(options.dataDir);
    const known = await tablesOfEngine(options.account, options.engineTables);
    for (const table of files) {
      if (known.has(table)) continue;
      const path = join(options.dataDir, `${table}.ibd`);
      if (!(await isOlder(path, options.startedAtMs))) continue;
      const aside = join(options.asideDir, String(options.startedAtMs), `${table}.ibd`);
      await mkdir(dirname(aside), { recursive: true });
      await rename(path, aside);
      logger.warn(
        { file: path, aside },
        'the engine does not know this file since the crash: it is set aside',
      );
    }
  } catch (error) {
    logger.warn({ reason: messageOf(error) }, 'files that the crash left behind were not looked for');
  }
}

/** Names of tables as the engine writes them: `schema/table`. */
async function tableFiles(dataDir: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(dataDir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    for (const file of await readdir(join(dataDir, entry.name)))
      if (file.endsWith('.ibd')) found.push(`${entry.name}/${file.slice(0, -'.ibd'.length)}`);
  }
  return found;
}

async function isOlder(path: string, atMs: number): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (found === null) return false;
  const { birthtimeMs, ctimeMs } = found;
  // Some file systems do not store the time of creation.
  return (birthtimeMs > 0 ? birthtimeMs : ctimeMs) < atMs;
}
