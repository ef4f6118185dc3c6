/** An answer of `POST /v1/sql` as lines: asked for here, until the first of them has come. */
import type { SqlLine, SqlRequest } from './api.js';
import type { Nature } from './attempts.js';
import type { Connection } from './connection.js';
import { type Applied, SkeinError } from './error.js';
import { jsonBatches } from './lines.js';
import type { AnsweredBy, CallOptions } from './options.js';
import { lost, type Outgoing, request } from './transport.js';

export interface LineRequest {
  readonly connection: Connection;
  readonly options: CallOptions;
  readonly where: 'primary' | 'any';
  readonly nature: Nature;
  /** The only one that is asked. */
  readonly node?: string;
  readonly lostApplied: Applied;
  body(): SqlRequest;
}

/** Lines that came together; null = there are no more. */
type Batch = readonly SqlLine[] | null;

export interface OpenLines {
  readonly node: string;
  readonly first: Batch;
  /** @throws SkeinError STREAM_CUT, ABORTED */
  next(): Promise<Batch>;
}

/** May be tried again until the first line has come; after that the caller may have used rows. */
export function openLines(asked: LineRequest, over: AbortSignal): Promise<OpenLines> {
  const { connection, options, where, nature, node, lostApplied } = asked;
  const { signal } = options;
  return connection.run<OpenLines>({
    ...options,
    where,
    nature,
    ...(node !== undefined && { node }),
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
          body: { ...asked.body(), timeoutMs: attempt.timeoutMs },
          lostApplied,
        },
      );
      try {
        const response = await request(connection.fetch, attempt.node, outgoing);
        if (!response.body) throw new SkeinError('BAD_ANSWER', 'The answer has no body.');
        const batches = jsonBatches<SqlLine>(response.body, connection.parseJson);
        const next = () => nextBatch(batches, attempt.node, outgoing);
        return { node: attempt.node, first: await next(), next };
      } finally {
        first.removeEventListener('abort', early);
      }
    },
  });
}

/** There was no last line. */
export const cut = (node: string, details: { applied?: Applied; cause?: unknown } = {}): SkeinError =>
  new SkeinError('STREAM_CUT', `The rows from ${node} ended early: what came is not all.`, details);

async function nextBatch(
  batches: AsyncGenerator<readonly SqlLine[], void, undefined>,
  node: string,
  outgoing: Outgoing,
): Promise<Batch> {
  try {
    const { done, value } = await batches.next();
    return done ? null : value;
  } catch (error) {
    if (outgoing.signal.aborted) throw lost(node, error, outgoing);
    throw cut(node, { applied: outgoing.lostApplied, cause: error });
  }
}

export function answeredBy(line: Extract<SqlLine, { type: 'end' }>): AnsweredBy {
  const { position, node, role, epoch, lagMs, acknowledgedBy } = line;
  return { position, node, role, epoch, lagMs, acknowledgedBy, replayed: false };
}
