import { open } from 'node:fs/promises';

/** A server writes less between two checks, unless it repeats itself in a loop; then the newest lines are enough. */
const LOOK_BYTES_MAX = 256 * 1024;

/** Reads the lines that a server adds to its log, and returns those that match. */
export class LogWatch {
  readonly #path: string;
  readonly #telling: RegExp;
  /** Offset from which lines are read; null until the first check, which only notes the end of the log. */
  #from: number | null = null;
  #rest = '';

  constructor(path: string, telling: RegExp) {
    this.#path = path;
    this.#telling = telling;
  }

  /** Ignores all lines so far, because another server or other data follows. */
  forget(): void {
    this.#from = null;
    this.#rest = '';
  }

  async look(): Promise<string[]> {
    const file = await open(this.#path, 'r').catch(() => null);
    if (file === null) return [];
    try {
      const { size } = await file.stat();
      const from = this.#from ?? size;
      this.#from = size;
      // The log was rotated.
      const start = Math.max(from > size ? 0 : from, size - LOOK_BYTES_MAX);
      if (start >= size) return [];
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
      const lines = (this.#rest + buffer.toString('utf8', 0, bytesRead)).split('\n');
      this.#rest = lines.pop() ?? '';
      return lines.filter((line) => this.#telling.test(line));
    } finally {
      await file.close();
    }
  }
}
