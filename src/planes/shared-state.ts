/**
 * The state that may change with every transaction: positions, role, and whether clients may be served. It is in memory that
 * all planes of a node share. The replication plane writes and the client planes read, without locks. It is a seqlock: the
 * sequence is odd while the writer writes, and a reader that finds it odd or changed reads again.
 *
 * Every access is an atomic access of 32 bits, because only these keep their order on every processor. A number takes two.
 */
import type { Role } from '../model/status.js';

/** The first entries of both lists have code 0, so memory that was never written reads as a closed replica. */
const OPENNESS_CODES = ['NOT_OPEN', 'OPEN', 'NO_QUORUM', 'SERVER_DOWN', 'WITNESS'] as const;
export type OpennessCode = (typeof OPENNESS_CODES)[number];
const ROLES: readonly Role[] = ['replica', 'primary'];

export interface PlaneState {
  readonly role: Role;
  readonly openness: OpennessCode;
  readonly epoch: number;
  /** Sessions on the local server belong to one generation (rule C10). Null while the server is down. */
  readonly generation: number | null;
  /** Number of the count in which the positions move; null while nothing is counted (see RolePositions). */
  readonly count: number | null;
  /** Ordinals, as in RolePositions. */
  readonly received: number;
  readonly committed: number;
  readonly everywhere: number;
  readonly answered: number;
  readonly applied: number;
  /** Lag in ms at the time of `atMs`; null = not known. */
  readonly lagMs: number | null;
  /** Time of the write, by `sharedClockMs`. */
  readonly atMs: number;
  /** Number of the newest message of facts. The message is sent before this state is written. */
  readonly facts: number;
  /** The durable ordinal of each other voter, in the order of `PlaneFacts.voters`. */
  readonly durable: readonly number[];
}

/** More than any configuration may have. */
const VOTERS_MAX = 32;

/** Indexes of single words. */
const WORD = { sequence: 0, closings: 1 } as const;
const FIRST_NUMBER = 2;
const NUMBERS = 14 + VOTERS_MAX;
/** Stands for null. */
const NONE = -1;

export function createSharedMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (FIRST_NUMBER + 2 * NUMBERS));
}

/** Two views of the same bytes: one number as two words. */
const number = new Float64Array(1);
const words = new Int32Array(number.buffer);

/** Used by the replication plane. */
export class StateWriter {
  readonly #memory: Int32Array;
  readonly #written = new Float64Array(NUMBERS).fill(Number.NaN);
  #wasOpenIn: number | null = null;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = new Int32Array(memory);
  }

  write(state: PlaneState): void {
    const memory = this.#memory;
    Atomics.add(memory, WORD.sequence, 1);
    const { openness, generation, count, lagMs, durable } = state;
    this.#put(0, ROLES.indexOf(state.role));
    this.#put(1, OPENNESS_CODES.indexOf(openness));
    this.#put(2, state.epoch);
    this.#put(3, generation ?? NONE);
    this.#put(4, count ?? NONE);
    this.#put(5, state.received);
    this.#put(6, state.committed);
    this.#put(7, state.everywhere);
    this.#put(8, state.answered);
    this.#put(9, state.applied);
    this.#put(10, lagMs ?? NONE);
    this.#put(11, state.atMs);
    this.#put(12, state.facts);
    this.#put(13, durable.length);
    for (let i = 0; i < durable.length && i < VOTERS_MAX; i++) this.#put(14 + i, durable[i] as number);
    const openIn = openness === 'OPEN' ? generation : null;
    if (this.#wasOpenIn !== null && openIn !== this.#wasOpenIn) Atomics.add(memory, WORD.closings, 1);
    this.#wasOpenIn = openIn;
    Atomics.add(memory, WORD.sequence, 1);
  }

  #put(at: number, value: number): void {
    if (this.#written[at] === value) return;
    this.#written[at] = value;
    number[0] = value;
    Atomics.store(this.#memory, FIRST_NUMBER + 2 * at, words[0] as number);
    Atomics.store(this.#memory, FIRST_NUMBER + 2 * at + 1, words[1] as number);
  }
}

/** Used by a client plane. */
export class StateReader {
  readonly #memory: Int32Array;
  #sequence = -1;
  #state: PlaneState | null = null;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = new Int32Array(memory);
  }

  /** All values are from the same write. */
  read(): PlaneState {
    for (;;) {
      const before = Atomics.load(this.#memory, WORD.sequence);
      if (this.#state && before === this.#sequence) return this.#state;
      if (before % 2 !== 0) continue;
      const state = this.#numbers();
      if (Atomics.load(this.#memory, WORD.sequence) !== before) continue;
      this.#sequence = before;
      this.#state = state;
      return state;
    }
  }

  #numbers(): PlaneState {
    const orNull = (value: number) => (value === NONE ? null : value);
    const voters = Math.min(VOTERS_MAX, Math.max(0, this.#get(13)));
    return {
      role: ROLES[this.#get(0)] ?? 'replica',
      openness: OPENNESS_CODES[this.#get(1)] ?? 'NOT_OPEN',
      epoch: this.#get(2),
      generation: orNull(this.#get(3)),
      count: orNull(this.#get(4)),
      received: this.#get(5),
      committed: this.#get(6),
      everywhere: this.#get(7),
      answered: this.#get(8),
      applied: this.#get(9),
      lagMs: orNull(this.#get(10)),
      atMs: this.#get(11),
      facts: this.#get(12),
      durable: Array.from({ length: voters }, (_, i) => this.#get(14 + i)),
    };
  }

  #get(at: number): number {
    words[0] = Atomics.load(this.#memory, FIRST_NUMBER + 2 * at);
    words[1] = Atomics.load(this.#memory, FIRST_NUMBER + 2 * at + 1);
    return number[0] as number;
  }

  /** Grows whenever the node closes, or opens for another generation. It costs one load, and is read before each chunk (rule M4). */
  get closings(): number {
    return Atomics.load(this.#memory, WORD.closings);
  }
}
