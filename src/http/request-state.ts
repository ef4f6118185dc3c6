/** State of a request until its log line is written. */
import type { IncomingMessage } from 'node:http';
import type { TokenRecord } from '../auth/system-schema.js';
import { Cancellation } from '../std/cancellation.js';
import type { EndpointDefinition } from './endpoints/definition.js';

export class RequestState {
  readonly startedAt = performance.now();
  /** Cancelled when the client goes away before its answer, or its token is no longer valid. */
  readonly gone = new Cancellation();
  /** Cancelled when the token is no longer valid; `revokedBecause` then has the reason. */
  readonly revoked = new Cancellation();
  revokedBecause = '';
  token: TokenRecord | null = null;
  /** Null for files of the page, and for unknown paths. */
  endpoint: EndpointDefinition | null = null;
  isStream = false;
  /** As it was parsed, for the audit trail. */
  body: unknown = undefined;
  facts: Readonly<Record<string, unknown>> = {};
  /** Tells the connection that its client has a valid token. */
  known: () => void = () => {};
  /** Tells the connection that the request is answered, although its body is still arriving. */
  answered: () => void = () => {};
  /** Cancelled when the answer has been sent, or its client has gone. */
  readonly closed = new Cancellation();
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null only when the connection was refused before it had a request. */
    skein: RequestState | null;
  }
}

/** Whether a body comes with the request. */
export function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': chunked } = request.headers;
  return chunked !== undefined || (length !== undefined && length !== '0');
}
