import type { MessagePort } from 'node:worker_threads';
import type { Openness } from '../api/node-view.js';
import type { Chain } from '../model/chain.js';
import type { FactsMessage, PlaneFacts } from '../planes/messages.js';
import type { PlaneSignals } from '../planes/plane-signals.js';
import { sharedClockMs } from '../planes/shared-clock.js';
import { createSharedMemory, StateWriter } from '../planes/shared-state.js';
import type { RoleNode } from '../roles/role-node.js';

/** A lag and its limits move without any event; a client plane that reads an older state takes this plane for hung. */
const PUBLISH_MS = 200;

export interface PlanePublisherModules {
  readonly role: Pick<RoleNode, 'role' | 'epoch' | 'isOpen' | 'positions'>;
  chain(): Chain;
  /** Of sessions on the local server; null while it is down. */
  generation(): number | null;
  facts(): PlaneFacts;
}

/** What this side holds of one run of a client plane. */
export interface PlaneEnd {
  readonly factsPort: MessagePort;
  readonly signals: Pick<PlaneSignals, 'takeWaiting'>;
  /** The plane waits for a move, and there was one. */
  moved(): void;
}

/**
 * Tells the client planes what they have to know of this node: facts by message to each, then the numbers, by memory that all
 * of them read.
 */
export class PlanePublisher {
  /** For StateReader. */
  readonly memory = createSharedMemory();
  readonly #modules: PlanePublisherModules;
  readonly #writer = new StateWriter(this.memory);
  readonly #ends = new Set<PlaneEnd>();
  #told = '';
  #current: Required<FactsMessage> | null = null;
  #count: object | null = null;
  #countNumber = 0;
  #openness: Openness = { open: false, code: 'NOT_OPEN', reason: '' };
  #timer: NodeJS.Timeout | null = null;

  constructor(modules: PlanePublisherModules) {
    this.#modules = modules;
  }

  /** From now on this end gets all facts, beginning with the current ones, until the answer is called. */
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

  /** Role, openness, server or facts may be others: when this returns, the client planes see it. */
  publish(): void {
    this.#openness = this.#modules.role.isOpen();
    const before = this.#number;
    this.#tellFacts();
    this.moved();
    // The first message may have been read before the numbers were written.
    if (this.#number !== before) this.#post({ number: this.#number });
  }

  get #number(): number {
    return this.#current?.number ?? 0;
  }

  /** Only what is new. */
  #tellFacts(): void {
    const { role, generation } = this.#modules;
    const facts = this.#modules.facts();
    const text = JSON.stringify([role.role, this.#openness, generation(), facts]);
    const chain = this.#modules.chain();
    const [otherFacts, otherChain] = [text !== this.#told, chain !== this.#current?.chain];
    if (!otherFacts && !otherChain) return;
    const number = this.#number + 1;
    this.#told = text;
    this.#current = { number, facts, chain };
    this.#post({ number, ...(otherFacts && { facts }), ...(otherChain && { chain }) });
  }

  #post(message: FactsMessage): void {
    for (const { factsPort } of this.#ends) factsPort.postMessage(message);
  }

  /** Positions alone moved. */
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
