import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import type { ServerBinary } from '../server-packages/server-binary.js';
import { timeZoneSql } from './time-zones.js';

let root = '';
let binary: ServerBinary;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'skein-zones-test-'));
  for (const directory of ['bin', 'share/mysql', 'share/zoneinfo/Europe', 'share/zoneinfo/right'])
    await mkdir(join(root, directory), { recursive: true });
  for (const file of ['UTC', 'GMT+0', 'localtime', 'posixrules', 'zone.tab', 'Europe/Berlin', 'right/UTC'])
    await writeFile(join(root, 'share/zoneinfo', file), '');
  binary = {
    ...{ flavour: 'mariadb', version: '10.11.0-MariaDB', origin: 'host', pathArgs: [] },
    command: join(root, 'bin/mariadbd'),
    shareDir: join(root, 'share/mysql'),
  };
});

afterEach(() => rm(root, { recursive: true, force: true }));

const program = (script: string) =>
  writeFile(join(root, 'bin/mariadb-tzinfo-to-sql'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

it('reads the zones of the server’s own tree, each once, and none that only the host has', async () => {
  await program(`cd "$1" && find -L . -type f | sort | sed 's/^/INSERT INTO time_zone_name /'`);
  expect((await timeZoneSql({ binary, program: mariadb.program })).trim().split('\n')).toEqual([
    'INSERT INTO time_zone_name ./Europe/Berlin',
    'INSERT INTO time_zone_name ./GMT+0',
    'INSERT INTO time_zone_name ./UTC',
  ]);
});

it('says what is missing', async () => {
  await expect(timeZoneSql({ binary, program: mariadb.program })).rejects.toMatchObject({
    code: 'TIME_ZONES_MISSING',
    message: expect.stringContaining(`is not beside ${binary.command}`),
  });
  await program('echo broken >&2; exit 1');
  await expect(timeZoneSql({ binary, program: mariadb.program })).rejects.toMatchObject({
    code: 'TIME_ZONES_MISSING',
    message: expect.stringContaining('broken'),
  });
  await program('echo SELECT 1');
  await expect(timeZoneSql({ binary, program: mariadb.program })).rejects.toMatchObject({
    code: 'TIME_ZONES_MISSING',
  });
});
