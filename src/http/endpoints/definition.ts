/**
 * What an endpoint is. Definitions are data: the server's routes, the OpenAPI document and the client all follow
 * from them, so nothing here or beside it does anything.
 */
import type { TSchema } from '@sinclair/typebox';
import type { TokenRole } from '../../auth/token.js';

export interface EndpointDefinition {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Fastify's form: `/v1/tokens/:id`. */
  readonly path: string;
  readonly summary: string;
  /** The least role that may call it; null = no token needed. */
  readonly auth: TokenRole | null;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** Body of the answer with status 200 (or 201). */
  readonly response: TSchema;
  /** `json` unless said otherwise. */
  readonly produces?: 'json' | 'event-stream' | 'ndjson' | 'text';
  /**
   * Asked every second by machines and open pages: a good answer (of one without a token, any answer) is not worth a line in
   * the log, which would push out what is.
   */
  readonly polled?: true;
  /** Fields (dotted) that are known but not built yet: 400 UNSUPPORTED_FIELD. */
  readonly unsupported?: readonly string[];
}

export function defineEndpoint<const T extends EndpointDefinition>(definition: T): T {
  return definition;
}
