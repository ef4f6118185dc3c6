import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import {
  aptDistribution,
  libraryDirectories,
  type PackageSet,
  unpackPackages,
} from '../../src/mysql-control/apt.js';
import { exists, publishDirectory, sweepTemporary, temporaryName } from '../../src/mysql-control/files.js';
import { withLock } from '../../src/mysql-control/lock.js';
import { run } from '../../src/mysql-control/run.js';

/** Where sysbench is. Its Lua scripts find each other from their own directory, so it is run there. */
export interface SysbenchBinary {
  readonly command: string;
  readonly scripts: string;
  /** As the program says it. */
  readonly version: string;
}

const FETCH_MS = 120_000;
const SCRIPTS = 'usr/share/sysbench';

const sysbenchPackages: PackageSet = {
  label: 'sysbench',
  hint: 'Install it (on Debian and Ubuntu: apt-get install sysbench).',
  prefix: 'sysbench',
  choose: (names) => (names.includes('sysbench') ? { closure: ['sysbench'], alone: [] } : null),
  // The host runs the same release: its own C library and loader fit.
  notUnpacked:
    /^(libc6|libc-bin|gcc-|perl|libperl|dpkg|tar|debconf|cdebconf|mysql-common|passwd|sed|adduser)/,
};

/** The host's sysbench with its scripts, else one in Skein's cache, fetched in the way the server is. */
export async function obtainSysbench(cacheDir: string): Promise<SysbenchBinary> {
  const command = (await onHost()) ?? (await fromCache(cacheDir));
  return await inspect(command.command, command.scripts);
}

async function onHost(): Promise<{ command: string; scripts: string } | null> {
  for (const directory of (process.env.PATH ?? '').split(delimiter).filter(isAbsolute)) {
    const command = join(directory, 'sysbench');
    const scripts = join(directory, '..', 'share', 'sysbench');
    if ((await exists(command)) && (await exists(join(scripts, 'oltp_common.lua'))))
      return { command, scripts };
  }
  return null;
}

async function fromCache(cacheDir: string): Promise<{ command: string; scripts: string }> {
  const distribution = await aptDistribution();
  if (distribution === null) {
    throw new Error(`sysbench was not found, and can be fetched only with apt. ${sysbenchPackages.hint}`);
  }
  const name = ['sysbench', distribution.id, distribution.codename || 'rolling', process.arch].join('-');
  const entry = join(cacheDir, 'tools', name);
  const found = { command: join(entry, 'bin', 'sysbench'), scripts: join(entry, 'root', SCRIPTS) };
  if (await exists(entry)) return found;
  await mkdir(dirname(entry), { recursive: true, mode: 0o755 });
  const signal = AbortSignal.timeout(FETCH_MS);
  const fill = async () => {
    if (await exists(entry)) return;
    await sweepTemporary(entry);
    const temporary = temporaryName(entry);
    await mkdir(temporary, { mode: 0o755 });
    try {
      await unpackPackages(temporary, distribution, sysbenchPackages, () => {}, signal);
      await writeScript(temporary);
      // An entry is published only when its program has answered.
      await inspect(join(temporary, 'bin', 'sysbench'), join(temporary, 'root', SCRIPTS));
      await publishDirectory(temporary, entry);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  };
  await withLock(`${entry}.lock`, fill, signal);
  return found;
}

async function writeScript(directory: string): Promise<void> {
  const root = join(directory, 'root');
  const libraries = (await libraryDirectories(root)).map((library) => `$D/root/${library}`).join(':');
  const script = join(directory, 'bin', 'sysbench');
  await mkdir(dirname(script), { mode: 0o755 });
  const text = `#!/bin/sh
D=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd) || exit 127
export LD_LIBRARY_PATH="${libraries}"
exec "$D/root/usr/bin/sysbench" "$@"
`;
  await writeFile(script, text, { mode: 0o755 });
  await chmod(script, 0o755);
}

async function inspect(command: string, scripts: string): Promise<SysbenchBinary> {
  const answer = await run(command, ['--version'], { timeoutMs: 10_000 });
  const version = /sysbench (\S+)/.exec(answer.stdout)?.[1];
  if (answer.code !== 0 || version === undefined) {
    throw new Error(`${command} does not answer as sysbench does: ${answer.stderr.trim().slice(0, 300)}`);
  }
  return { command, scripts, version };
}
