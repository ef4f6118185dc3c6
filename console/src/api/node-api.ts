/** All that the page asks of its node. Nothing else in the console knows the network. */
import {
  type ClusterEvent,
  type ClusterStatus,
  type History,
  type Maintenance,
  type SeedOrder,
  SkeinClient,
  type Switchover,
  type Token,
} from '../../../client/src/index.js';
import { parseExactly } from '../state/exact-json.js';
import type { Level, Source } from '../state/lines.js';
import { problemOf } from '../state/problem.js';
import { type Addresses, inTurn, learned, reachesAll } from '../state/ways.js';
import { AccessApi } from './access-api.js';
import { MembersApi } from './members-api.js';
import { SqlApi } from './sql-api.js';
import { TableApi } from './table-api.js';

/** A page that waits longer than this for a look at the cluster says that the node does not answer. */
const LOOK_TIMEOUT_MS = 4000;
const ACTION_TIMEOUT_MS = 120_000;

/** The same while another node may answer: a look that hangs holds up the picture. */
const HOP_TIMEOUT_MS = 1500;
/** While another node answers, the page's own one is asked so often whether it is back. */
const OWN_AGAIN_MS = 3000;

export interface Answered {
  readonly status: ClusterStatus;
  /** The member that answered in place of the page's own node; null = that answered itself. */
  readonly via: string | null;
  /** Origins of all members, as far as they have been told. */
  readonly addresses: Addresses;
}

export class NodeApi {
  readonly #client: SkeinClient;
  readonly tables: TableApi;
  readonly access: AccessApi;
  readonly statements: SqlApi;
  readonly members: MembersApi;
  readonly #own = location.origin;
  /** Each request is for this node and no other: the page's own, or another one while that does not answer. */
  #node = location.origin;
  #addresses: Addresses = new Map();
  #primary: string | null = null;
  #ownAskedAt = 0;

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
    this.statements = new SqlApi(this.#client, (name) => this.#nodeOf(name));
    this.members = new MembersApi(this.#client, () => this.#nodeOf(this.#primary));
  }

  async cluster(signal: AbortSignal): Promise<Answered> {
    const ownIsDue = this.#node === this.#own || performance.now() - this.#ownAskedAt > OWN_AGAIN_MS;
    const turn = inTurn(this.#addresses, { own: this.#own, last: this.#node, ownIsDue });
    const timeoutMs = turn.length === 1 ? LOOK_TIMEOUT_MS : HOP_TIMEOUT_MS;
    let failure: unknown;
    for (const node of turn) {
      if (node === this.#own) this.#ownAskedAt = performance.now();
      // Of our own: the client gives a node two seconds more to answer that its time is over.
      const both = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      try {
        const status = await this.#client.call('getCluster', { node, signal: both });
        this.#node = node;
        this.#primary = status.primary;
        this.#addresses = learned(this.#addresses, status);
        const [via = null] = [...this.#addresses].find(([, own]) => own === node) ?? [];
        return { status, via: node === this.#own ? null : via, addresses: this.#addresses };
      } catch (error) {
        // What another one says does not explain why this one is away.
        failure ??= error;
        const { status } = problemOf(error);
        if (signal.aborted || (status > 0 && status < 500)) throw error;
      }
    }
    throw failure;
  }

  /** Where an order for a member goes: to itself, when the page may ask it. */
  #nodeOf(name: string | null): string {
    const own = name !== null && reachesAll(this.#addresses, this.#own) && this.#addresses.get(name);
    return own || this.#node;
  }

  history(seconds: number, signal: AbortSignal): Promise<History> {
    return this.#client.call('getHistory', {
      ...{ node: this.#node, query: { seconds }, signal, timeoutMs: LOOK_TIMEOUT_MS },
    });
  }

  ownToken(signal: AbortSignal): Promise<Token> {
    return this.#client.call('getOwnToken', { node: this.#node, signal, timeoutMs: LOOK_TIMEOUT_MS });
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
    const node = this.#nodeOf(this.#primary);
    return this.#client.call('postSwitchover', { node, body, timeoutMs: ACTION_TIMEOUT_MS });
  }

  maintain(name: string, on: boolean): Promise<Maintenance> {
    const order = { node: this.#nodeOf(name), params: { name }, timeoutMs: ACTION_TIMEOUT_MS };
    return this.#client.call('postMaintenance', { ...order, body: { on } });
  }

  reseed(name: string): Promise<SeedOrder> {
    return this.#client.call('reseedNode', { node: this.#nodeOf(name), params: { name }, body: {} });
  }

  cancelReseed(name: string): Promise<SeedOrder> {
    return this.#client.call('cancelReseed', { node: this.#nodeOf(name), params: { name } });
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
