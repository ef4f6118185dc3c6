/**
 * What an endpoint is. Definitions are data: the server's routes, the OpenAPI document and the client all follow
 * from them, so nothing here or beside it does anything.
 */
import type { TObject, TSchema } from '@sinclair/typebox';
import type { ErrorCode } from '../../api/errors.js';
import type { TokenRole } from '../../auth/token.js';

export interface EndpointDefinition {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Fastify's form: `/v1/tokens/:id`. */
  readonly path: string;
  readonly summary: string;
  /** The least role that may call it; null = no token needed. */
  readonly auth: TokenRole | null;
  /** The parts of the path that vary. */
  readonly params?: TObject;
  /** Without it the endpoint takes no query. Parameters that it does not name are refused. */
  readonly query?: TObject;
  /** Headers that the endpoint reads, by their names in lower case; others are ignored. */
  readonly headers?: TObject;
  readonly body?: TObject;
  /** Its body may hold statements and their values; others have the limit `smallBodyBytesMax`. */
  readonly largeBody?: true;
  /** Without a body the request is `{}`. */
  readonly bodyOptional?: true;
  /** Body of the answer with one of `statuses`. A schema with a `title` is a type of that name for clients. */
  readonly response: TSchema;
  /** Statuses whose body is `response`; 200 alone unless said otherwise. */
  readonly statuses?: readonly number[];
  /** `json` unless said otherwise. */
  readonly produces?: 'json' | 'event-stream' | 'ndjson' | 'text' | 'binary';
  /** One line of the answer to a request with `Accept: application/x-ndjson`. */
  readonly line?: TSchema;
  /** Error codes in addition to those that follow from the other fields (see `errorsOf`). */
  readonly errors?: readonly ErrorCode[];
  /** Body of an error, where it says more than the common one. */
  readonly failure?: TSchema;
  /**
   * Machines and open pages ask it every second. So a successful answer is not logged (without a token, no answer is): the
   * lines would push out others.
   */
  readonly polled?: true;
}

export function defineEndpoint<const T extends EndpointDefinition>(definition: T): T {
  return definition;
}
