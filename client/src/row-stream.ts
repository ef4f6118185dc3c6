/** The rows of one statement as they come. */
import type { Column, SqlLine } from './api.js';
import { SkeinError } from './error.js';
import { answeredBy, cut, type LineRequest, type OpenLines, openLines } from './line-stream.js';
import type { StreamSummary } from './options.js';

export interface RowStreamParts extends Omit<LineRequest, 'nature' | 'lostApplied'> {
  seen(position: string): void;
  failed(error: unknown): void;
}

/** To be read once, with `for await`. */
export class RowStream<R> implements AsyncIterable<R> {
  readonly #parts: RowStreamParts;
  #begun = false;
  #columns: readonly Column[] = [];
  #summary: StreamSummary | null = null;

  constructor(parts: RowStreamParts) {
    this.#parts = parts;
  }

  /** Known with the first row. */
  get columns(): readonly Column[] {
    return this.#columns;
  }

  /** Known after the last row; null before. */
  get summary(): StreamSummary | null {
    return this.#summary;
  }

  /** @throws SkeinError; STREAM_CUT when the rows that came are not all */
  async *[Symbol.asyncIterator](): AsyncGenerator<R, void, undefined> {
    if (this.#begun) throw new SkeinError('INVALID_REQUEST', 'A stream can be read once.');
    this.#begun = true;
    const over = new AbortController();
    try {
      const asked = { ...this.#parts, nature: 'read', lostApplied: 'no' } as const;
      yield* this.#rows(await openLines(asked, over.signal));
    } catch (error) {
      this.#parts.failed(error);
      throw error;
    } finally {
      over.abort();
    }
  }

  async *#rows({ first, next, node }: OpenLines): AsyncGenerator<R, void, undefined> {
    for (let batch = first; batch !== null; batch = await next()) {
      for (const line of batch) {
        if (line.type === 'row') yield line.row as R;
        else if (this.#isLast(line)) return;
      }
    }
    throw cut(node);
  }

  /** @throws SkeinError that the node tells */
  #isLast(line: Exclude<SqlLine, { type: 'row' }>): boolean {
    switch (line.type) {
      case 'columns':
        this.#columns = line.columns;
        return false;
      case 'end':
        this.#summary = { results: line.results, ...answeredBy(line) };
        this.#parts.seen(line.position);
        return true;
      case 'error':
        throw new SkeinError(line.error.code, line.error.message, { ...line.error, status: 200 });
    }
  }
}
