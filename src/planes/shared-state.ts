/**
 * What changes with every transaction, in memory that all planes of a node see: where the role stands, and whether clients
 * may be served at all. The replication plane writes, the client planes read, and nobody waits for another (a seqlock: the
 * writer makes the sequence odd while it writes, and a reader that met a write reads again).
 *
 * Every access is an atomic one of 32 bits, because only these are in order on every processor; a number takes two.
 */
import type { Role } from '../model/status.js';

/** Unwritten memory reads as the first value of both: a closed replica. */
const OPENNESS_CODES = ['NOT_OPEN', 'OPEN', 'NO_QUORUM', 'SERVER_DOWN'] as const;
export type OpennessCode = (typeof OPENNESS_CODES)[number];
const ROLES: readonly Role[] = ['replica', 'primary'];

export interface PlaneState {
  readonly role: Role;
  readonly openness: OpennessCode;
  readonly epoch: number;
  /** Of sessions on the local server (rule C10); null while it is down. */
  readonly generation: number | null;
  /** Names the count in which the positions move; null while nothing is counted (see RolePositions). */
  readonly count: number | null;
  /** Ordinals, as in RolePositions. */
  readonly received: number;
  readonly committed: number;
  readonly everywhere: number;
  readonly answered: number;
  readonly applied: number;
  /** ms when it was written; null = not known. */
  readonly lagMs: number | null;
  /** When it was written, by `sharedClockMs`. */
  readonly atMs: number;
  /** Number of the newest message of facts, which was sent before this was written. */
  readonly facts: number;
  /** Of each other voter, in the order of the facts' `voters`. */
  readonly durable: readonly number[];
}

/** Above the most voters that a configuration may name. */
const VOTERS_MAX = 32;

/** Places of single words. */
const WORD = { sequence: 0, closings: 1 } as const;
const FIRST_NUMBER = 2;
const NUMBERS = 14 + VOTERS_MAX;
/** In place of null. */
const NONE = -1;

export function createSharedMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (FIRST_NUMBER + 2 * NUMBERS));
}

/** A number as two words. */
const number = new Float64Array(1);
const words = new Int32Array(number.buffer);

/** The replication plane's end. */
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

/** A client plane's end. */
export class StateReader {
  readonly #memory: Int32Array;
  #sequence = -1;
  #state: PlaneState | null = null;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = new Int32Array(memory);
  }

  /** All of one moment. */
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

  /** Grows whenever what was open is not open in the same way any more: one load, asked before each chunk (rule M4). */
  get closings(): number {
    return Atomics.load(this.#memory, WORD.closings);
  }
}
