import { describe, expect, it } from 'vitest';
import { fitsServer, isAtLeast, parseBackupVersion, parseRelease, releaseOf } from './server-version.js';

describe('a release', () => {
  it('is read from what servers and mariadb-backup say', () => {
    expect(parseRelease('10.11.19-MariaDB-0+deb12u1')).toEqual({ major: 10, minor: 11, patch: 19 });
    expect(parseRelease('unknown')).toBeNull();
    expect(releaseOf('11.8.3-MariaDB')).toBe('11.8.3');
    const said = '/usr/bin/mariadb-backup based on MariaDB server 10.11.19-MariaDB debian-linux-gnu (x86_64)';
    expect(parseBackupVersion(said)).toBe('10.11.19');
    expect(parseBackupVersion('mysqld  Ver 8.0.36')).toBeNull();
  });

  it.each([
    ['10.11.19-MariaDB', false],
    ['11.0.9-MariaDB', false],
    ['11.1.1-MariaDB', true],
    ['11.8.9-MariaDB', true],
    ['12.0.1-MariaDB', true],
    ['unknown', false],
  ])('%s is 11.1 or later: %s', (version, is) => {
    expect(isAtLeast(version, 11, 1)).toBe(is);
  });

  it.each([
    ['the same', '10.11.19', '10.11.19-MariaDB-0+deb12u1', true],
    ['a newer patch', '10.11.20', '10.11.19-MariaDB', true],
    ['an older patch', '10.11.18', '10.11.19-MariaDB', false],
    ['a newer series', '11.4.2', '10.11.19-MariaDB', false],
    ['an older series', '10.6.20', '10.11.19-MariaDB', false],
    ['an unknown one', 'x', '10.11.19-MariaDB', false],
  ])('%s fits: %s for %s', (_what, program, server, fits) => {
    expect(fitsServer(program, server)).toBe(fits);
  });
});
