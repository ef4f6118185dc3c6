import { chmod, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SkeinError } from '../model/error.js';
import { type Distribution, ownSources, parseOsRelease } from './apt-sources.js';
import { exists } from './files.js';
import { lastLines, type RunResult, run } from './run.js';

/** What is told while a server is fetched: a text and how much is done, 0 to 1, null where that is not known. */
export type Progress = (text: string, fraction: number | null) => void;

const INSTALL_HINT =
  'Install MariaDB yourself (on Debian and Ubuntu: apt-get install mariadb-server-core mariadb-client-core) or set SKEIN_SERVER to the path of a mariadbd.';

/** Packages of the closure that only serve installing: unpacking them would cost a third of the space. */
const NOT_UNPACKED =
  /^(perl|libperl|dpkg|tar|debconf|cdebconf|debianutils|coreutils|sed|passwd|adduser|psmisc|procps|ucf|sensible-utils|mysql-common|gcc-\d+-base|lib[a-z]*-perl)/;

/** The programs that get a script in `bin`; those that a package lacks are left out. */
const PROGRAMS = [
  'mariadbd',
  'mariadb',
  'mariadb-admin',
  'mariadb-dump',
  'mariadb-binlog',
  'mariadb-upgrade',
];

/** This machine's distribution, or null where apt can not help. */
export async function aptDistribution(): Promise<Distribution | null> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const distribution = parseOsRelease(text);
  const tools = ['/usr/bin/apt-get', '/usr/bin/apt-cache', '/usr/bin/dpkg'];
  for (const tool of tools) if (!(await exists(tool))) return null;
  return distribution.family ? distribution : null;
}

/**
 * Fetches MariaDB from the distribution's own package sources and unpacks it, with all that it needs, into
 * `directory`/root, with a script for each program in `directory`/bin. Needs no root, and leaves the host's packages,
 * apt lists and caches alone: all of apt's state is private to this call, and removed by it.
 * The packages come with their own C library and are started through it, so that the host's does not matter.
 * @throws SkeinError OBTAIN_FAILED
 */
export async function unpackMariadb(
  directory: string,
  distribution: Distribution,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const state = join(directory, 'apt');
  const root = join(directory, 'root');
  await mkdir(join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(join(state, 'cache', 'archives', 'partial'), { recursive: true });
  await mkdir(root, { recursive: true });
  const apt = new PrivateApt(state, signal);
  progress('reading the list of packages', null);
  await apt.prepare(distribution);
  // A mirror that does not answer is only fatal if what we need was on it: the next step shows that.
  const updated = await apt.get(['update']);
  const packages = await apt.findPackages();
  if (packages.length === 0) {
    throw failed('the package sources of this machine have no mariadb-server-core', updated);
  }
  await apt.download(packages, progress);
  await unpackAll(join(state, 'cache', 'archives'), root, progress, signal);
  await rm(state, { recursive: true, force: true });
  await writeScripts(directory, root);
}

class PrivateApt {
  readonly #state: string;
  readonly #signal: AbortSignal | undefined;

  constructor(state: string, signal: AbortSignal | undefined) {
    this.#state = state;
    this.#signal = signal;
  }

  async prepare(distribution: Distribution): Promise<void> {
    const sources = ownSources(await hostSources(), distribution, await archiveKeyring());
    if (sources === '') {
      throw new SkeinError(
        'OBTAIN_FAILED',
        `None of this machine's package sources is the distribution's own (${distribution.id} ${distribution.codename}, component main). ${INSTALL_HINT}`,
      );
    }
    await mkdir(join(this.#state, 'sources'), { recursive: true });
    await writeFile(join(this.#state, 'sources', 'own.sources'), sources);
    // An empty status makes apt fetch everything down to the C library, whatever the host has installed.
    await writeFile(join(this.#state, 'status'), '');
    await writeFile(join(this.#state, 'apt.conf'), configuration(this.#state));
  }

  async get(args: readonly string[], onLine?: (line: string) => void): Promise<RunResult> {
    return await this.#run('apt-get', ['-q', '-y', ...args], onLine);
  }

  /** The names of the packages: some releases carry the server's version in them. Empty when there is no server. */
  async findPackages(): Promise<string[]> {
    const { stdout } = await this.#run('apt-cache', ['pkgnames', 'mariadb-']);
    const names = stdout.split('\n');
    const newest = (stem: string) =>
      names.includes(stem)
        ? stem
        : names
            .filter((name) => name.startsWith(`${stem}-`) && /^[0-9.]+$/.test(name.slice(stem.length + 1)))
            .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
            .at(-1);
    const server = newest('mariadb-server-core');
    if (server === undefined) return [];
    // The client package itself depends on Perl; only its programs are wanted, so it is fetched without its dependencies.
    return [server, newest('mariadb-client-core'), newest('mariadb-client')].filter(
      (name): name is string => name !== undefined,
    );
  }

  async download(packages: readonly string[], progress: Progress): Promise<void> {
    let expected = 0;
    let fetched = 0;
    const onLine = (line: string) => {
      expected = Number(/, (\d+) newly installed/.exec(line)?.[1] ?? expected);
      if (!line.startsWith('Get:')) return;
      fetched++;
      progress('fetching MariaDB', expected === 0 ? null : Math.min(1, fetched / expected));
    };
    const closure = packages.filter((name) => !name.startsWith('mariadb-client') || name.includes('core'));
    const result = await this.get(['--download-only', 'install', ...closure], onLine);
    if (result.code !== 0) throw failed('the packages could not be fetched', result);
    const extra = packages.filter((name) => !closure.includes(name));
    if (extra.length === 0) return;
    // A convenience (mariadb-dump, mariadb-binlog): a server without it works.
    await this.#run(
      'apt-get',
      ['-q', 'download', ...extra],
      undefined,
      join(this.#state, 'cache', 'archives'),
    );
  }

  async #run(
    tool: string,
    args: readonly string[],
    onLine?: (line: string) => void,
    cwd?: string,
  ): Promise<RunResult> {
    return await run(`/usr/bin/${tool}`, ['-c', join(this.#state, 'apt.conf'), ...args], {
      cwd: cwd ?? this.#state,
      env: quietEnvironment(),
      ...(onLine === undefined ? {} : { onLine }),
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    });
  }
}

/** The host's own configuration stays in force (it may name a proxy); its hooks would touch the host and are taken out. */
function configuration(state: string): string {
  const hooks = [
    'APT::Update::Pre-Invoke',
    'APT::Update::Post-Invoke',
    'APT::Update::Post-Invoke-Success',
    'DPkg::Pre-Invoke',
    'DPkg::Post-Invoke',
    'DPkg::Pre-Install-Pkgs',
    'APT::Default-Release',
    'Binary::apt-get::APT::Default-Release',
  ];
  const settings: Record<string, string> = {
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': join(state, 'sources'),
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::State': state,
    'Dir::State::lists': join(state, 'lists'),
    'Dir::State::status': join(state, 'status'),
    'Dir::State::extended_states': join(state, 'extended_states'),
    'Dir::Cache': join(state, 'cache'),
    'Dir::Cache::archives': join(state, 'cache', 'archives'),
    'Dir::Cache::pkgcache': '',
    'Dir::Cache::srcpkgcache': '',
    'Dir::Log': join(state, 'log'),
    'APT::Install-Recommends': 'false',
    'APT::Install-Suggests': 'false',
    // Without root apt could not become its download user; as root that user could not enter a private directory.
    'APT::Sandbox::User': '',
    'APT::Get::Assume-Yes': 'true',
    'APT::Keep-Downloaded-Packages': 'true',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Acquire::http::Timeout': '30',
    'Acquire::https::Timeout': '30',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled': 'false',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::IndexTargets::deb::CNF::DefaultEnabled': 'false',
  };
  return [
    ...hooks.map((name) => `#clear ${name};`),
    ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
    '',
  ].join('\n');
}

async function hostSources(): Promise<{ name: string; text: string }[]> {
  const parts = await readdir('/etc/apt/sources.list.d').catch(() => []);
  const names = [
    '/etc/apt/sources.list',
    ...parts
      .filter((name) => /\.(list|sources)$/.test(name))
      .map((name) => `/etc/apt/sources.list.d/${name}`),
  ];
  const files = await Promise.all(
    names.map(async (name) => ({ name, text: await readFile(name, 'utf8').catch(() => '') })),
  );
  return files.filter(({ text }) => text !== '');
}

async function archiveKeyring(): Promise<string | null> {
  for (const name of ['debian-archive-keyring.gpg', 'ubuntu-archive-keyring.gpg']) {
    const path = `/usr/share/keyrings/${name}`;
    if (await exists(path)) return path;
  }
  return null;
}

async function unpackAll(
  archives: string,
  root: string,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<void> {
  const names = (await readdir(archives)).filter((name) => name.endsWith('.deb') && !NOT_UNPACKED.test(name));
  for (const [index, name] of names.entries()) {
    progress('unpacking MariaDB', index / names.length);
    const archive = join(archives, name);
    const result = await run('/usr/bin/dpkg', ['-x', archive, root], {
      env: quietEnvironment(),
      ...(signal === undefined ? {} : { signal }),
    });
    if (result.code !== 0) throw failed(`${name} could not be unpacked`, result);
    await rm(archive);
  }
  for (const waste of [
    'usr/share/doc',
    'usr/share/man',
    'usr/share/locale',
    'usr/share/lintian',
    'var',
    'etc',
  ])
    await rm(join(root, waste), { recursive: true, force: true });
  // Private mode bits of one packager's umask must not keep other users of a shared cache out.
  await chmod(root, 0o755);
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

async function libraryDirectories(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const base of ['lib', 'usr/lib', 'lib64', 'usr/lib64']) {
    const names = await readdir(join(root, base), { withFileTypes: true }).catch(() => []);
    const triplets = names.filter(
      (entry) => entry.isDirectory() && /^[a-z0-9_]+-linux-gnu[a-z0-9]*$/.test(entry.name),
    );
    found.push(...triplets.map((entry) => `${base}/${entry.name}`));
  }
  return found;
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

/** HOME of another user (after a plain setuid) makes dpkg warn for each package; messages are parsed, so no translation. */
function quietEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, HOME: '/nonexistent', LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
}

function failed(what: string, result: RunResult): SkeinError {
  const said = lastLines(result.stderr || result.stdout, 4);
  return new SkeinError(
    'OBTAIN_FAILED',
    `MariaDB could not be obtained: ${what}. ${INSTALL_HINT}${said ? ` apt said: ${said}` : ''}`,
  );
}
