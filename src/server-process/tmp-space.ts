/** Size of a server's temporary files, and bytes written by each of its threads, from /proc. */
import { readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';

/**
 * Links that are read in one turn of the event loop; they take less than a millisecond. One read is quicker than a job for
 * the thread pool.
 */
const SLICE = 200;

/**
 * Bytes on the disk of the files below `directory` that the process has open. The directory itself does not show them,
 * because most of them have no name any more. Null when the node may not look (another user's process).
 */
export async function tmpBytes(pid: number, directory: string): Promise<number | null> {
  let descriptors: string[];
  let prefix: string;
  try {
    prefix = `${realpathSync(directory)}/`;
    descriptors = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return null;
  }
  let bytes = 0;
  for (let at = 0; at < descriptors.length; at += SLICE) {
    if (at > 0) await setImmediate();
    for (const descriptor of descriptors.slice(at, at + SLICE)) {
      bytes += bytesBelow(prefix, `/proc/${pid}/fd/${descriptor}`);
    }
  }
  return bytes;
}

function bytesBelow(prefix: string, descriptor: string): number {
  try {
    return readlinkSync(descriptor).startsWith(prefix) ? statSync(descriptor).blocks * 512 : 0;
  } catch {
    // The file was closed in the meantime.
    return 0;
  }
}

/** Bytes that a thread of the process has written into files since its start; null when the node may not look. */
export async function writtenByThread(pid: number, threadId: number): Promise<number | null> {
  try {
    const text = await readFile(`/proc/${pid}/task/${threadId}/io`, 'utf8');
    return Number(/^wchar: (\d+)/m.exec(text)?.[1] ?? 0);
  } catch {
    return null;
  }
}
