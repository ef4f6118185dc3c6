import type { Chain, ChainEntry, ChainPlace } from '../../src/model/chain.js';
import type { Group } from './groups.js';
import type { SimulatedNode } from './node.js';
import type { World } from './world.js';

/**
 * A link on which a replica follows the primary of one epoch. Each direction keeps its order. What was sent is still read
 * by an end that has not closed, also when the other one has: bytes outlive epochs.
 */

export type ToPrimary =
  | { readonly kind: 'attach'; readonly incarnation: string }
  | { readonly kind: 'ready'; readonly end: number; readonly durable: number; readonly place: ChainPlace }
  | { readonly kind: 'ack'; readonly durable: number; readonly place: ChainPlace };

export type ToReplica =
  | { readonly kind: 'welcome'; readonly chain: Chain; readonly committed: number }
  | { readonly kind: 'records'; readonly groups: readonly Group[]; readonly committed: number }
  | { readonly kind: 'list'; readonly entry: ChainEntry; readonly isSettled: boolean };

export class Session {
  readonly #world: World;
  readonly epoch: number;
  readonly replica: SimulatedNode;
  readonly primary: SimulatedNode;
  readonly #replicaLife: number;
  readonly #primaryLife: number;
  readonly #up: ToPrimary[] = [];
  readonly #down: ToReplica[] = [];
  replicaOpen = true;
  primaryOpen = true;
  /** Of the replica. */
  incarnation = '';
  /** The replica has cut its log to the chain: records flow. */
  isReady = false;
  /** Ordinal that is sent next. */
  next = 0;

  constructor(world: World, replica: SimulatedNode, primary: SimulatedNode, epoch: number) {
    this.#world = world;
    this.replica = replica;
    this.primary = primary;
    this.epoch = epoch;
    this.#replicaLife = replica.life;
    this.#primaryLife = primary.life;
  }

  toPrimary(message: ToPrimary): void {
    if (!this.replicaOpen) return;
    this.#up.push(message);
    this.#world.later(
      null,
      () => `${this.replica.process} ~> ${this.primary.process} ${message.kind}`,
      () => {
        const first = this.#up.shift();
        const { primary } = this;
        if (!first || !primary.isUp || primary.life !== this.#primaryLife || !this.primaryOpen) return;
        if (this.#world.isCut(this.replica, primary)) this.break();
        else primary.fromReplica(this, first);
      },
    );
  }

  toReplica(message: ToReplica): void {
    if (!this.primaryOpen) return;
    this.#down.push(message);
    this.#world.later(
      null,
      () => `${this.primary.process} ~> ${this.replica.process} ${message.kind}`,
      () => {
        const first = this.#down.shift();
        const { replica } = this;
        if (!first || !replica.isUp || replica.life !== this.#replicaLife || !this.replicaOpen) return;
        if (this.#world.isCut(this.primary, replica)) this.break();
        else replica.fromPrimary(this, first);
      },
    );
  }

  /** The primary has closed its end; the replica notices later. */
  closeByPrimary(): void {
    if (!this.primaryOpen) return;
    this.primaryOpen = false;
    const { replica, primary } = this;
    this.#world.later(
      replica,
      () => `${replica.process}: ${primary.process} has closed the link`,
      () => {
        if (replica.link !== this) return;
        replica.closeLink();
        replica.handle({ kind: 'linkClosed', peer: primary.name, isRefused: false });
      },
    );
  }

  /** Both ends notice. */
  break(): void {
    this.replicaOpen = false;
    this.primaryOpen = false;
    this.replica.linkBroken(this);
    this.primary.sessionBroken(this);
  }
}
