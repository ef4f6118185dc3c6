import { open, rename, stat } from 'node:fs/promises';
import { lastLines } from '../std/run.js';

const LOG_BYTES_MAX = 16 * 2 ** 20;
const TAIL_BYTES = 16 * 1024;

/** Renames a large log and keeps one old log. To be called while no server runs, because a server keeps its log open. */
export async function rotateLog(path: string): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_BYTES_MAX) await rename(path, `${path}.1`);
}

/** The last lines after byte `from` that may explain why the server ended; '' when there are none. `well`: see ServerWords. */
export async function logTail(
  path: string,
  { from, lines, well }: { from: number; lines: number; well: RegExp },
): Promise<string> {
  try {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      const start = Math.max(from, size - TAIL_BYTES);
      const buffer = Buffer.alloc(Math.max(0, size - start));
      await handle.read(buffer, 0, buffer.length, start);
      const telling = buffer
        .toString('utf8')
        .split('\n')
        .filter((line) => !well.test(line));
      return lastLines(telling.join('\n'), lines);
    } finally {
      await handle.close();
    }
  } catch {
    return '';
  }
}
