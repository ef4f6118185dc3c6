/** All that the page asks of its node. Nothing else in the console knows the network. */
import {
  type ClusterEvent,
  type ClusterStatus,
  type History,
  type Maintenance,
  type SeedOrder,
  SkeinClient,
  type SqlAnswer,
  type SqlRequest,
  type Switchover,
  type Token,
} from '../../../client/src/index.js';
import type { Level, Source } from '../state/lines.js';
import { AccessApi } from './access-api.js';
import { parseExactly } from './exact-json.js';
import { TableApi } from './table-api.js';

/** A page that waits longer than this for a look at the cluster says that the node does not answer. */
const LOOK_TIMEOUT_MS = 4000;
const ACTION_TIMEOUT_MS = 120_000;
/** A statement of a person may take its time; it can be cancelled. */
const SQL_TIMEOUT_MS = 600_000;

export class NodeApi {
  readonly #client: SkeinClient;
  /** The page may reach only the node that served it, and each request is for this node and no other. */
  readonly #node = location.origin;
  readonly tables: TableApi;
  readonly access: AccessApi;

  constructor(token: string) {
    this.#client = new SkeinClient({
      nodes: this.#node,
      token,
      discover: false,
      parseJson: parseExactly,
    });
    const node = () => this.#node;
    this.tables = new TableApi(this.#client, token, node);
    this.access = new AccessApi(this.#client, node);
  }

  cluster(signal: AbortSignal): Promise<ClusterStatus> {
    return this.#client.call('getCluster', { node: this.#node, signal, timeoutMs: LOOK_TIMEOUT_MS });
  }

  history(seconds: number, signal: AbortSignal): Promise<History> {
    return this.#client.call('getHistory', {
      ...{ node: this.#node, query: { seconds }, signal, timeoutMs: LOOK_TIMEOUT_MS },
    });
  }

  ownToken(signal: AbortSignal): Promise<Token> {
    return this.#client.call('getOwnToken', { node: this.#node, signal, timeoutMs: LOOK_TIMEOUT_MS });
  }

  sql(body: SqlRequest, signal: AbortSignal): Promise<SqlAnswer> {
    return this.#client.call('postSql', { node: this.#node, body, signal, timeoutMs: SQL_TIMEOUT_MS });
  }

  events(after: string, signal: AbortSignal): AsyncGenerator<ClusterEvent> {
    return this.#client.events({ node: this.#node, after, signal, timeoutMs: LOOK_TIMEOUT_MS });
  }

  lines(
    source: Source,
    { level, text, tail }: { level: Level; text: string; tail: number },
    signal: AbortSignal,
  ): AsyncGenerator<string> {
    const query = { tail, ...(text !== '' && { text }) };
    const options = { node: this.#node, signal, timeoutMs: LOOK_TIMEOUT_MS };
    return source === 'log'
      ? this.#client.follow('getLogs', { ...query, level }, options)
      : this.#client.follow('getAudit', query, options);
  }

  switchOver(body: { to?: string; dryRun?: boolean }): Promise<Switchover> {
    return this.#client.call('postSwitchover', { node: this.#node, body, timeoutMs: ACTION_TIMEOUT_MS });
  }

  maintain(name: string, on: boolean): Promise<Maintenance> {
    const params = { name };
    const timeoutMs = ACTION_TIMEOUT_MS;
    return this.#client.call('postMaintenance', { node: this.#node, params, body: { on }, timeoutMs });
  }

  reseed(name: string): Promise<SeedOrder> {
    return this.#client.call('reseedNode', { node: this.#node, params: { name }, body: {} });
  }

  cancelReseed(name: string): Promise<SeedOrder> {
    return this.#client.call('cancelReseed', { node: this.#node, params: { name } });
  }
}

/** The name of the node that served this page; it needs no token. Null: it does not answer. */
export async function nameOfNode(): Promise<string | null> {
  try {
    const client = new SkeinClient({ nodes: location.origin, token: '', discover: false });
    return (await client.call('getHealth', { node: location.origin, timeoutMs: LOOK_TIMEOUT_MS })).node;
  } catch {
    return null;
  }
}
