import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Entries of a data directory that are not part of a snapshot: logs, and files that a server makes again. */
const NOT_COPIED = /^(bin\.|relay[.-]|ib_logfile|ibtmp|ib_buffer_pool|aria_log\.|.*\.(pid|sock|err|log)$)/;

/** About how many bytes a snapshot of this directory will have: the size of the files that are copied. */
export async function dataBytes(dataDir: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(dataDir, { withFileTypes: true })) {
    if (NOT_COPIED.test(entry.name)) continue;
    const path = join(dataDir, entry.name);
    if (entry.isFile()) bytes += await sizeOf(path);
    if (!entry.isDirectory()) continue;
    // A database may be dropped meanwhile.
    for (const name of await readdir(path).catch(() => [])) bytes += await sizeOf(join(path, name));
  }
  return bytes;
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
