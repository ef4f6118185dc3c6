import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { aptDistribution, libraryDirectories, unpackPackages } from '../../src/server-packages/apt.js';
import { exists, publishDirectory, sweepTemporary, temporaryName } from '../../src/std/files.js';
import { withLock } from '../../src/std/lock-file.js';
import { run } from '../../src/std/run.js';

/** A program that a bench needs, in the distribution's package of the same name. */
interface Tool {
  readonly name: string;
  /** Below the package's root. */
  readonly program: string;
  /** What else has to be there, relative to the program's directory. */
  readonly beside: string;
  readonly versionArgs: readonly string[];
  readonly version: RegExp;
}

interface Found {
  readonly command: string;
  readonly beside: string;
  /** As the program says it. */
  readonly version: string;
}

/** Where sysbench is. Its Lua scripts find each other from their own directory, so it is run there. */
export interface SysbenchBinary {
  readonly command: string;
  readonly scripts: string;
  readonly version: string;
}

const FETCH_MS = 120_000;

// The host runs the same release: its own C library and loader fit.
const NOT_UNPACKED =
  /^(libc6|libc-bin|gcc-|perl|libperl|dpkg|tar|debconf|cdebconf|mysql-common|passwd|sed|adduser|init-system|sysvinit|lsb|logrotate|cron|libpam)/;

/** The host's sysbench with its scripts, else one in Skein's cache, fetched in the way the server is. */
export async function obtainSysbench(cacheDir: string): Promise<SysbenchBinary> {
  const found = await obtain(cacheDir, {
    name: 'sysbench',
    program: 'usr/bin/sysbench',
    beside: '../share/sysbench',
    versionArgs: ['--version'],
    version: /sysbench (\S+)/,
  });
  return { command: found.command, scripts: found.beside, version: found.version };
}

/** The host's HAProxy, else one in Skein's cache. */
export async function obtainHaproxy(cacheDir: string): Promise<{ command: string; version: string }> {
  return await obtain(cacheDir, {
    name: 'haproxy',
    program: 'usr/sbin/haproxy',
    beside: '.',
    versionArgs: ['-v'],
    version: /version (\S+)/i,
  });
}

async function obtain(cacheDir: string, tool: Tool): Promise<Found> {
  return (await onHost(tool)) ?? (await fromCache(cacheDir, tool));
}

async function onHost(tool: Tool): Promise<Found | null> {
  const directories = (process.env.PATH ?? '').split(delimiter).filter(isAbsolute);
  for (const directory of [...directories, '/usr/sbin']) {
    const command = join(directory, tool.name);
    const beside = join(directory, tool.beside);
    if ((await exists(command)) && (await exists(beside))) return await inspect(tool, command, beside);
  }
  return null;
}

async function fromCache(cacheDir: string, tool: Tool): Promise<Found> {
  const hint = `Install it (on Debian and Ubuntu: apt-get install ${tool.name}).`;
  const distribution = await aptDistribution();
  if (distribution === null) {
    throw new Error(`${tool.name} was not found, and can be fetched only with apt. ${hint}`);
  }
  const name = [tool.name, distribution.id, distribution.codename || 'rolling', process.arch].join('-');
  const entry = join(cacheDir, 'tools', name);
  const inspectIn = (directory: string) =>
    inspect(
      tool,
      join(directory, 'bin', tool.name),
      join(directory, 'root', dirname(tool.program), tool.beside),
    );
  if (await exists(entry)) return await inspectIn(entry);
  await mkdir(dirname(entry), { recursive: true, mode: 0o755 });
  const signal = AbortSignal.timeout(FETCH_MS);
  const packages = {
    label: tool.name,
    hint,
    prefix: tool.name,
    choose: (names: readonly string[]) =>
      names.includes(tool.name) ? { closure: [tool.name], alone: [] } : null,
    notUnpacked: NOT_UNPACKED,
  };
  const fill = async () => {
    if (await exists(entry)) return;
    await sweepTemporary(entry);
    const temporary = temporaryName(entry);
    await mkdir(temporary, { mode: 0o755 });
    try {
      await unpackPackages(temporary, distribution, packages, () => {}, signal);
      await writeScript(temporary, tool);
      // An entry is published only when its program has answered.
      await inspectIn(temporary);
      await publishDirectory(temporary, entry);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  };
  await withLock(`${entry}.lock`, fill, signal);
  return await inspectIn(entry);
}

async function writeScript(directory: string, tool: Tool): Promise<void> {
  const root = join(directory, 'root');
  const libraries = (await libraryDirectories(root)).map((library) => `$D/root/${library}`).join(':');
  const script = join(directory, 'bin', tool.name);
  await mkdir(dirname(script), { mode: 0o755 });
  const text = `#!/bin/sh
D=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd) || exit 127
export LD_LIBRARY_PATH="${libraries}"
exec "$D/root/${tool.program}" "$@"
`;
  await writeFile(script, text, { mode: 0o755 });
  await chmod(script, 0o755);
}

async function inspect(tool: Tool, command: string, beside: string): Promise<Found> {
  const answer = await run(command, [...tool.versionArgs], { timeoutMs: 10_000 });
  const version = tool.version.exec(answer.stdout)?.[1];
  if (answer.code !== 0 || version === undefined) {
    throw new Error(`${command} does not answer as ${tool.name} does: ${answer.stderr.trim().slice(0, 300)}`);
  }
  return { command, beside, version };
}
