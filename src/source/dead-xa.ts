import type { FileHandle } from 'node:fs/promises';
import type { LogFlavour } from '../flavour/flavour.js';
import { readLogFileHead } from './log-file-head.js';
import { inLogFile, logFileNames, walkLogFile } from './log-file-reader.js';
import { XaLogReader } from './xa-log.js';

/**
 * Whether the log of a server, from its files, has an operation on an XA branch after this ordinal. For a server that is down, or
 * that is closed and does not replicate. Files that were purged are not missed: the server keeps a file until its engine has
 * done what the file holds.
 * @throws as readLogEnd, or the signal's reason
 */
export async function hasXaSince(
  dataDir: string,
  { after, flavour, signal }: { after: number; flavour: LogFlavour; signal?: AbortSignal },
): Promise<boolean> {
  for (const name of (await logFileNames(dataDir)).toReversed()) {
    const file = await inLogFile(dataDir, name, (open) => branchesIn(open, flavour, signal));
    if (file?.lastAt.some((ordinal) => ordinal > after)) return true;
    if (file !== null && file.begin <= after) return false;
  }
  return false;
}

/** Null: the file has no head, so it has no groups. */
async function branchesIn(
  file: FileHandle,
  flavour: LogFlavour,
  signal: AbortSignal | undefined,
): Promise<{ begin: number; lastAt: number[] } | null> {
  const head = await readLogFileHead(file, flavour);
  if (head === null) return null;
  const reader = new XaLogReader(flavour, head.begin, Number.POSITIVE_INFINITY);
  await walkLogFile(file, { from: head.end, to: Number.POSITIVE_INFINITY }, reader, { signal });
  return { begin: head.begin, lastAt: [...reader.lastAt.values()] };
}
