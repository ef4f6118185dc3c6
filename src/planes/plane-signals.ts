/** Indexes of 32-bit words. The client plane writes them. The replication plane reads them, and clears `waiting`. */
const WORD = { turns: 0, waiting: 1, readWrite: 2, readOnly: 3 } as const;
const WORDS = Object.keys(WORD).length;

/** Connections of the two MySQL ports. */
export interface PortConnections {
  readonly readWrite: number;
  readonly readOnly: number;
}

/** What a running client plane shows of itself, in memory that it shares with the replication plane. */
export class PlaneSignals {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** Makes new memory when none is given. */
  constructor(memory = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  // Called by the client plane.

  /** Tells that the event loop turns. `connections`: null in a plane without MySQL ports. */
  turn(connections: PortConnections | null): void {
    Atomics.add(this.#words, WORD.turns, 1);
    Atomics.store(this.#words, WORD.readWrite, connections?.readWrite ?? 0);
    Atomics.store(this.#words, WORD.readOnly, connections?.readOnly ?? 0);
  }

  /** Asks for a message when a position moves. The caller looks again after this call, because a position may have moved before. */
  wait(): void {
    Atomics.store(this.#words, WORD.waiting, 1);
  }

  // Called by the replication plane.

  /** Changes while the event loop turns. */
  get turns(): number {
    return Atomics.load(this.#words, WORD.turns);
  }

  /** Whether the client plane waits for a move. True once for each `wait`. Called after the state was written. */
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
