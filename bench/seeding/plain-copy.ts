import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { BackupPrograms } from '../../src/server-packages/backup-programs.js';
import { syncTree } from '../../src/std/files.js';
import { lastLines } from '../../src/std/run.js';

export interface PlainFigures {
  readonly bytes: number;
  readonly transferMs: number;
  readonly prepareMs: number;
  /** Until all of it is on the disk, as a node has it before it takes the data over. */
  readonly syncMs: number;
}

/** A server that is copied. */
export interface CopiedServer {
  readonly dataDir: string;
  readonly socketPath: string;
  readonly user: string;
  readonly password: string;
}

/**
 * What people do by hand: `mariadb-backup --backup --stream=mbstream` into `mbstream -x`, then `--prepare`. A TCP connection on
 * loopback is standard output of the one and standard input of the other: no program of ours is between them.
 */
export async function plainCopy(
  server: CopiedServer,
  directory: string,
  programs: BackupPrograms,
  signal: AbortSignal,
): Promise<PlainFigures> {
  const data = join(directory, 'data');
  const tmp = join(directory, 'tmp');
  for (const path of [directory, data, tmp]) await mkdir(path, { mode: 0o755 });
  const times = [performance.now()];
  await transfer(server, { data, tmp }, programs, signal);
  times.push(performance.now());
  const bytes = await treeBytes(data);
  times.push(performance.now());
  const prepare = spawn(programs.backup, ['--no-defaults', '--prepare', `--target-dir=${data}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    signal,
  });
  await endOf(prepare, 'mariadb-backup --prepare');
  times.push(performance.now());
  await syncTree(data);
  times.push(performance.now());
  const between = (from: number, to: number) => (times[to] ?? Number.NaN) - (times[from] ?? Number.NaN);
  return { bytes, transferMs: between(0, 1), prepareMs: between(2, 3), syncMs: between(3, 4) };
}

async function transfer(
  { dataDir, socketPath, user, password }: CopiedServer,
  { data, tmp }: { data: string; tmp: string },
  programs: BackupPrograms,
  signal: AbortSignal,
): Promise<void> {
  const [near, far] = await loopback();
  // It is of the same package.
  const mbstream = join(dirname(programs.backup), 'mbstream');
  const unpack = spawn(mbstream, ['-x', '-C', data], { stdio: [far, 'ignore', 'pipe'], signal });
  const backup = spawn(
    programs.backup,
    [
      ...['--no-defaults', '--backup', '--stream=mbstream', '--protocol=socket', `--socket=${socketPath}`],
      ...[`--user=${user}`, `--datadir=${dataDir}`, `--target-dir=${tmp}`, `--tmpdir=${tmp}`],
    ],
    {
      stdio: ['ignore', near, 'pipe'],
      env: { PATH: process.env.PATH, LC_ALL: 'C', MYSQL_PWD: password },
      signal,
    },
  );
  // Only the programs hold the ends now, so that the one that reads sees the end of the one that writes.
  near.destroy();
  far.destroy();
  await Promise.all([endOf(backup, 'mariadb-backup --backup'), endOf(unpack, 'mbstream -x')]);
  await rm(tmp, { recursive: true });
}

/** Both ends of a connection, which nobody reads here. */
async function loopback(): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }).pause();
  const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
  server.close();
  return [near, far as Socket];
}

async function endOf(child: ChildProcess, what: string): Promise<void> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_000);
  });
  const [code, killedBy] = await once(child, 'close');
  if (code !== 0) throw new Error(`${what} ended with ${code ?? killedBy}:\n${lastLines(said, 8)}`);
}

async function treeBytes(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async (file) => (await stat(join(file.parentPath, file.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
