import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SkeinError } from '../model/error.js';
import { exists } from '../std/files.js';
import { lastLines, type RunResult, run } from '../std/run.js';
import { type Distribution, ownSources, parseOsRelease } from './apt-sources.js';

/** Progress of a download: a text, and the completed fraction from 0 to 1, null if not known. */
export type Progress = (text: string, fraction: number | null) => void;

/** A selection of the distribution's packages. */
export interface PackageSet {
  /** For messages: `MariaDB`. */
  readonly label: string;
  /** What the user can do when the packages cannot be obtained. */
  readonly hint: string;
  /** `choose` gets all package names of the sources with this prefix. */
  readonly prefix: string;
  /** Null: the sources do not have it. `alone` is fetched without its dependencies, and may be missing. */
  choose(names: readonly string[]): { closure: string[]; alone: string[] } | null;
  /** Packages of the closure that are not unpacked (by the name of their archive), because only an installation needs them. */
  readonly notUnpacked: RegExp;
}

/** This machine's distribution, or null where apt cannot help. */
export async function aptDistribution(): Promise<Distribution | null> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const distribution = parseOsRelease(text);
  const tools = ['/usr/bin/apt-get', '/usr/bin/apt-cache', '/usr/bin/dpkg'];
  for (const tool of tools) if (!(await exists(tool))) return null;
  return distribution.family ? distribution : null;
}

/**
 * Fetches packages from the distribution's own sources and unpacks them, with all that they need, into
 * `directory`/root. Needs no root, and leaves the host's packages, apt lists and caches alone: all of apt's state is
 * private to this call, and removed by it. The tree holds no configuration (`etc`), state (`var`) and documentation.
 * @throws SkeinError OBTAIN_FAILED
 */
export async function unpackPackages(
  directory: string,
  distribution: Distribution,
  set: PackageSet,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const state = join(directory, 'apt');
  const root = join(directory, 'root');
  await mkdir(join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(join(state, 'cache', 'archives', 'partial'), { recursive: true });
  await mkdir(root, { recursive: true });
  const apt = new PrivateApt(state, set, signal);
  progress('reading the list of packages', null);
  await apt.prepare(distribution);
  // A mirror that does not answer is fatal only if it has packages that we need; the next step shows that.
  const updated = await apt.get(['update']);
  const packages = set.choose(await apt.names());
  if (packages === null) {
    const { id, codename, own } = distribution;
    const where =
      own === undefined
        ? "this machine's package sources do"
        : `${id} ${codename}, as this machine reaches it, does`;
    throw failed(set, `${where} not have it`, updated);
  }
  await apt.download(packages, progress);
  await unpackAll(join(state, 'cache', 'archives'), root, set, progress, signal);
  await rm(state, { recursive: true, force: true });
}

class PrivateApt {
  readonly #state: string;
  readonly #set: PackageSet;
  readonly #signal: AbortSignal | undefined;

  constructor(state: string, set: PackageSet, signal: AbortSignal | undefined) {
    this.#state = state;
    this.#set = set;
    this.#signal = signal;
  }

  async prepare(distribution: Distribution): Promise<void> {
    const sources = ownSources(await hostSources(), distribution, await archiveKeyring());
    if (sources === '') {
      throw new SkeinError(
        'OBTAIN_FAILED',
        `None of this machine's package sources is the distribution's own (${distribution.id} ${distribution.codename}, component main). ${this.#set.hint}`,
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

  async names(): Promise<string[]> {
    const { stdout } = await this.#run('apt-cache', ['pkgnames', this.#set.prefix]);
    return stdout.split('\n').filter((name) => name !== '');
  }

  async download(packages: { closure: string[]; alone: string[] }, progress: Progress): Promise<void> {
    let expected = 0;
    let fetched = 0;
    const onLine = (line: string) => {
      expected = Number(/, (\d+) newly installed/.exec(line)?.[1] ?? expected);
      if (!line.startsWith('Get:')) return;
      fetched++;
      progress(`fetching ${this.#set.label}`, expected === 0 ? null : Math.min(1, fetched / expected));
    };
    const result = await this.get(['--download-only', 'install', ...packages.closure], onLine);
    if (result.code !== 0) throw failed(this.#set, 'the packages could not be fetched', result);
    const archives = join(this.#state, 'cache', 'archives');
    // One by one: of several names apt fetches nothing when it does not know one of them.
    for (const name of packages.alone)
      await this.#run('apt-get', ['-q', 'download', name], undefined, archives);
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
  set: PackageSet,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<void> {
  const names = (await readdir(archives)).filter(
    (name) => name.endsWith('.deb') && !set.notUnpacked.test(name),
  );
  for (const [index, name] of names.entries()) {
    progress(`unpacking ${set.label}`, index / names.length);
    const archive = join(archives, name);
    const result = await run('/usr/bin/dpkg', ['-x', archive, root], {
      env: quietEnvironment(),
      ...(signal === undefined ? {} : { signal }),
    });
    if (result.code !== 0) throw failed(set, `${name} could not be unpacked`, result);
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

/** Where shared libraries lie in an unpacked tree, relative to its root. */
export async function libraryDirectories(root: string): Promise<string[]> {
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

/** HOME of another user (after a plain setuid) makes dpkg warn for each package; messages are parsed, so no translation. */
function quietEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, HOME: '/nonexistent', LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
}

function failed(set: PackageSet, what: string, result: RunResult): SkeinError {
  const said = lastLines(result.stderr || result.stdout, 4);
  return new SkeinError(
    'OBTAIN_FAILED',
    `${set.label} could not be obtained: ${what}. ${set.hint}${said ? ` apt said: ${said}` : ''}`,
  );
}
