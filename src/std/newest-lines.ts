export interface FoundLines {
  /** Oldest first. */
  readonly lines: readonly string[];
  /** The limit of bytes was reached before the number of lines, so older lines may match too. */
  readonly isCut: boolean;
}

/**
 * Half of what may wait unread on a stream of lines (http/line-stream.ts), so that a client that follows gets these at once.
 * 10,000 lines of 200 bytes fit.
 */
export const FOUND_LINES_BYTES_MAX = 2 * 1024 * 1024;

/** Collects lines that come newest first, up to a number and up to a size of their text. */
export class NewestLines {
  readonly #count: number;
  readonly #bytesMax: number;
  readonly #lines: string[] = [];
  #bytes = 0;
  #isCut = false;

  constructor(count: number, bytesMax: number = FOUND_LINES_BYTES_MAX) {
    this.#count = count;
    this.#bytesMax = bytesMax;
  }

  /** The next older line. False: no older one is wanted. */
  add(line: string): boolean {
    const bytes = Buffer.byteLength(line) + 1;
    this.#isCut = this.#bytes + bytes > this.#bytesMax;
    if (this.#isCut) return false;
    this.#bytes += bytes;
    this.#lines.push(line);
    return this.#lines.length < this.#count;
  }

  get found(): FoundLines {
    return { lines: this.#lines.toReversed(), isCut: this.#isCut };
  }
}

/**
 * One file has the lines of several threads. A line has the time at which it was made; the thread that owns the file writes
 * it some milliseconds later.
 */
const OUT_OF_ORDER_MS = 2_000;

/**
 * A search for lines since this ISO time ends at a line that is older than the answer; null = it does not end before the
 * file.
 */
export function searchEnd(since: string | undefined): string | null {
  if (since === undefined) return null;
  const atMs = Date.parse(since);
  return Number.isNaN(atMs) ? since : new Date(atMs - OUT_OF_ORDER_MS).toISOString();
}
