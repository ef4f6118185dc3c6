import { describe, expect, it } from 'vitest';
import { inRelease, ownSources, parseOsRelease } from './apt-sources.js';

const bookworm = { id: 'debian', codename: 'bookworm' };
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

function own(name: string, text: string, keyring: string | null = KEYRING): string {
  return ownSources([{ name, text }], bookworm, keyring);
}

describe('the distribution of a machine', () => {
  it('is read from os-release, by family and codename', () => {
    expect(parseOsRelease('ID=debian\nVERSION_CODENAME=bookworm\n')).toEqual({
      id: 'debian',
      codename: 'bookworm',
      family: true,
    });
    expect(
      parseOsRelease(
        'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=noble\n',
      ),
    ).toMatchObject({ codename: 'noble', family: true });
    expect(parseOsRelease('ID=fedora\n')).toMatchObject({ family: false });
  });
});

describe("the distribution's own sources", () => {
  it('are taken from deb822 files, with updates and security', () => {
    const text = `Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib non-free-firmware
Signed-By: ${KEYRING}

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: ${KEYRING}
`;
    expect(own('/etc/apt/sources.list.d/debian.sources', text)).toBe(
      `Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: ${KEYRING}

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: ${KEYRING}
`,
    );
  });

  it('lead to another release, from the same places and with the same keys', () => {
    const text = `Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main
Signed-By: ${KEYRING}

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: ${KEYRING}

Types: deb
URIs: http://third.example/apt
Suites: trixie
Components: main
`;
    const files = [{ name: '/etc/apt/sources.list.d/debian.sources', text }];
    const sources = ownSources(files, inRelease(bookworm, 'trixie'), KEYRING);
    expect(sources.match(/^(URIs|Suites|Signed-By): .*$/gm)).toEqual([
      'URIs: http://mirror.example/debian',
      'Suites: trixie trixie-updates',
      `Signed-By: ${KEYRING}`,
      'URIs: http://mirror.example/debian-security',
      'Suites: trixie-security',
      `Signed-By: ${KEYRING}`,
    ]);
    expect(inRelease(bookworm, 'bookworm')).toEqual(bookworm);
    const rolling = ownSources(files, inRelease(bookworm, 'sid'), KEYRING);
    expect(rolling.match(/^(URIs|Suites): .*$/gm)).toEqual([
      'URIs: http://mirror.example/debian',
      'Suites: sid',
    ]);
  });

  it('are named once where a machine lists them under two names', () => {
    const text =
      'Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm stable\nComponents: main\n';
    const sources = ownSources([{ name: '/x.sources', text }], inRelease(bookworm, 'trixie'), null);
    expect(sources).toContain('Suites: trixie\n');
  });

  it('are taken from one-line files, bound to the archive keyring when they name none', () => {
    const text = `# deb http://commented.example/debian bookworm main
deb http://mirror.example/debian bookworm main contrib # words
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64,arm64 trusted=yes] file:/srv/mirror bookworm main
`;
    const found = own('/etc/apt/sources.list', text);
    expect(found).toContain(
      `URIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\nSigned-By: ${KEYRING}`,
    );
    expect(found).toContain(
      'URIs: file:/srv/mirror\nSuites: bookworm\nComponents: main\nArchitectures: amd64 arm64\nTrusted: yes',
    );
    expect(found).not.toContain('commented');
    expect(found.match(/Types: deb/g)).toHaveLength(2);
  });

  it.each([
    ['another suite', '/x.list', 'deb http://third.example/apt bookworm-pgdg main'],
    ['another suite that ends alike', '/x.list', 'deb http://third.example/apt cloud-sdk-bookworm main'],
    ['another component', '/x.list', 'deb http://third.example/linux/debian bookworm stable'],
    [
      'another key',
      '/x.list',
      'deb [signed-by=/etc/apt/keyrings/third.gpg] http://third.example/debian bookworm main',
    ],
    ['a flat repository', '/x.list', 'deb http://third.example/apt ./'],
    [
      'another key in deb822',
      '/x.sources',
      'Types: deb\nURIs: http://third.example/\nSuites: bookworm\nComponents: main\nSigned-By: /usr/share/keyrings/third.gpg\n',
    ],
    [
      'a key written into the file',
      '/x.sources',
      'Types: deb\nURIs: http://third.example/\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n',
    ],
    [
      'a source that was switched off',
      '/x.sources',
      `Types: deb\nEnabled: no\nURIs: http://m.example/\nSuites: bookworm\nComponents: main\nSigned-By: ${KEYRING}\n`,
    ],
    [
      'only sources of sources',
      '/x.sources',
      'Types: deb-src\nURIs: http://m.example/\nSuites: bookworm\nComponents: main\n',
    ],
    ['broken text', '/x.sources', 'nonsense\n\n:::\n'],
  ])('leave out %s', (_what, name, text) => {
    expect(own(name, text)).toBe('');
  });
});
