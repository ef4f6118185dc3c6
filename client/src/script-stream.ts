/** Statements in one session, with their results as they come. */
import type { Column, SqlLine, StreamedResult } from './api.js';
import { SkeinError } from './error.js';
import { answeredBy, cut, type LineRequest, openLines } from './line-stream.js';
import type { StreamSummary } from './options.js';

/** What came together of one result set. The first batch of each may have no rows yet. */
export interface ResultBatch<R> {
  /** Index of the statement. */
  readonly statement: number;
  /** Counts the result sets of the whole script: a procedure may give several. */
  readonly set: number;
  readonly columns: readonly Column[];
  readonly rows: readonly R[];
}

interface ScriptStreamParts extends LineRequest {
  seen(position: string): void;
  failed(error: unknown): void;
}

/** To be read once, with `for await`. */
export class ScriptStream<R> implements AsyncIterable<ResultBatch<R>> {
  readonly #parts: ScriptStreamParts;
  #begun = false;
  #summary: StreamSummary | null = null;

  constructor(parts: ScriptStreamParts) {
    this.#parts = parts;
  }

  /** Known after the last batch; null before. */
  get summary(): StreamSummary | null {
    return this.#summary;
  }

  /** @throws SkeinError; `statement` says which one failed, `results` what those before it did */
  async *[Symbol.asyncIterator](): AsyncGenerator<ResultBatch<R>, void, undefined> {
    if (this.#begun) throw new SkeinError('INVALID_REQUEST', 'A stream can be read once.');
    this.#begun = true;
    const over = new AbortController();
    try {
      yield* this.#batches(over.signal);
    } catch (error) {
      this.#parts.failed(error);
      throw error;
    } finally {
      over.abort();
    }
  }

  async *#batches(over: AbortSignal): AsyncGenerator<ResultBatch<R>, void, undefined> {
    const { first, next, node } = await openLines(this.#parts, over);
    const sets = new ResultSets<R>();
    for (let batch = first; batch !== null; batch = await next()) {
      yield* sets.take(batch);
      const last = batch.at(-1);
      // Read to its end, the connection can serve the next request.
      if (last?.type === 'end' || last?.type === 'error') await next().catch(() => {});
      if (last?.type === 'end') {
        this.#summary = { results: last.results, ...answeredBy(last) };
        this.#parts.seen(last.position);
        return;
      }
      if (last?.type === 'error') throw failureOf(last.error, last.results);
    }
    throw cut(node, { applied: this.#parts.lostApplied });
  }
}

function failureOf(error: Extract<SqlLine, { type: 'error' }>['error'], results?: readonly StreamedResult[]) {
  return new SkeinError(error.code, error.message, { ...error, status: 200, ...(results && { results }) });
}

class ResultSets<R> {
  #statement = 0;
  #set = -1;
  #columns: readonly Column[] = [];

  *take(lines: readonly SqlLine[]): Generator<ResultBatch<R>> {
    let rows: R[] = [];
    let isDue = false;
    for (const line of lines) {
      if (line.type === 'row') rows.push(line.row as R);
      if (line.type === 'columns') {
        if (isDue || rows.length > 0) yield this.#batch(rows);
        rows = [];
        this.#set++;
        this.#statement = line.statement ?? 0;
        this.#columns = line.columns;
        isDue = true;
      }
    }
    if (isDue || rows.length > 0) yield this.#batch(rows);
  }

  #batch(rows: readonly R[]): ResultBatch<R> {
    return { statement: this.#statement, set: this.#set, columns: this.#columns, rows };
  }
}
