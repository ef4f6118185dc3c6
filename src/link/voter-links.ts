import type { ElectionMessage } from '../model/election-messages.js';
import type { LinkAddress } from '../model/members.js';
import { type Clock, systemClock } from '../std/clock.js';
import type { Logger } from '../std/logger.js';
import type { TlsSource } from '../std/tls-source.js';
import { type Identity, linkIdentity } from './handshake.js';
import { withDefaults } from './options.js';
import { VoterPeer } from './voter-peer.js';

export interface VoterLinksOptions {
  /** Name and id of the cluster. */
  readonly cluster: string;
  /** At least 16 bytes. */
  readonly secret: string | Uint8Array;
  /** Name of this node. */
  readonly node: string;
  /** Of its disk, see `attach`. */
  readonly incarnation: string;
  /** With it both ends show a certificate. */
  readonly tls?: TlsSource | null;
  /** Between two probes of a connection. */
  readonly probeIntervalMs?: number;
  /** A peer that answers no probe for this long is dialled again. */
  readonly silentAfterMs?: number;
  readonly stepDeadlineMs?: number;
  readonly redialFirstMs?: number;
  readonly redialMaxMs?: number;
}

const DEFAULTS = {
  probeIntervalMs: 500,
  silentAfterMs: 2000,
  stepDeadlineMs: 2000,
  // A campaign that missed a peer is repeated within an election time-out, which is a second.
  redialFirstMs: 100,
  redialMaxMs: 500,
} as const;
type Limits = { readonly [K in keyof typeof DEFAULTS]: number };

export interface VoterPlace {
  readonly name: string;
  readonly link: LinkAddress;
}

export interface VoterLinksModules {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** The other members of all lists that count, with the addresses that this node dials. Asked before each dial. */
  peers(): readonly VoterPlace[];
  /** The other end of a connection that this node dialled says something: it has none of its own to this node. */
  message(from: string, message: ElectionMessage): void;
  /**
   * LinkListener.sendElection: sends on the connection that this node dialled, while there is none to it. A member whose address
   * in the list is old hears the primary in this way, and can have it changed; and a candidate that is in no list here yet gets
   * its answer.
   */
  sendOnAccepted(to: string, message: ElectionMessage): boolean;
  /**
   * The other end closed an open link, or the link broke. `isRefused`: the next dial of the same address was refused, so the
   * process is dead. Called once for each loss: when the next dials have told, and after 100 ms at the latest.
   */
  closed(peer: string, isRefused: boolean): void;
}

/**
 * A connection from this node to each other member, for messages about elections. Each node sends on the connection that it
 * dialled, and only without one on that which the other dialled. A message is dropped while there is neither: the election
 * repeats what matters.
 */
export class VoterLinks {
  readonly #options: VoterLinksOptions & Limits;
  readonly #modules: VoterLinksModules;
  readonly #identity: Identity;
  readonly #clock: Clock;
  readonly #peers = new Map<string, VoterPeer>();
  /** Peers that were dropped, until their connections are gone. */
  readonly #leaving = new Set<Promise<void>>();
  #isRunning = false;

  /** @throws SkeinError WEAK_SECRET */
  constructor(options: VoterLinksOptions, modules: VoterLinksModules) {
    this.#options = withDefaults(DEFAULTS, options);
    this.#modules = modules;
    this.#clock = modules.clock ?? systemClock;
    this.#identity = linkIdentity(options.cluster, options.secret);
  }

  start(): void {
    this.#isRunning = true;
    this.peersChanged();
  }

  /** Dials who is new or has another address, and hangs up on who is no member any more. */
  peersChanged(): void {
    if (!this.#isRunning) return;
    const places = this.#places();
    for (const [name, peer] of this.#peers) {
      const place = places.get(name);
      if (!place) this.#drop(name, peer, `${name} is no member any more`);
      else if (!peer.isAt(place)) this.#drop(name, peer, `${name} has another address now`);
    }
    for (const name of places.keys()) {
      if (!this.#peers.has(name)) this.#peers.set(name, this.#dial(name));
    }
  }

  /** False: dropped, because there is no open connection, or because the peer does not take what was sent before. */
  send(to: string, message: ElectionMessage): boolean {
    const peer = this.#peers.get(to);
    return peer?.up ? peer.send(message) : this.#modules.sendOnAccepted(to, message);
  }

  /** Whether the connection that this node dialled is open. */
  up(peer: string): boolean {
    return this.#peers.get(peer)?.up ?? false;
  }

  /** Resolves when all connections are gone. `closed` is not called for them. */
  async stop(reason = 'the node stops'): Promise<void> {
    this.#isRunning = false;
    for (const [name, peer] of this.#peers) this.#drop(name, peer, reason);
    await Promise.all(this.#leaving);
  }

  #places(): ReadonlyMap<string, LinkAddress> {
    const others = this.#modules.peers().filter(({ name }) => name !== this.#options.node);
    return new Map(others.map(({ name, link }) => [name, link]));
  }

  #drop(name: string, peer: VoterPeer, reason: string): void {
    this.#peers.delete(name);
    const leaving: Promise<void> = peer.stop(reason).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  #dial(name: string): VoterPeer {
    const { node, incarnation, tls, stepDeadlineMs, redialFirstMs, redialMaxMs } = this.#options;
    const { probeIntervalMs, silentAfterMs } = this.#options;
    const { logger, message, closed } = this.#modules;
    return new VoterPeer(
      {
        ...{ identity: this.#identity, voter: { node, to: name, incarnation }, tls, stepDeadlineMs },
        ...{ intervalMs: probeIntervalMs, goneAfterMs: silentAfterMs, redialFirstMs, redialMaxMs },
      },
      {
        clock: this.#clock,
        logger,
        address: () => this.#places().get(name) ?? null,
        message: (what) => message(name, what),
        closed: (isRefused) => closed(name, isRefused),
      },
    );
  }
}
