import type { Flavour } from '../flavour/flavour.js';
import { readLogFileHead } from './log-file-head.js';
import { headOf, inLogFile, logFileNames, walkLogFile } from './log-file-reader.js';
import { XaLogReader } from './xa-log.js';

/**
 * Whether the log of a server, from its files, has an operation on an XA branch after this ordinal. For a server that is down, or
 * that is closed and does not replicate. Files that were purged are not missed: the server keeps a file until its engine has
 * done what the file holds.
 * @throws as readLogEnd, or the signal's reason
 */
export async function hasXaSince(
  dataDir: string,
  { after, flavour, signal }: { after: number; flavour: Flavour; signal?: AbortSignal },
): Promise<boolean> {
  for (const name of (await logFileNames(dataDir)).toReversed()) {
    const reader = new XaLogReader(flavour, 0, Number.POSITIVE_INFINITY);
    await inLogFile(dataDir, name, async (file) => {
      const head = await readLogFileHead(file, flavour);
      if (head !== null)
        await walkLogFile(file, { from: head.end, to: Number.POSITIVE_INFINITY }, reader, { signal });
    });
    if ([...reader.lastAt.values()].some((ordinal) => ordinal > after)) return true;
    const begin = (await headOf(dataDir, name, flavour))?.begin ?? Number.POSITIVE_INFINITY;
    if (begin <= after) return false;
  }
  return false;
}
