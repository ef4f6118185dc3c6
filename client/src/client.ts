/** The client: the class that applications use. */
import { ENDPOINTS, type Endpoints, type Outcome } from './api.js';
import { Connection } from './connection.js';
import { type ClusterEvent, type FeedOptions, openFeed, readEvents } from './feed.js';
import { textLines } from './lines.js';
import type { CallOptions, ClientOptions } from './options.js';
import { Session, type SessionDefaults } from './session.js';
import { askOutcome } from './transaction.js';
import { type Outgoing, request, requestJson } from './transport.js';

/** Endpoints whose answer is one body. */
export type CallableEndpoint = {
  [Name in keyof Endpoints]: (typeof ENDPOINTS)[Name]['produces'] extends 'event-stream' | 'binary'
    ? never
    : Name;
}[keyof Endpoints];

type Part<Name extends keyof Endpoints, Key extends string> =
  Endpoints[Name] extends Record<Key, infer T> ? T : undefined;

export interface EndpointInput<Name extends keyof Endpoints> extends CallOptions {
  readonly params?: Part<Name, 'params'>;
  readonly query?: Part<Name, 'query'>;
  readonly body?: Part<Name, 'body'>;
  /** The node to ask. Default: any node that answers, or the primary for changes. */
  readonly node?: string;
}

/**
 * A client is a session: its reads see all writes made through it. To keep users apart, make a `session` for each; sessions
 * share the knowledge about the nodes.
 */
export class SkeinClient extends Session {
  readonly #connection: Connection;
  readonly #defaults: SessionDefaults;

  constructor(options: ClientOptions) {
    const connection = new Connection(options);
    const defaults = { database: options.database, idempotent: options.idempotent ?? true };
    super(connection, defaults);
    this.#connection = connection;
    this.#defaults = defaults;
  }

  /** `position`: continues where another session was. */
  session(position: string | null = null): Session {
    return new Session(this.#connection, this.#defaults, position);
  }

  /** The outcome of a write (its `idempotencyKey`) or a transaction (its id) whose answer was lost. @throws SkeinError */
  outcome(key: string, options: CallOptions = {}): Promise<Outcome> {
    return askOutcome(this.#connection, key, options);
  }

  /**
   * The cluster's events as they happen. `after` is the id of the last one that the caller has; '0' begins with all that the
   * node still has. Ends when the node does; begin again with the last id. @throws SkeinError
   */
  async *events(
    options: FeedOptions & { readonly after?: string | null } = {},
  ): AsyncGenerator<ClusterEvent> {
    const { after = null } = options;
    const body = await openFeed(this.#connection, ENDPOINTS.getEvents.path, options, {
      ...(after !== null && { 'last-event-id': after }),
    });
    yield* readEvents(body);
  }

  /** The lines of a node's log or audit trail, each a JSON text: those that are there, then new ones. @throws SkeinError */
  async *follow<Name extends 'getLogs' | 'getAudit'>(
    name: Name,
    query: Omit<Part<Name, 'query'> & object, 'follow'>,
    options: FeedOptions = {},
  ): AsyncGenerator<string> {
    const path = ENDPOINTS[name].path + queryOf({ ...query, follow: 'true' });
    // An empty line is a sign of life.
    for await (const line of textLines(await openFeed(this.#connection, path, options)))
      if (line !== '') yield line;
  }

  /** Calls any endpoint by its name in the OpenAPI document. Sent again only when nothing was done. */
  async call<Name extends CallableEndpoint>(
    name: Name,
    input: EndpointInput<Name> = {},
  ): Promise<Endpoints[Name]['response']> {
    const { method, path, produces, statuses } = ENDPOINTS[name];
    const { params, query, body, node, signal, timeoutMs } = input;
    const whole = pathOf(path, params) + queryOf(query);
    return this.#connection.run<Endpoints[Name]['response']>({
      ...(signal && { signal }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      where: method === 'GET' ? 'any' : 'primary',
      nature: node !== undefined ? 'pinned' : method === 'GET' ? 'read' : 'once',
      ...(node !== undefined && { node }),
      send: async (attempt) => {
        const outgoing: Outgoing = await this.#connection.outgoing(attempt, {
          method,
          path: whole,
          statuses,
          ...(body !== undefined && { body }),
          lostApplied: method === 'GET' ? 'no' : 'unknown',
        });
        if (produces === 'json') {
          const answer = await requestJson<Endpoints[Name]['response']>(
            this.#connection.fetch,
            attempt.node,
            outgoing,
          );
          return answer.body;
        }
        const response = await request(this.#connection.fetch, attempt.node, outgoing);
        return (await response.text()) as Endpoints[Name]['response'];
      },
    });
  }
}

function pathOf(path: string, params: unknown): string {
  const values = (params ?? {}) as Record<string, string>;
  return path.replace(/:(\w+)/g, (_all, name: string) => encodeURIComponent(values[name] ?? ''));
}

function queryOf(query: unknown): string {
  const given = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  if (given.length === 0) return '';
  return `?${new URLSearchParams(given)}`;
}
