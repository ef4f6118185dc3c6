import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Enough for some hundred lines; the whole file is for tools on the machine. */
const TAIL_BYTES = 256 * 1024;

/** The last lines of a log file, oldest first; none when it can not be read. */
export function tailOf(path: string, lines: number): string[] {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const size = fstatSync(file).size;
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    const all = bytes.toString('utf8').split('\n');
    // The first one may be cut, the last one is empty.
    return all.slice(size > bytes.length ? 1 : 0, -1).slice(-lines);
  } finally {
    closeSync(file);
  }
}
