import { afterEach, expect, it, vi } from 'vitest';
import { SERVER_SERIES } from '../model/server-choice.js';
import { silentLogger } from '../std/logger.js';
import { obtainServer, releaseWith } from './obtain.js';

afterEach(() => vi.unstubAllEnvs());

const obtain = (server?: string | null) =>
  obtainServer(
    { cacheDir: '/nonexistent', ...(server === undefined ? {} : { server }) },
    { logger: silentLogger },
  );

it('a name that Skein does not know is refused with those it knows', async () => {
  await expect(obtain('mariadb-9')).rejects.toMatchObject({
    code: 'SERVER_UNKNOWN',
    message:
      'The server is named "mariadb-9", which Skein does not know. Expected one of mariadb-10.11, mariadb-11.8, mysql-9.7, obtain, or the path of a server program (with a /).',
  });
  vi.stubEnv('SKEIN_SERVER', 'maria');
  await expect(obtain(null)).rejects.toThrow('SKEIN_SERVER is "maria", which Skein does not know.');
});

it('what is named goes before the variable', async () => {
  vi.stubEnv('SKEIN_SERVER', 'maria');
  await expect(obtain('/nonexistent/mariadbd')).rejects.toMatchObject({
    code: 'SERVER_UNUSABLE',
    message: expect.stringContaining('/nonexistent/mariadbd cannot be used'),
  });
});

it('a series comes from the release of Debian that has it; other distributions are asked for their own', () => {
  const [older, newer] = SERVER_SERIES;
  if (!older || !newer) throw new Error('no series');
  const bookworm = { id: 'debian', codename: 'bookworm' };
  const noble = { id: 'ubuntu', codename: 'noble' };
  expect(releaseWith(older, bookworm)).toEqual(bookworm);
  expect(releaseWith(newer, bookworm)).toEqual({ id: 'debian', codename: 'trixie', own: 'bookworm' });
  expect(releaseWith(older, { id: 'debian', codename: 'trixie' })).toEqual({ ...bookworm, own: 'trixie' });
  expect(releaseWith(newer, noble)).toEqual(noble);
  const mysql = SERVER_SERIES.find(({ flavour }) => flavour === 'mysql');
  if (!mysql) throw new Error('no series of MySQL');
  expect(releaseWith(mysql, bookworm)).toEqual({ id: 'debian', codename: 'sid', own: 'bookworm' });
});
