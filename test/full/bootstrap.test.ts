import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import { runOffline } from '../../src/server-process/template.js';
import { silentLogger } from '../../src/std/logger.js';

afterEach(() => vi.unstubAllEnvs());

it('a server that fills a data directory leaves the temporary tables of other servers alone', async () => {
  const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
  const binary = await obtainServer({ cacheDir }, { logger: silentLogger });
  const directory = await mkdtemp(join(tmpdir(), 'skein-bootstrap-'));
  try {
    const shared = join(directory, 'tmp');
    const data = join(directory, 'data');
    // Servers remove such files from their directory for temporary files at their start.
    const table = join(shared, '#sql-temptable-1-1-0.MAD');
    for (const path of [shared, data]) await mkdir(path);
    await writeFile(table, 'of another server');
    vi.stubEnv('TMPDIR', shared);
    const { program } = mariadb;
    const run = { ...program.statements(binary, data, []), input: 'CREATE DATABASE mysql;\n' };
    await runOffline({ binary, program }, data, run, null);
    expect(existsSync(table)).toBe(true);
  } finally {
    await rm(directory, { recursive: true });
  }
});
