/** Answers that stay open: events of the cluster, and lines of a log. */
import type { Connection } from './connection.js';
import { SkeinError } from './error.js';
import { textLines } from './lines.js';
import type { CallOptions } from './options.js';
import { request } from './transport.js';

/** `timeoutMs` is the time until the answer begins; after that only `signal` ends it. */
export interface FeedOptions extends CallOptions {
  /** The node to ask. Default: any node that answers. */
  readonly node?: string;
}

export interface ClusterEvent {
  readonly id: string;
  readonly event: string;
  /** `at`, `node`, `subject`, `reason`, and what belongs to the event. */
  readonly data: Readonly<Record<string, unknown>>;
}

export async function openFeed(
  connection: Connection,
  path: string,
  { node, signal, timeoutMs }: FeedOptions,
  headers: Readonly<Record<string, string>> = {},
): Promise<ReadableStream<Uint8Array>> {
  const response = await connection.run<Response>({
    where: 'any',
    nature: node === undefined ? 'read' : 'pinned',
    ...(node !== undefined && { node }),
    ...(signal && { signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    send: async (attempt) => {
      // The deadline of the call ends with the head of the answer.
      const open = new AbortController();
      const late = () => open.abort(attempt.signal.reason);
      attempt.signal.addEventListener('abort', late, { once: true });
      signal?.addEventListener('abort', () => open.abort(signal.reason), { once: true });
      if (attempt.signal.aborted) late();
      const outgoing = await connection.outgoing(
        { ...attempt, signal: open.signal },
        { method: 'GET', path, headers, lostApplied: 'no' },
      );
      try {
        return await request(connection.fetch, attempt.node, outgoing);
      } finally {
        attempt.signal.removeEventListener('abort', late);
      }
    },
  });
  if (!response.body) throw new SkeinError('BAD_ANSWER', 'The answer has no body.');
  return response.body;
}

/** Server-sent events: blocks of `name: value`, each ended by an empty line. Lines that begin with a colon are signs of life. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ClusterEvent> {
  let fields: Record<string, string> = {};
  for await (const line of textLines(body)) {
    const [, name, value] = /^(id|event|data): ?(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) fields[name] = value;
    if (line !== '') continue;
    const { id, event, data } = fields;
    fields = {};
    if (id === undefined || event === undefined || data === undefined) continue;
    yield { id, event, data: JSON.parse(data) as ClusterEvent['data'] };
  }
}
