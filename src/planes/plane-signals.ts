/** Places of words in the memory. A client plane writes them; the replication plane reads them, and takes `waiting` back. */
const WORD = { turns: 0, waiting: 1, readWrite: 2, readOnly: 3 } as const;
const WORDS = Object.keys(WORD).length;

/** Connections of the two MySQL ports. */
export interface PortConnections {
  readonly readWrite: number;
  readonly readOnly: number;
}

/** What one run of a client plane shows of itself, in memory that the replication plane sees too. */
export class PlaneSignals {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** Without `memory`: for a run that begins. */
  constructor(memory = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  // The client plane's end.

  /** The event loop turns. `connections`: of the MySQL ports; null in a plane that has none. */
  turn(connections: PortConnections | null): void {
    Atomics.add(this.#words, WORD.turns, 1);
    Atomics.store(this.#words, WORD.readWrite, connections?.readWrite ?? 0);
    Atomics.store(this.#words, WORD.readOnly, connections?.readOnly ?? 0);
  }

  /** The next change of a position is sent from now on. A waiter checks again after this call: it may have come before. */
  wait(): void {
    Atomics.store(this.#words, WORD.waiting, 1);
  }

  // The replication plane's end.

  /** Changes while the event loop turns. */
  get turns(): number {
    return Atomics.load(this.#words, WORD.turns);
  }

  /** Whether the plane waits for a move; asked after the state was written, and true once for each `wait`. */
  takeWaiting(): boolean {
    const words = this.#words;
    return Atomics.load(words, WORD.waiting) !== 0 && Atomics.exchange(words, WORD.waiting, 0) !== 0;
  }

  get connections(): PortConnections {
    return {
      readWrite: Atomics.load(this.#words, WORD.readWrite),
      readOnly: Atomics.load(this.#words, WORD.readOnly),
    };
  }
}
