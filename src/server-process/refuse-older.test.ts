import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ServerBinary } from '../server-packages/server-binary.js';
import { refuseOlder } from './refuse-older.js';

let data = '';
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'skein-data-'));
});
afterAll(() => rm(data, { recursive: true, force: true }));

const server = (version: string): ServerBinary => ({
  ...{ flavour: 'mariadb', version, origin: 'named', command: '/opt/mariadbd', shareDir: '', pathArgs: [] },
});

/** As a server begins a file of its log. */
async function logOf(version: string): Promise<void> {
  const name = Buffer.alloc(50);
  name.write(version);
  const head = Buffer.concat([Buffer.from('fe62696e', 'hex'), Buffer.alloc(19), Buffer.from([4, 0]), name]);
  await writeFile(join(data, 'bin.000001'), Buffer.alloc(100));
  await writeFile(join(data, 'bin.000002'), head);
  await writeFile(join(data, 'bin.index'), './bin.000001\n./bin.000002\n');
}

it('data without a log is for any server', async () => {
  await refuseOlder(data, server('10.11.19-MariaDB'));
});

it.each([
  ['the same', '11.8.3-MariaDB', true],
  ['an older patch', '11.8.2-MariaDB', true],
  ['a newer series', '12.3.1-MariaDB', true],
  ['an older series', '11.4.9-MariaDB', false],
  ['much older', '10.11.19-MariaDB-0+deb12u1', false],
])('%s may start on data of 11.8: %s', async (_what, version, may) => {
  await logOf('11.8.3-MariaDB-0+deb13u1-log');
  const started = refuseOlder(data, server(version));
  if (may) return await started;
  await expect(started).rejects.toMatchObject({
    code: 'SERVER_TOO_OLD',
    message: expect.stringContaining('is that of a server 11.8.3'),
  });
  await expect(refuseOlder(data, server(version))).rejects.toThrow('Name one of 11.8 or newer');
});

it('a log that breaks off in its head tells nothing', async () => {
  await logOf('11.8.3-MariaDB-log');
  await writeFile(join(data, 'bin.000002'), Buffer.alloc(10));
  await refuseOlder(data, server('10.11.19-MariaDB'));
});
