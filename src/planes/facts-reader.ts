import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Chain } from '../model/chain.js';
import { Emitter } from '../std/emitter.js';
import type { FactsMessage, PlaneFacts } from './messages.js';
import type { PlaneState, StateReader } from './shared-state.js';

/**
 * What a client plane knows of the replication plane at this moment: numbers from shared memory, facts from messages.
 * Facts are never older than the numbers. The replication plane sends a message of facts before it writes the message's
 * number into the memory. So when the memory has a new number, the message is already in the port, and is read at once.
 */
export class FactsReader {
  /** Facts have changed, or the node has closed. */
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

  /** After this call, `facts` and `chain` are at least as new as the state. */
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
   * Called before each chunk of a connection. If the node has closed since the last call, all listeners have been called
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

  /** The memory does not have the number of the newest facts yet. A message without facts follows when it has. */
  get #isAhead(): boolean {
    return this.#state.read().facts !== this.#number;
  }

  #drain(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: FactsMessage } | undefined;
      if (!received) break;
      this.#take(received.message);
    }
    // The caller is in the middle of its own work: listeners are called after it.
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
