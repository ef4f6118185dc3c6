/** The rows of one statement as they come. */
import type { Column, SqlLine, SqlRequest } from './api.js';
import type { Connection } from './connection.js';
import { SkeinError } from './error.js';
import { jsonLines } from './lines.js';
import type { AnsweredBy, CallOptions, StreamSummary } from './options.js';
import { lost, type Outgoing, request } from './transport.js';

export interface RowStreamParts {
  readonly connection: Connection;
  readonly options: CallOptions;
  readonly where: 'primary' | 'any';
  body(): SqlRequest;
  seen(position: string): void;
  failed(error: unknown): void;
}

type Line = SqlLine;

interface Begun {
  readonly lines: AsyncGenerator<Line, void, undefined>;
  readonly first: Line | null;
  readonly node: string;
  readonly outgoing: Outgoing;
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
      const begun = await this.#begin(over.signal);
      yield* this.#rows(begun);
    } catch (error) {
      this.#parts.failed(error);
      throw error;
    } finally {
      over.abort();
    }
  }

  async *#rows({ lines, first, node, outgoing }: Begun): AsyncGenerator<R, void, undefined> {
    let line = first;
    while (line !== null) {
      switch (line.type) {
        case 'columns':
          this.#columns = line.columns;
          break;
        case 'row':
          yield line.row as R;
          break;
        case 'end':
          this.#summary = { results: line.results, ...answeredBy(line) };
          this.#parts.seen(line.position);
          return;
        case 'error':
          throw new SkeinError(line.error.code, line.error.message, { ...line.error, status: 200 });
      }
      line = await nextLine(lines, node, outgoing);
    }
    throw new SkeinError('STREAM_CUT', `The rows from ${node} ended early: what came is not all.`);
  }

  /** May be tried again until the first line has come; after that the caller may have used rows. */
  #begin(over: AbortSignal): Promise<Begun> {
    const { connection, options, where } = this.#parts;
    const { signal } = options;
    return connection.run<Begun>({
      ...options,
      where,
      nature: 'read',
      send: async (attempt) => {
        // The client's deadline ends with the first line; the node's deadline covers the whole stream.
        const first = AbortSignal.any([over, attempt.signal]);
        const rest = AbortSignal.any([over, ...(signal ? [signal] : [])]);
        const own = new AbortController();
        const early = () => own.abort(first.reason);
        const late = () => own.abort(rest.reason);
        rest.addEventListener('abort', late, { once: true });
        first.addEventListener('abort', early, { once: true });
        if (first.aborted) early();
        const outgoing = await connection.outgoing(
          { ...attempt, signal: own.signal },
          {
            method: 'POST',
            path: '/v1/sql',
            headers: { accept: 'application/x-ndjson' },
            body: { ...this.#parts.body(), timeoutMs: attempt.timeoutMs },
            lostApplied: 'no',
          },
        );
        try {
          const response = await request(connection.fetch, attempt.node, outgoing);
          if (!response.body) throw new SkeinError('BAD_ANSWER', 'The answer has no body.');
          const lines = jsonLines<Line>(response.body, connection.parseJson);
          return {
            lines,
            first: await nextLine(lines, attempt.node, outgoing),
            node: attempt.node,
            outgoing,
          };
        } finally {
          first.removeEventListener('abort', early);
        }
      },
    });
  }
}

async function nextLine(
  lines: AsyncGenerator<Line, void, undefined>,
  node: string,
  outgoing: Outgoing,
): Promise<Line | null> {
  try {
    const { done, value } = await lines.next();
    return done ? null : value;
  } catch (error) {
    if (outgoing.signal.aborted) throw lost(node, error, outgoing);
    throw new SkeinError('STREAM_CUT', `The rows from ${node} ended early: what came is not all.`, {
      cause: error,
    });
  }
}

function answeredBy(line: Extract<Line, { type: 'end' }>): AnsweredBy {
  const { position, node, role, epoch, lagMs, acknowledgedBy } = line;
  return { position, node, role, epoch, lagMs, acknowledgedBy, replayed: false };
}
