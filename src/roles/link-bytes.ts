export interface PeerBytes {
  readonly peer: string;
  readonly sent: number;
  readonly received: number;
}

/** A link whose bytes are counted. */
export interface CountedLink {
  readonly node: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly onClosed: { on(listener: () => void): unknown };
}

/**
 * Peers have proven that they know the secret, so they are nodes of the cluster. Beyond the limit, the oldest name is
 * dropped.
 */
const PEERS_MAX = 256;

/** Bytes sent to and received from each peer, over all links since the node's start. */
export class LinkBytes {
  readonly #ended = new Map<string, { sent: number; received: number }>();
  readonly #live = new Set<CountedLink>();

  add(link: CountedLink): void {
    if (!this.#ended.has(link.node)) {
      const oldest = this.#ended.keys().next();
      if (this.#ended.size >= PEERS_MAX && !oldest.done) this.#ended.delete(oldest.value);
      this.#ended.set(link.node, { sent: 0, received: 0 });
    }
    this.#live.add(link);
    link.onClosed.on(() => {
      this.#live.delete(link);
      const ended = this.#ended.get(link.node);
      if (!ended) return;
      ended.sent += link.bytesSent;
      ended.received += link.bytesReceived;
    });
  }

  list(): PeerBytes[] {
    return [...this.#ended].map(([peer, ended]) => {
      const total = { peer, ...ended };
      for (const link of this.#live) {
        if (link.node !== peer) continue;
        total.sent += link.bytesSent;
        total.received += link.bytesReceived;
      }
      return total;
    });
  }
}
