/** One request to one node: an answer, or a SkeinError. It neither chooses nodes nor tries again. */
import type { StreamedResult } from './api.js';
import { type Applied, SkeinError } from './error.js';
import type { ParseJson } from './lines.js';

export type Fetch = typeof fetch;

export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly token: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal: AbortSignal;
  /** What is known when the connection is lost after the request may have arrived. */
  readonly lostApplied: Applied;
  /** Statuses that are no refusal, besides those below 300. */
  readonly statuses?: readonly number[];
  /** Default `JSON.parse`. */
  readonly parseJson?: ParseJson;
}

/** Failures to connect: nothing has been sent. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** A successful answer, its body not read yet. @throws SkeinError */
export async function request(send: Fetch, node: string, outgoing: Outgoing): Promise<Response> {
  const { signal } = outgoing;
  const { headers, text } = written(outgoing);
  let response: Response;
  try {
    response = await send(`${node}${outgoing.path}`, {
      method: outgoing.method,
      headers,
      ...(text !== undefined && { body: text }),
      signal,
    });
  } catch (error) {
    throw lost(node, error, outgoing);
  }
  if (response.ok || outgoing.statuses?.includes(response.status)) return response;
  throw await refused(response, node, outgoing);
}

/**
 * What goes out as text. @throws SkeinError INVALID_REQUEST: it cannot be written (a bigint, a circle, a line break in
 * a header)
 */
function written({ token, headers, body }: Outgoing): { headers: Headers; text: string | undefined } {
  try {
    return {
      headers: new Headers({
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      }),
      text: body === undefined ? undefined : JSON.stringify(body),
    };
  } catch (error) {
    throw new SkeinError(
      'INVALID_REQUEST',
      `The request cannot be sent: ${error instanceof Error ? error.message : String(error)}`,
      { applied: 'no', cause: error },
    );
  }
}

export async function requestJson<T>(
  send: Fetch,
  node: string,
  outgoing: Outgoing,
): Promise<{ body: T; headers: Headers }> {
  const response = await request(send, node, outgoing);
  let text: string;
  try {
    text = await response.text();
  } catch (error) {
    throw lost(node, error, outgoing);
  }
  try {
    return { body: (outgoing.parseJson ?? JSON.parse)(text) as T, headers: response.headers };
  } catch (error) {
    throw badAnswer(node, response.status, outgoing, error);
  }
}

/** The connection failed, or the caller's signal ended it. */
export function lost(node: string, error: unknown, { signal, lostApplied }: Outgoing): SkeinError {
  if (signal.aborted) {
    const timedOut = (signal.reason as { name?: string } | undefined)?.name === 'TimeoutError';
    return new SkeinError(
      timedOut ? 'TIMEOUT' : 'ABORTED',
      timedOut ? 'The time of the call was over.' : 'The call was aborted.',
      { applied: lostApplied, cause: signal.reason },
    );
  }
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  const applied = NEVER_SENT.has(cause?.code ?? '') ? 'no' : lostApplied;
  const why = cause?.message || (error instanceof Error ? error.message : String(error));
  return new SkeinError('NODE_UNREACHABLE', `No answer came from ${node}: ${why}`, {
    applied,
    retryable: applied === 'no',
    cause: error,
  });
}

async function refused(response: Response, node: string, outgoing: Outgoing): Promise<SkeinError> {
  let body: { error?: ErrorBody; results?: readonly StreamedResult[] } | null = null;
  try {
    body = (await response.json()) as { error?: ErrorBody; results?: readonly StreamedResult[] };
  } catch {
    // Not a node's answer; reported below.
  }
  const error = body?.error;
  if (typeof error?.code !== 'string') return badAnswer(node, response.status, outgoing, undefined);
  return new SkeinError(error.code, error.message ?? error.code, {
    ...error,
    ...(body?.results && { results: body.results }),
    status: response.status,
    retryAfterMs: Number(response.headers.get('retry-after') ?? 0) * 1000,
  });
}

interface ErrorBody {
  readonly code?: string;
  readonly message?: string;
  readonly applied?: Applied;
  readonly retryable?: boolean;
  readonly errno?: number;
  readonly sqlState?: string;
  readonly statement?: number;
  readonly primary?: string | null;
  readonly requestId?: string;
}

function badAnswer(node: string, status: number, { lostApplied }: Outgoing, cause: unknown): SkeinError {
  return new SkeinError(
    'BAD_ANSWER',
    `What came from ${node} (status ${status}) is no answer of a Skein node.`,
    {
      status,
      applied: lostApplied,
      cause,
    },
  );
}
