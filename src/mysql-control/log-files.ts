/** The files of the server's binary log. */
import type { Query } from './control-sessions.js';

/**
 * Removes the files before this one. The server keeps those that a dump is reading, and all that come after them. It notes
 * what it is about to remove, so after a crash in the middle it goes on.
 */
export async function purgeLogs(query: Query, before: string): Promise<void> {
  await query(`PURGE BINARY LOGS TO '${before}'`, PURGE_DEADLINE_MS);
}

/**
 * Keeps the server from purging its log by itself, because it does not know which member needs which file. Returns whether
 * somebody had set it to purge.
 */
export async function keepLogs(query: Query): Promise<boolean> {
  const [row] = await query('SELECT @@global.expire_logs_days AS days');
  if (Number(row?.days) === 0) return false;
  await query('SET GLOBAL expire_logs_days = 0');
  return true;
}

/** A file system may need a moment for many large files. */
const PURGE_DEADLINE_MS = 60_000;
