import { type FileHandle, open } from 'node:fs/promises';

const CHUNK_BYTES = 256 * 1024;
const NEW_LINE = 0x0a;

/**
 * The lines of a file from its end to its beginning, in groups, each newest first; never the whole file in memory. Text after
 * the last line break is not a complete line yet, and is left out. No lines when there is no such file.
 */
export async function* backwardLines(path: string): AsyncGenerator<string[]> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    let end = (await file.stat()).size;
    /** The end of a line whose beginning was not read yet; null = what follows the last new line. */
    let rest: Buffer | null = null;
    while (end > 0) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end));
      const start = end - chunk.length;
      const { bytesRead } = await file.read(chunk, 0, chunk.length, start);
      if (bytesRead < chunk.length) return;
      end = start;
      const last = chunk.lastIndexOf(NEW_LINE);
      if (rest === null) {
        if (last < 0) continue;
        rest = Buffer.alloc(0);
        yield* linesOf(chunk.subarray(0, last + 1), (left) => {
          rest = left;
        });
        continue;
      }
      const bytes: Buffer = Buffer.concat([chunk, rest, NEW_LINE_BYTES]);
      yield* linesOf(bytes, (left) => {
        rest = left;
      });
    }
    if (rest !== null && rest.length > 0) yield [rest.toString('utf8')];
  } finally {
    await file.close();
  }
}

const NEW_LINE_BYTES = Buffer.from('\n');

/** `bytes` ends with a line break. The part before its first line break may be the end of a line. */
function* linesOf(bytes: Buffer, left: (bytes: Buffer) => void): Generator<string[]> {
  const first = bytes.indexOf(NEW_LINE);
  // Without its own line break, which is added again when the beginning of the line is read.
  left(bytes.subarray(0, first));
  if (first === bytes.length - 1) return;
  yield bytes
    .subarray(first + 1, bytes.length - 1)
    .toString('utf8')
    .split('\n')
    .reverse();
}
