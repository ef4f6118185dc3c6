/**
 * Forwards a request to the primary's node, with the caller's own token, and streams the answer back. One hop at
 * most: the header marks a forwarded request, which the receiver does not forward again. It does not retry.
 */
import http from 'node:http';
import https from 'node:https';
import { ApiError } from '../api/api-error.js';
import type { Cancellation } from '../std/cancellation.js';

/** Names the forwarding node; the receiver answers the request itself. */
export const FORWARDED_BY = 'x-skein-forwarded-by';
/** Nothing of the request is sent before the connection is made, so this failure is a certain "no". */
const CONNECT_TIMEOUT_MS = 3000;
/** The primary answers in time by itself; its answer needs a moment to come back. */
const ANSWER_GRACE_MS = 2000;
const REQUEST_HEADERS = ['authorization', 'accept', 'x-skein-position', 'idempotency-key'] as const;

export interface ForwardRequest {
  /** Base address of the primary's HTTP. */
  readonly primary: string;
  /** PEM of the authority that must have signed the primary's certificate; undefined = the system's authorities. */
  readonly ca?: string | undefined;
  readonly path: string;
  /** As the client sent it. */
  readonly body: string;
  readonly header: (name: string) => string | undefined;
  readonly requestId: string;
  /** Name of this node. */
  readonly node: string;
  /** The request's own time, counted again by the primary. */
  readonly timeoutMs: number;
  /** False with a read token: whatever happened to its request, it has written nothing. */
  readonly mayWrite: boolean;
  /** Cancelled when the client has gone away; the connection to the primary then ends too. */
  readonly gone: Cancellation;
  /** Calls the listener when there is another primary: this one may never answer. Returns a function that ends this. */
  onOtherPrimary(listener: () => void): () => void;
}

/** Resolves with the head of the primary's answer; its body is not read yet. @throws ApiError 503, 504 */
export function forwardToPrimary(request: ForwardRequest): Promise<http.IncomingMessage> {
  const url = new URL(request.path, request.primary);
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(request.body)),
    'x-request-id': request.requestId,
    [FORWARDED_BY]: request.node,
  };
  for (const name of REQUEST_HEADERS) {
    const value = request.header(name);
    if (value !== undefined) headers[name] = value;
  }
  const { request: send } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    let connected = false;
    // A reused connection may already be dead; then it would be unknown whether the request arrived.
    const outgoing = send(url, {
      method: 'POST',
      headers,
      agent: false,
      signal: request.gone.signal,
      ca: request.ca,
    });
    const over = () => {
      clearTimeout(connecting);
      clearTimeout(answering);
      offPrimary();
    };
    const fail = (why: string) => {
      over();
      outgoing.destroy();
      reject(connected ? lost(request, why) : unreachable(request, why));
    };
    const connecting = setTimeout(() => {
      if (!connected) fail(`it did not accept a connection within ${CONNECT_TIMEOUT_MS} ms`);
    }, CONNECT_TIMEOUT_MS);
    const answering = setTimeout(
      () => fail('it did not answer in time'),
      request.timeoutMs + ANSWER_GRACE_MS,
    );
    outgoing.once('socket', (socket) => {
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        connected = true;
      });
    });
    outgoing.on('error', (error) => fail(error.message));
    const offPrimary = request.onOtherPrimary(() => fail('another node is the primary now'));
    outgoing.once('response', (response) => {
      over();
      resolve(response);
    });
    outgoing.end(request.body);
  });
}

function unreachable({ primary }: ForwardRequest, why: string): ApiError {
  return new ApiError(
    503,
    'PRIMARY_UNREACHABLE',
    `The request could not be forwarded to the primary at ${primary}: ${why}. Nothing of it was done.`,
    { applied: 'no', retryable: true, primary },
  );
}

function lost({ primary, mayWrite }: ForwardRequest, why: string): ApiError {
  const head = `The request was forwarded to the primary at ${primary}, but no answer came back: ${why}.`;
  return mayWrite
    ? new ApiError(504, 'OUTCOME_UNKNOWN', `${head} It may or may not take effect.`, {
        applied: 'unknown',
        primary,
      })
    : new ApiError(504, 'TIMEOUT', head, { applied: 'no', retryable: true, primary });
}

/** The headers of the primary's answer that are passed on; this node sets the others. */
export function answerHeaders(answer: http.IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of [
    'content-type',
    'content-length',
    'x-skein-position',
    'retry-after',
    'idempotency-replayed',
  ]) {
    const value = answer.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}
