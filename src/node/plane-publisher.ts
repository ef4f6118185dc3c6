import type { MessagePort } from 'node:worker_threads';
import type { Openness } from '../api/node-view.js';
import type { Chain } from '../model/chain.js';
import type { FactsMessage, PlaneFacts } from '../planes/messages.js';
import { sharedClockMs } from '../planes/shared-clock.js';
import { StateWriter } from '../planes/shared-state.js';
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

/** The other end of one client plane. */
export interface PlaneEnd {
  readonly memory: SharedArrayBuffer;
  readonly factsPort: MessagePort;
  /** The client plane waits for a move, and there was one. */
  moved(): void;
}

/** Tells the client plane what it has to know of this node: facts by message, then the numbers, by shared memory. */
export class PlanePublisher {
  readonly #modules: PlanePublisherModules;
  #end: PlaneEnd | null = null;
  #writer: StateWriter | null = null;
  #facts = '';
  #chain: Chain | null = null;
  #number = 0;
  #count: object | null = null;
  #countNumber = 0;
  #openness: Openness = { open: false, code: 'NOT_OPEN', reason: '' };
  #timer: NodeJS.Timeout | null = null;

  constructor(modules: PlanePublisherModules) {
    this.#modules = modules;
  }

  /** From now on this client plane gets all facts, beginning with the current ones. */
  attach(end: PlaneEnd): void {
    this.detach();
    this.#end = end;
    this.#writer = new StateWriter(end.memory);
    this.#timer = setInterval(() => this.publish(), PUBLISH_MS);
    this.#timer.unref();
    this.publish();
  }

  detach(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#end?.factsPort.close();
    this.#end = null;
    this.#writer = null;
    this.#facts = '';
    this.#chain = null;
    this.#number = 0;
  }

  /** See `MysqlConnections`; null while there is no client plane. */
  get mysqlConnections(): { readWrite: number; readOnly: number } | null {
    return this.#writer?.mysqlConnections ?? null;
  }

  /** Changes while the client plane's event loop turns. */
  get turns(): number {
    return this.#writer?.turns ?? 0;
  }

  /** Role, openness, server or facts may be others: when this returns, the client plane sees it. */
  publish(): void {
    this.#openness = this.#modules.role.isOpen();
    const isNew = this.#tellFacts();
    this.moved();
    // The first message may have been read before the numbers were written.
    if (isNew) this.#end?.factsPort.postMessage({ number: this.#number } satisfies FactsMessage);
  }

  /** Whether there was anything to tell. */
  #tellFacts(): boolean {
    if (!this.#end) return false;
    const { role, generation } = this.#modules;
    const facts = this.#modules.facts();
    const text = JSON.stringify([role.role, this.#openness, generation(), facts]);
    const chain = this.#modules.chain();
    if (text === this.#facts && chain === this.#chain) return false;
    const message: FactsMessage = {
      number: ++this.#number,
      ...(text !== this.#facts && { facts }),
      ...(chain !== this.#chain && { chain }),
    };
    this.#facts = text;
    this.#chain = chain;
    this.#end.factsPort.postMessage(message);
    return true;
  }

  /** Positions alone moved. */
  moved(): void {
    if (!this.#writer) return;
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
    if (this.#writer.takeWaiting()) this.#end?.moved();
  }
}
