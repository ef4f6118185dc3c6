/** Answers requests that are refused before they reach a handler, and reads the rest of their bodies. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError } from 'fastify';
import { ApiError } from '../api/api-error.js';
import { requestId } from './request-id.js';

/** Time for which a refused body is still read and dropped: eight clients may send their 20 MB at once. */
const DRAIN_MS = 20_000;
/** Bytes of a refused body that are read and dropped. Skein's own clients send less; another client is cut off. */
const DRAIN_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The answer to a request whose body is still arriving: its text at once, its end when the body has come. Closing the
 * connection before that resets it, and the client might never see the answer.
 */
export async function* thenDrained(text: string, body: IncomingMessage): AsyncGenerator<string> {
  yield text;
  await drain(body);
}

/** Reads what is left of a body. Resolves at its end, or when it takes too long or is too much. */
function drain(body: IncomingMessage): Promise<void> {
  if (body.complete || body.destroyed) {
    body.resume();
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    let bytes = 0;
    const done = () => {
      clearTimeout(timer);
      body.off('data', count);
      resolve();
    };
    const count = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > DRAIN_BYTES_MAX) done();
    };
    const timer = setTimeout(done, DRAIN_MS);
    for (const event of ['end', 'error', 'close'] as const) body.once(event, done);
    body.on('data', count);
    body.resume();
  });
}

/** A refusal by Fastify itself as our ApiError; null when the error is not one. */
export function fromFramework(error: Error): ApiError | null {
  const { code, statusCode } = error as FastifyError;
  if (typeof code !== 'string' || !code.startsWith('FST_')) return null;
  if (statusCode === undefined || statusCode >= 500) return null;
  if (statusCode === 404) return new ApiError(404, 'NOT_FOUND', error.message);
  return new ApiError(statusCode === 415 ? 415 : 400, 'INVALID_REQUEST', error.message);
}

const STATUS_TEXTS = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
} as const;

/** Answers bytes that are not HTTP, and so never become a request, with our form of an error. */
export function refuseBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  endWithAnswer(socket, brokenRequest(error.code));
}

function brokenRequest(code: string | undefined): ApiError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ApiError(431, 'HEADERS_TOO_LARGE', 'The request has too many or too long headers.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ApiError(408, 'REQUEST_TOO_SLOW', 'The request did not arrive in time.');
    default:
      return new ApiError(400, 'INVALID_REQUEST', 'This is not an HTTP request.');
  }
}

/** Writes an answer on a connection that has no request, and closes it for good. */
function endWithAnswer(socket: Socket, failure: ApiError): void {
  socket.write(answerText(failure));
  socket.destroySoon();
}

/** A complete answer, after which the connection ends. */
export function answerText(failure: ApiError): string {
  const status = failure.status as keyof typeof STATUS_TEXTS;
  const body = JSON.stringify(failure.toBody(requestId(undefined)));
  const { retryAfterS } = failure.details;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_TEXTS[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(retryAfterS === undefined ? [] : [`retry-after: ${retryAfterS}`]),
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
