/** The files of the server's binary log. */
import { open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Flavour } from '../flavour/flavour.js';
import type { Query } from '../flavour/server-sql.js';
import { readFileIfThere } from '../std/files.js';

/**
 * A file of the server's binary log, as its directory shows it. The server is not asked: SHOW BINARY LOGS and SHOW BINLOG EVENTS
 * wait for the log's lock, which commits hold while they wait for the quorum (seen on 10.11), and each question would leave a
 * session that waits with them.
 */
export interface BinaryLogFile {
  readonly name: string;
  readonly bytes: number;
}

const INDEX = 'bin.index';
/** The list in a file's head has an entry of 16 bytes for each epoch: mostly the first is enough. */
const HEAD_BYTES = [8 * 1024, 1024 ** 2];

/** The oldest first; the last one is being written. Null: it cannot be told now, because the server changes the list. */
export async function logFiles(directory: string): Promise<BinaryLogFile[] | null> {
  const index = await readFileIfThere(join(directory, INDEX));
  if (index === null || !index.endsWith('\n')) return null;
  const names = index
    .trim()
    .split('\n')
    .map((path) => basename(path));
  try {
    return await Promise.all(
      names.map(async (name) => ({ name, bytes: (await stat(join(directory, name))).size })),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The GTID after which a file begins; '' = it is the first of all. Null: its head does not tell, or is encrypted. */
export async function logFileBegin(
  path: string,
  { beginOfHead }: Pick<Flavour, 'beginOfHead'>,
): Promise<string | null> {
  const file = await open(path, 'r');
  try {
    for (const size of HEAD_BYTES) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
      const begin = beginOfHead(buffer.subarray(0, bytesRead));
      if (begin !== null || bytesRead < size) return begin;
    }
    return null;
  } finally {
    await file.close();
  }
}

/**
 * Removes the files before this one. The server keeps those that a dump is reading, and all that come after them. It notes
 * what it is about to remove, so after a crash in the middle it goes on.
 */
export async function purgeLogs(query: Query, before: string): Promise<void> {
  await query(`PURGE BINARY LOGS TO '${before}'`, PURGE_DEADLINE_MS);
}

/** A file system may need a moment for many large files. */
const PURGE_DEADLINE_MS = 60_000;
