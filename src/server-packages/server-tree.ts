/** Makes the programs of an unpacked tree of packages startable. */
import { chmod, mkdir, readdir, realpath, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SkeinError } from '../model/error.js';
import { exists } from '../std/files.js';
import { libraryDirectories, type PackageSet, type Progress, unpackPackages } from './apt.js';
import type { Distribution } from './apt-sources.js';

/** What is fetched, and which of its programs are used. */
export interface ServerTree {
  readonly packages: PackageSet;
  /** They get a script in `bin`; those that the packages lack are left out. */
  readonly programs: readonly string[];
}

/** Packages that only an installation needs would take a third of the space. */
export const ONLY_FOR_INSTALLING =
  /^(perl|libperl|dpkg|tar|debconf|cdebconf|debianutils|coreutils|sed|passwd|adduser|psmisc|procps|ucf|sensible-utils|mysql-common|gcc-\d+-base|libc-gconv-modules-extra|lib[a-z]*-perl)/;

/** The names that the sources have for `stems`. In some releases a name includes the server's version. */
export function present(names: readonly string[], ...stems: string[]): string[] {
  const newest = (stem: string) =>
    names.includes(stem)
      ? stem
      : names
          .filter((name) => name.startsWith(`${stem}-`) && /^[0-9.]+$/.test(name.slice(stem.length + 1)))
          .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
          .at(-1);
  return stems.map(newest).filter((name) => name !== undefined);
}

/**
 * Fetches packages from the distribution's own package sources into `directory`/root, with a script for each program in
 * `directory`/bin. The packages come with their own C library and are started through it, so that the host's does not
 * matter.
 * @throws SkeinError OBTAIN_FAILED
 */
export async function unpackTree(
  directory: string,
  distribution: Distribution,
  { packages, programs }: ServerTree,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  await unpackPackages(directory, distribution, packages, progress, signal);
  const root = join(directory, 'root');
  const libraries = await libraryDirectories(root);
  const loader = await findLoader(root, libraries, packages.hint);
  await mkdir(join(root, 'usr', 'lib', 'mysql', 'plugin'), { recursive: true });
  await mkdir(join(directory, 'bin'), { recursive: true, mode: 0o755 });
  for (const name of programs) {
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
async function findLoader(root: string, libraries: readonly string[], hint: string): Promise<string> {
  const inside = await realpath(root);
  for (const directory of [...libraries, 'lib', 'lib64', 'usr/lib', 'usr/lib64']) {
    for (const name of await readdir(join(root, directory)).catch(() => [])) {
      if (!/^ld(-linux[a-z0-9_-]*|64)\.so\.\d$/.test(name)) continue;
      const real = await realpath(join(root, directory, name)).catch(() => '');
      if (real.startsWith(`${inside}/`) && (await stat(real)).isFile())
        return `${directory}/${basename(name)}`;
    }
  }
  throw new SkeinError('OBTAIN_FAILED', `The fetched packages hold no dynamic loader. ${hint}`);
}
