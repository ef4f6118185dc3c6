/**
 * Keeps what only one server has before its data is removed: the transactions of its binary log that the cluster's history
 * does not contain, as a file that people can read, with the rows. When the log cannot be read, its files are kept as they are.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf } from '../model/error.js';
import { readFileIfThere, syncTree } from '../std/files.js';
import { ExtraFilter, gtidList } from './extra-filter.js';
import { type RecoveredAbout, recoveredDirectory } from './list.js';

export interface KeepOptions {
  /** The node's. */
  readonly directory: string;
  readonly node: string;
  /** Of the server that is down. */
  readonly dataDir: string;
  /** mariadb-binlog: a path, or a name to be looked up. */
  readonly program: string;
  /** Why the data is removed. */
  readonly reason: string;
  /** Whether the cluster's history has this transaction. */
  isClusters(gtid: string): boolean;
}

const ROWS = ['--no-defaults', '--base64-output=decode-rows', '--verbose'];

/** @returns what was kept and where, for people; null = the server had nothing of its own */
export async function keepExtra(options: KeepOptions, signal: AbortSignal): Promise<string | null> {
  const { directory, node, dataDir, reason } = options;
  const files = await logFiles(dataDir);
  if (files.length === 0) return null;
  const name = new Date().toISOString().replace(/[:.]/g, '-');
  const place = join(recoveredDirectory(directory), name);
  await mkdir(place, { recursive: true, mode: 0o700 });
  const about = { at: new Date().toISOString(), node, reason };
  try {
    const from = await firstTelling(files, options, signal);
    const gtids = await writeExtra(files.slice(from), join(place, TRANSACTIONS), options, signal);
    if (gtids.length === 0) {
      await rm(place, { recursive: true });
      return null;
    }
    await finish(place, {
      ...about,
      transactions: gtids.length,
      first: gtids[0] ?? '',
      last: gtids.at(-1) ?? '',
      unreadable: null,
    });
    return `${gtids.length} transactions that only ${node} had (${gtids[0]} to ${gtids.at(-1)}) are kept in ${place}. See: skein recovered show ${directory} ${name}`;
  } catch (error) {
    signal.throwIfAborted();
    const unreadable = messageOf(error);
    await mkdir(join(place, 'binlog'), { recursive: true });
    for (const file of files) await copyFile(file, join(place, 'binlog', basename(file)));
    await finish(place, { ...about, transactions: null, first: '', last: '', unreadable });
    return `The binary log of ${node} could not be read (${unreadable}), so what only it had is not known. The files of the log are kept in ${place}.`;
  }
}

const TRANSACTIONS = 'transactions.sql';

/** Oldest first. */
async function logFiles(dataDir: string): Promise<string[]> {
  const index = await readFileIfThere(join(dataDir, 'bin.index'));
  const there = new Set(await readdir(dataDir).catch(() => [] as string[]));
  if (index === null)
    return [...there]
      .filter((name) => /^bin\.\d+$/.test(name))
      .sort()
      .map((name) => join(dataDir, name));
  return index
    .split('\n')
    .map((line) => basename(line.trim()))
    .filter((name) => there.has(name))
    .map((name) => join(dataDir, name));
}

/**
 * The newest file before which there is nothing of interest: each file begins with the last GTID of every server that has
 * written before it.
 */
async function firstTelling(
  files: readonly string[],
  options: KeepOptions,
  signal: AbortSignal,
): Promise<number> {
  for (let at = files.length - 1; at > 0; at--) {
    const over = new AbortController();
    let list: string[] | null = null;
    for await (const line of lines(
      files[at] ?? '',
      options.program,
      AbortSignal.any([signal, over.signal]),
    )) {
      list = gtidList(line);
      if (list !== null) break;
    }
    over.abort();
    if (list?.every((gtid) => options.isClusters(gtid))) return at;
  }
  return 0;
}

async function writeExtra(
  files: readonly string[],
  path: string,
  { program, isClusters }: KeepOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const filter = new ExtraFilter(isClusters);
  const out = createWriteStream(path, { mode: 0o600 });
  try {
    for (const file of files) {
      for await (const line of lines(file, program, signal)) {
        for (const kept of filter.take(line)) {
          if (!out.write(`${kept}\n`)) await new Promise<void>((resolve) => out.once('drain', resolve));
        }
      }
    }
  } finally {
    await new Promise<void>((resolve, reject) => {
      out.once('error', reject);
      out.end(resolve);
    });
  }
  return filter.gtids;
}

/** What the program prints of one file. @throws Error when it fails, unless the reader has stopped before */
async function* lines(file: string, program: string, signal: AbortSignal): AsyncGenerator<string> {
  const child = spawn(program, [...ROWS, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
    signal,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-1_000);
  });
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, killedBy) =>
      resolve(code === 0 ? null : `${basename(program)} ended with ${code ?? killedBy}: ${said.trim()}`),
    );
  });
  let isRead = false;
  try {
    yield* createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY });
    isRead = true;
  } finally {
    if (!isRead) child.kill('SIGKILL');
  }
  const failure = await ended;
  if (failure !== null) throw new Error(failure);
}

async function finish(place: string, about: RecoveredAbout): Promise<void> {
  await writeFile(join(place, 'about.json'), `${JSON.stringify(about, null, 2)}\n`, { mode: 0o600 });
  await syncTree(place);
}
