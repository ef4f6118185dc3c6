import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Chain } from '../model/chain.js';
import { Emitter } from '../std/emitter.js';
import type { FactsMessage, PlaneFacts } from './messages.js';
import type { PlaneState, StateReader } from './shared-state.js';

/**
 * What a client plane knows of the replication plane, as of now: numbers from shared memory, the rest from messages.
 * Facts are never older than the numbers: a message of facts is sent before the memory names it, so what the memory names
 * lies in the port, and is taken out there and then.
 */
export class FactsReader {
  /** Facts are others, or what was open is not any more. */
  readonly onChange = new Emitter<void>();
  readonly #state: StateReader;
  readonly #port: MessagePort;
  #number = 0;
  #facts: PlaneFacts = NOTHING_KNOWN;
  #chain: Chain = [];
  #closings: number;
  #toTell = false;

  constructor(modules: { readonly state: StateReader; readonly port: MessagePort }) {
    this.#state = modules.state;
    this.#port = modules.port;
    this.#closings = modules.state.closings;
    this.#port.on('message', (message: FactsMessage) => {
      this.#take(message);
      this.#tell();
    });
  }

  close(): void {
    this.#port.close();
  }

  /** `facts` and `chain` are at least as new. */
  get state(): PlaneState {
    const state = this.#state.read();
    if (state.facts !== this.#number) this.#drain();
    return state;
  }

  get facts(): PlaneFacts {
    this.state;
    return this.#facts;
  }

  get chain(): Chain {
    this.state;
    return this.#chain;
  }

  /**
   * Asked before each chunk of a connection: when something was closed since the last time, the listeners have heard of it
   * when this returns.
   */
  look(): void {
    const { closings } = this.#state;
    if (closings === this.#closings) return;
    this.#closings = closings;
    this.#drain();
    this.#toTell = this.#isAhead;
    this.onChange.emit();
  }

  /** Facts have come that the memory does not name yet: another message follows when it does. */
  get #isAhead(): boolean {
    return this.#state.read().facts !== this.#number;
  }

  #drain(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: FactsMessage } | undefined;
      if (!received) break;
      this.#take(received.message);
    }
    // Not in the middle of whatever has just asked.
    if (this.#toTell) queueMicrotask(() => this.#tell());
  }

  #take({ number, facts, chain }: FactsMessage): void {
    this.#toTell ||= number !== this.#number;
    this.#number = number;
    if (facts) this.#facts = facts;
    if (chain) this.#chain = chain;
  }

  #tell(): void {
    if (!this.#toTell || this.#isAhead) return;
    this.#toTell = false;
    this.onChange.emit();
  }
}

const NOTHING_KNOWN: PlaneFacts = {
  closedReason: 'This node is starting.',
  ready: { ok: false, state: 'joining', reason: 'This node is starting.' },
  server: null,
  primary: null,
  primaryHttp: null,
  voters: [],
};
