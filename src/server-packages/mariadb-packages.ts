import { chmod, mkdir, readdir, realpath, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SkeinError } from '../model/error.js';
import { exists } from '../std/files.js';
import { libraryDirectories, type PackageSet, type Progress, unpackPackages } from './apt.js';
import type { Distribution } from './apt-sources.js';

const INSTALL_HINT =
  'Install MariaDB yourself (on Debian and Ubuntu: apt-get install mariadb-server-core mariadb-client-core) or set SKEIN_SERVER to the path of a mariadbd.';

export const BACKUP_INSTALL_HINT =
  'Install it yourself (on Debian and Ubuntu: apt-get install mariadb-backup; elsewhere it is often part of the package mariadb-backup or mariadb-server-utils), in the version of the server.';

/** The programs that get a script in `bin`; those that a package lacks are left out. */
const PROGRAMS = [
  'mariadbd',
  'mariadb',
  'mariadb-admin',
  'mariadb-dump',
  'mariadb-binlog',
  'mariadb-upgrade',
  'mariadb-tzinfo-to-sql',
  'mariadb-backup',
  'mbstream',
];

/** Packages that only an installation needs would take a third of the space. */
const ONLY_FOR_INSTALLING =
  /^(perl|libperl|dpkg|tar|debconf|cdebconf|debianutils|coreutils|sed|passwd|adduser|psmisc|procps|ucf|sensible-utils|mysql-common|gcc-\d+-base|lib[a-z]*-perl)/;

/** The names that the sources have for `stems`. In some releases a name includes the server's version. */
function present(names: readonly string[], ...stems: string[]): string[] {
  const newest = (stem: string) =>
    names.includes(stem)
      ? stem
      : names
          .filter((name) => name.startsWith(`${stem}-`) && /^[0-9.]+$/.test(name.slice(stem.length + 1)))
          .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
          .at(-1);
  return stems.map(newest).filter((name) => name !== undefined);
}

const serverPackages: PackageSet = {
  label: 'MariaDB',
  hint: INSTALL_HINT,
  prefix: 'mariadb-',
  choose(names) {
    const server = present(names, 'mariadb-server-core');
    if (server.length === 0) return null;
    return {
      closure: [...server, ...present(names, 'mariadb-client-core', 'mariadb-backup')],
      // The client depends on Perl as a whole; only its programs are wanted (mariadb-dump, mariadb-binlog), for convenience.
      // The zones come with the server, so that hosts of one distribution have the same; newer releases have them in two.
      alone: [...present(names, 'mariadb-client'), 'tzdata', 'tzdata-legacy'],
    };
  },
  notUnpacked: ONLY_FOR_INSTALLING,
};

const backupPackages: PackageSet = {
  label: 'mariadb-backup',
  hint: BACKUP_INSTALL_HINT,
  prefix: 'mariadb-',
  choose(names) {
    const backup = present(names, 'mariadb-backup');
    return backup.length === 0 ? null : { closure: backup, alone: [] };
  },
  notUnpacked: ONLY_FOR_INSTALLING,
};

/**
 * Fetches MariaDB from the distribution's own package sources into `directory`/root, with a script for each program in
 * `directory`/bin. The packages come with their own C library and are started through it, so that the host's does not
 * matter.
 * @throws SkeinError OBTAIN_FAILED
 */
export async function unpackMariadb(
  directory: string,
  distribution: Distribution,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  await unpackPackages(directory, distribution, serverPackages, progress, signal);
  await writeScripts(directory, join(directory, 'root'));
}

/**
 * The same for `mariadb-backup` alone: beside a server that the host has, or that was fetched by a build which did not fetch
 * this program.
 * @throws SkeinError OBTAIN_FAILED
 */
export async function unpackMariadbBackup(
  directory: string,
  distribution: Distribution,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  await unpackPackages(directory, distribution, backupPackages, progress, signal);
  await writeScripts(directory, join(directory, 'root'));
}

async function writeScripts(directory: string, root: string): Promise<void> {
  const libraries = await libraryDirectories(root);
  const loader = await findLoader(root, libraries);
  await mkdir(join(root, 'usr', 'lib', 'mysql', 'plugin'), { recursive: true });
  await mkdir(join(directory, 'bin'), { recursive: true, mode: 0o755 });
  for (const name of PROGRAMS) {
    const program = (await exists(join(root, 'usr', 'sbin', name))) ? `usr/sbin/${name}` : `usr/bin/${name}`;
    if (!(await exists(join(root, program)))) continue;
    await writeFile(join(directory, 'bin', name), script(loader, libraries, program), { mode: 0o755 });
    await chmod(join(directory, 'bin', name), 0o755);
  }
}

/** The script finds its tree from its own place, so that the entry can be renamed; `exec` keeps the process id. */
function script(loader: string, libraries: readonly string[], program: string): string {
  const path = libraries.map((library) => `$R/${library}`).join(':');
  return `#!/bin/sh\nR=$(CDPATH= cd -- "$(dirname -- "$0")/../root" && pwd) || exit 127\nexec "$R/${loader}" --library-path "${path}" "$R/${program}" "$@"\n`;
}

/** The dynamic loader as a real file inside the tree: the usual link to it is absolute and would lead to the host's. */
async function findLoader(root: string, libraries: readonly string[]): Promise<string> {
  const inside = await realpath(root);
  for (const directory of [...libraries, 'lib', 'lib64', 'usr/lib', 'usr/lib64']) {
    for (const name of await readdir(join(root, directory)).catch(() => [])) {
      if (!/^ld(-linux[a-z0-9_-]*|64)\.so\.\d$/.test(name)) continue;
      const real = await realpath(join(root, directory, name)).catch(() => '');
      if (real.startsWith(`${inside}/`) && (await stat(real)).isFile())
        return `${directory}/${basename(name)}`;
    }
  }
  throw new SkeinError('OBTAIN_FAILED', `The fetched packages hold no dynamic loader. ${INSTALL_HINT}`);
}
