import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TcpProxy } from './tcp-proxy.js';

export interface LinkEnd {
  readonly name: string;
  readonly directory: string;
  readonly linkPort: number;
}

/**
 * A proxy on the way from each node to each other one, so that any pair of nodes can be cut, in one direction too. All that
 * nodes say to each other about records, votes and seeds goes through them; requests that a node forwards for a client do not.
 */
export class LinkRoutes {
  readonly #proxies = new Map<string, TcpProxy>();
  readonly #names: string[];

  private constructor(names: string[]) {
    this.#names = names;
  }

  /** On ports from `firstPort` on. Nodes take these ways when `USE_ROUTES` is loaded before them. */
  static async start(ends: readonly LinkEnd[], firstPort: number, seed: number): Promise<LinkRoutes> {
    const routes = new LinkRoutes(ends.map(({ name }) => name));
    for (const from of ends) {
      const own: Record<string, { host: string; port: number }> = {};
      for (const to of ends) {
        if (from === to) continue;
        const at = routes.#proxies.size;
        const proxy = await TcpProxy.start({
          target: { port: to.linkPort },
          ...{ port: firstPort + at, seed: seed + at, mirrors: true },
        });
        routes.#proxies.set(way(from.name, to.name), proxy);
        own[to.name] = { host: '127.0.0.1', port: proxy.port };
      }
      mkdirSync(from.directory, { recursive: true });
      writeFileSync(
        join(from.directory, 'link-routes.json'),
        JSON.stringify({ routes: own, contact: Object.values(own)[0] }),
      );
    }
    return routes;
  }

  /** Nothing that `from` sends reaches `to`, on whatever connection; nothing is closed, and nothing is lost when it heals. */
  cutOneWay(from: string, to: string): void {
    this.#proxy(from, to).cutOneWay('up');
    this.#proxy(to, from).cutOneWay('down');
  }

  cut(one: string, other: string): void {
    this.cutOneWay(one, other);
    this.cutOneWay(other, one);
  }

  /** Open connections are reset, and new ones too: a firewall that closes. */
  refuse(one: string, other: string): void {
    for (const proxy of this.between(one, other)) proxy.refuse();
  }

  between(one: string, other: string): TcpProxy[] {
    return [this.#proxy(one, other), this.#proxy(other, one)];
  }

  /** All ways from and to a node. */
  of(name: string): TcpProxy[] {
    return this.othersThan(name).flatMap((other) => this.between(name, other));
  }

  othersThan(name: string): string[] {
    return this.#names.filter((other) => other !== name);
  }

  /** Whether all nodes are linked through these proxies. If they are not, no fault of the proxies reaches them. */
  get areUsed(): boolean {
    return this.#names.every((one) =>
      this.othersThan(one).every((other) => this.between(one, other).some(({ accepted }) => accepted > 0)),
    );
  }

  heal(): void {
    for (const proxy of this.#proxies.values()) proxy.heal();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
  }

  #proxy(from: string, to: string): TcpProxy {
    const proxy = this.#proxies.get(way(from, to));
    if (!proxy) throw new Error(`there is no way from ${from} to ${to}`);
    return proxy;
  }
}

/** Loaded before a node: a demo writes ways of its own into the configuration files of its nodes at each start. */
export const USE_ROUTES = 'use-routes.mjs';

const way = (from: string, to: string) => `${from} ${to}`;
