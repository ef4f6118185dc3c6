/** What a client knows about the nodes, and which node to ask next. No I/O. */
import type { ClusterStatus } from './api.js';

/** How long a node that did not answer is asked last. */
const COOL_DOWN_MS = 2000;

interface Known {
  readonly url: string;
  role: 'primary' | 'replica' | 'witness' | null;
  /** Whether the cluster reports the node as alive. */
  live: boolean;
  /** On the clock of `now`; -Infinity = never. */
  failedAt: number;
}

export class Nodes {
  readonly #seeds: readonly string[];
  readonly #now: () => number;
  #known: Known[];
  #turn: number;
  /** The newest known epoch. Members reported by a node of an older epoch are ignored. */
  #epoch = 0;

  /** `turn`: clients that begin at different replicas spread their reads. */
  constructor(seeds: readonly string[], options: { now?: () => number; turn?: number } = {}) {
    this.#seeds = seeds.map(withoutSlash);
    this.#now = options.now ?? (() => performance.now());
    this.#turn = options.turn ?? Math.floor(Math.random() * 1000);
    this.#known = this.#seeds.map(unknownNode);
  }

  get urls(): string[] {
    return this.#known.map(({ url }) => url);
  }

  get primary(): string | null {
    return this.#known.find(({ role }) => role === 'primary')?.url ?? null;
  }

  /** Addresses for a request, the best first; never empty. */
  candidates(kind: 'primary' | 'any'): string[] {
    const since = this.#now() - COOL_DOWN_MS;
    const weight = (node: Known) => {
      const failed = node.failedAt > since ? 4 : node.live ? 0 : 2;
      if (kind === 'primary') return failed + (node.role === 'primary' ? 0 : node.role === null ? 1 : 8);
      // The primary is busy with writes.
      return failed + (node.role === 'primary' ? 1 : 0);
    };
    this.#turn++;
    // A witness has no data. It is asked only when nothing else is known.
    const serving = this.#known.filter(({ role }) => role !== 'witness');
    const known = serving.length > 0 ? serving : this.#known;
    const turned = known.map((_, i) => known[(i + this.#turn) % known.length] as Known);
    return turned.sort((a, b) => weight(a) - weight(b)).map(({ url }) => url);
  }

  failed(url: string): void {
    const node = this.#known.find((known) => known.url === url);
    if (node) node.failedAt = this.#now();
  }

  answered(url: string, as?: { readonly role: 'primary' | 'replica'; readonly epoch: number }): void {
    const node = this.#known.find((known) => known.url === url);
    if (!node) return;
    node.failedAt = Number.NEGATIVE_INFINITY;
    if (as === undefined || as.epoch < this.#epoch) return;
    this.#epoch = as.epoch;
    const { role } = as;
    if (role === 'primary') this.primaryIs(url);
    else if (role === 'replica') node.role = 'replica';
  }

  /** A node named the primary. */
  primaryIs(url: string): void {
    const address = withoutSlash(url);
    for (const node of this.#known) if (node.role === 'primary') node.role = 'replica';
    let node = this.#known.find((known) => known.url === address);
    if (!node) {
      node = unknownNode(address);
      this.#known.push(node);
    }
    node.role = 'primary';
    node.failedAt = Number.NEGATIVE_INFINITY;
  }

  /** The node taken for the primary is not the primary. */
  isNoPrimary(url: string): void {
    const node = this.#known.find((known) => known.url === url);
    if (node) node.role = 'replica';
  }

  /** The node has no data, in any role. */
  isWitness(url: string): void {
    const node = this.#known.find((known) => known.url === url);
    if (node) node.role = 'witness';
  }

  /**
   * Replaces the known members by those that one node reports. False: the node is in an older epoch (a primary that was cut
   * off), and nothing was changed.
   */
  learn(status: Pick<ClusterStatus, 'members' | 'epoch'>): boolean {
    if (status.epoch < this.#epoch) return false;
    this.#epoch = status.epoch;
    const members = status.members.map((member) => {
      const url = withoutSlash(member.http);
      const failedAt = this.#known.find((known) => known.url === url)?.failedAt ?? Number.NEGATIVE_INFINITY;
      return { url, role: member.role, live: member.state === 'live', failedAt };
    });
    if (members.length > 0) this.#known = members;
    return true;
  }

  /** Keeps the configured addresses too, in case all members move. */
  everywhere(): string[] {
    return [...new Set([...this.candidates('any'), ...this.#seeds])];
  }
}

function unknownNode(url: string): Known {
  return { url, role: null, live: true, failedAt: Number.NEGATIVE_INFINITY };
}

function withoutSlash(url: string): string {
  let end = url.length;
  while (url.endsWith('/', end)) end--;
  return url.slice(0, end);
}
