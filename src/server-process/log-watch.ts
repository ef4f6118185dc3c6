import { open } from 'node:fs/promises';

/** More than a server writes between two looks, unless it is in a loop; then the newest lines say the same. */
const LOOK_BYTES_MAX = 256 * 1024;

/** Reads what a server adds to its log, and gives the lines that match. */
export class LogWatch {
  readonly #path: string;
  readonly #telling: RegExp;
  /** Null until the first look, from whose end on lines count. */
  #from: number | null = null;
  #rest = '';

  constructor(path: string, telling: RegExp) {
    this.#path = path;
    this.#telling = telling;
  }

  /** What it said before is not looked at again: another server, or other data. */
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
      // It was rotated.
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
