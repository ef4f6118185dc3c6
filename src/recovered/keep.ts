/**
 * Keeps what only one server has before its data is removed: the transactions of its binary log that the cluster's history
 * does not contain, as a file that people can read, with the rows. When the log cannot be read, its files are kept as they are.
 */
import { createWriteStream } from 'node:fs';
import { copyFile, link, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isSkeinError, messageOf, SkeinError } from '../model/error.js';
import { ExtraFilter, GtidListReader } from './extra-filter.js';
import { beginRecovered, finishRecovered, TRANSACTIONS_FILE } from './list.js';
import { printedLog } from './printed-log.js';

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

/**
 * @returns what was kept and where, for people; null = the server had nothing of its own
 * @throws SkeinError EXTRA_NOT_KEPT: nothing of it is left; the signal's reason
 */
export async function keepExtra(options: KeepOptions, signal: AbortSignal): Promise<string | null> {
  const files = await logFiles(options.dataDir);
  if (files.length === 0) return null;
  const { place, name } = await beginRecovered(options.directory);
  try {
    return await keep(files, { place, name }, options, signal);
  } catch (error) {
    await rm(place, { recursive: true, force: true });
    signal.throwIfAborted();
    throw new SkeinError(
      'EXTRA_NOT_KEPT',
      `What only the server of ${options.node} has could not be written to ${place}: ${messageOf(error)}. Its data is not replaced before that.`,
      { cause: error },
    );
  }
}

async function keep(
  files: readonly string[],
  { place, name }: { place: string; name: string },
  options: KeepOptions,
  signal: AbortSignal,
): Promise<string | null> {
  const { directory, node, reason } = options;
  const about = { at: new Date().toISOString(), node, reason };
  try {
    const from = await firstTelling(files, options, signal);
    const { count, first, last } = await writeExtra(
      files.slice(from),
      join(place, TRANSACTIONS_FILE),
      options,
      signal,
    );
    if (count === 0) {
      await rm(place, { recursive: true });
      return null;
    }
    await finishRecovered(place, { ...about, transactions: count, first, last, unreadable: null });
    return `${count} transactions that only ${node} had (${first} to ${last}) are kept in ${place}. See: skein recovered show ${directory} ${name}`;
  } catch (error) {
    if (!isSkeinError(error) || error.code !== 'LOG_UNREADABLE') throw error;
    const unreadable = error.message;
    await keepFiles(files, join(place, 'binlog'));
    await finishRecovered(place, { ...about, transactions: null, first: '', last: '', unreadable });
    return `The binary log of ${node} could not be read (${unreadable}), so what only it had is not known. The files of the log are kept in ${place}.`;
  }
}

/** As second names where that is possible: the disk may have no room for copies. */
async function keepFiles(files: readonly string[], into: string): Promise<void> {
  await mkdir(into, { mode: 0o700 });
  for (const file of files) {
    const kept = join(into, basename(file));
    await link(file, kept).catch(() => copyFile(file, kept));
  }
}

/** Oldest first. All that are there: the index may be damaged like anything else of this data. */
async function logFiles(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const number = (name: string) => Number(name.slice('bin.'.length));
  return names
    .filter((name) => /^bin\.\d+$/.test(name))
    .sort((a, b) => number(a) - number(b))
    .map((name) => join(dataDir, name));
}

/**
 * The newest file before which there is nothing of interest: each file begins with the last GTID of every server that has
 * written before it.
 */
async function firstTelling(
  files: readonly string[],
  { program, isClusters }: KeepOptions,
  signal: AbortSignal,
): Promise<number> {
  for (let at = files.length - 1; at > 0; at--) {
    const reader = new GtidListReader();
    let list: string[] | null = null;
    for await (const piece of printedLog(files[at] ?? '', program, signal)) {
      list = reader.take(piece);
      if (list !== null) break;
    }
    if (list?.every(isClusters)) return at;
  }
  return 0;
}

async function writeExtra(
  files: readonly string[],
  path: string,
  { program, isClusters }: KeepOptions,
  signal: AbortSignal,
): Promise<ExtraFilter> {
  const filter = new ExtraFilter(isClusters);
  async function* kept(): AsyncGenerator<Buffer> {
    for (const file of files) {
      for await (const piece of printedLog(file, program, signal)) {
        const text = filter.take(piece);
        if (text !== '') yield Buffer.from(text, 'latin1');
      }
    }
  }
  await pipeline(kept, createWriteStream(path, { mode: 0o600 }));
  return filter;
}
