import { open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EVENT, EVENT_HEADER_SIZE, HEADER_AT } from '../../mysql-protocol/events.js';
import { decodeMariadbGtid, formatMariadbGtid, type MariadbGtid } from '../../mysql-protocol/mariadb-gtid.js';
import { readFileIfThere } from '../../std/files.js';

/**
 * The server's binary log as its directory shows it. The server is not asked: SHOW BINARY LOGS and SHOW BINLOG EVENTS wait for
 * the log's lock, which commits hold while they wait for the quorum (seen on 10.11), and each question would leave a session
 * that waits with them.
 */
export interface BinaryLogFile {
  readonly name: string;
  readonly bytes: number;
}

const INDEX = 'bin.index';
/** The list in a file's head has an entry of 16 bytes for each epoch: mostly the first is enough. */
const HEAD_BYTES = [8 * 1024, 1024 ** 2];
const MAGIC_SIZE = 4;
const GTID_SIZE = 16;
/** The high four bits of the number of entries are flags. */
const COUNT_MASK = 0x0f_ff_ff_ff;

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
export async function logFileBegin(path: string): Promise<string | null> {
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

/** The same of a file's first bytes. Pure. */
export function beginOfHead(head: Buffer): string | null {
  for (let at = MAGIC_SIZE; at + EVENT_HEADER_SIZE <= head.length; ) {
    const size = head.readUInt32LE(at + HEADER_AT.size);
    const event = head.subarray(at, at + size);
    if (size < EVENT_HEADER_SIZE || event.length < size) return null;
    const type = event[HEADER_AT.type];
    if (type === EVENT.gtidList) return lastOfList(event);
    if (type !== EVENT.formatDescription) return null;
    at += size;
  }
  return null;
}

/** One entry for each server id that has written, so one for each epoch: the highest is the last. */
function lastOfList(event: Buffer): string | null {
  const from = EVENT_HEADER_SIZE + 4;
  if (event.length < from) return null;
  const count = event.readUInt32LE(EVENT_HEADER_SIZE) & COUNT_MASK;
  if (event.length < from + count * GTID_SIZE) return null;
  let last: MariadbGtid | null = null;
  for (let i = 0; i < count; i++) {
    const gtid = decodeMariadbGtid(event.subarray(from + i * GTID_SIZE));
    if (last === null || gtid.sequence > last.sequence) last = gtid;
  }
  return last === null ? '' : formatMariadbGtid(last);
}
