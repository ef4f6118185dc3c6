import type { MessagePort } from 'node:worker_threads';
import type { Openness } from '../api/node-view.js';
import type { Chain } from '../model/chain.js';
import type { FactsMessage, PlaneFacts } from '../planes/messages.js';
import type { PlaneSignals } from '../planes/plane-signals.js';
import { sharedClockMs } from '../planes/shared-clock.js';
import { createSharedMemory, StateWriter } from '../planes/shared-state.js';
import type { RoleNode } from '../roles/role-node.js';

/** The lag changes without an event. Also, a client plane takes an old state as a sign that the replication plane hangs. */
const PUBLISH_MS = 200;

export interface PlanePublisherModules {
  readonly role: Pick<RoleNode, 'role' | 'epoch' | 'isOpen' | 'positions'>;
  chain(): Chain;
  /** Generation of sessions on the local server; null while the server is down. */
  generation(): number | null;
  facts(): PlaneFacts;
}

/** What the publisher needs of one run of a client plane. */
export interface PlaneEnd {
  readonly factsPort: MessagePort;
  readonly signals: Pick<PlaneSignals, 'takeWaiting'>;
  /** Called when a position has moved and the plane waits for that. */
  moved(): void;
}

/**
 * Publishes the state of this node to its client planes: first the facts, by a message to each plane, then the numbers, in
 * memory that all planes read.
 */
export class PlanePublisher {
  /** For StateReader. */
  readonly memory = createSharedMemory();
  readonly #modules: PlanePublisherModules;
  readonly #writer = new StateWriter(this.memory);
  readonly #ends = new Set<PlaneEnd>();
  #sentText = '';
  #current: Required<FactsMessage> | null = null;
  #count: object | null = null;
  #countNumber = 0;
  #openness: Openness = { open: false, code: 'NOT_OPEN', reason: '' };
  #timer: NodeJS.Timeout | null = null;

  constructor(modules: PlanePublisherModules) {
    this.#modules = modules;
  }

  /** Sends the current facts and all later ones to this plane. Returns a function that ends this. */
  attach(end: PlaneEnd): () => void {
    this.publish();
    end.factsPort.postMessage(this.#current);
    this.#ends.add(end);
    this.#timer ??= setInterval(() => this.publish(), PUBLISH_MS).unref();
    return () => {
      this.#ends.delete(end);
      end.factsPort.close();
      if (this.#ends.size > 0 || !this.#timer) return;
      clearInterval(this.#timer);
      this.#timer = null;
    };
  }

  /** Called when role, openness, server or facts may have changed. The client planes see the change when this returns. */
  publish(): void {
    this.#openness = this.#modules.role.isOpen();
    const before = this.#number;
    this.#sendFacts();
    this.moved();
    // A plane may have read the facts before the numbers were written. This message makes it call its listeners again.
    if (this.#number !== before) this.#post({ number: this.#number });
  }

  get #number(): number {
    return this.#current?.number ?? 0;
  }

  /** Sends facts and chain to the planes if they have changed. */
  #sendFacts(): void {
    const { role, generation } = this.#modules;
    const facts = this.#modules.facts();
    const text = JSON.stringify([role.role, this.#openness, generation(), facts]);
    const chain = this.#modules.chain();
    const [otherFacts, otherChain] = [text !== this.#sentText, chain !== this.#current?.chain];
    if (!otherFacts && !otherChain) return;
    const number = this.#number + 1;
    this.#sentText = text;
    this.#current = { number, facts, chain };
    this.#post({ number, ...(otherFacts && { facts }), ...(otherChain && { chain }) });
  }

  #post(message: FactsMessage): void {
    for (const { factsPort } of this.#ends) factsPort.postMessage(message);
  }

  /** Called when only positions have moved. */
  moved(): void {
    const { role } = this.#modules;
    const { count, ...positions } = role.positions();
    if (count !== null && count !== this.#count) this.#countNumber++;
    this.#count = count;
    this.#writer.write({
      ...positions,
      role: role.role,
      openness: this.#openness.open ? 'OPEN' : this.#openness.code,
      epoch: role.epoch(),
      generation: this.#modules.generation(),
      count: count === null ? null : this.#countNumber,
      atMs: sharedClockMs(),
      facts: this.#number,
    });
    for (const end of this.#ends) if (end.signals.takeWaiting()) end.moved();
  }
}
