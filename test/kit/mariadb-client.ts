import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installationDirectory } from '../../src/config/installation.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import { silentLogger } from '../../src/std/logger.js';

/** The `mariadb` program that lies beside the server, else the one of the machine. */
export async function mariadbClient(): Promise<string> {
  const cacheDir = await chooseCacheDir({ projectDir: installationDirectory });
  const { command } = await obtainServer({ cacheDir }, { logger: silentLogger });
  const beside = join(dirname(command), 'mariadb');
  return existsSync(beside) ? beside : 'mariadb';
}
