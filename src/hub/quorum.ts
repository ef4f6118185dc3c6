import type { AcknowledgeLevel } from '../model/status.js';

/**
 * Counts on how many voters each group is durable. Pure: durable positions in, two ordinals out.
 * *Committed* is always a majority of the voters, the primary's own log included; `answered` is how far the server may
 * answer its clients at the cluster's level (rule C4: never less than committed for majority and all).
 */
export interface QuorumOptions {
  self: string;
  voters: readonly string[];
  level: AcknowledgeLevel;
}

export class Quorum {
  readonly #others: readonly string[];
  readonly #level: AcknowledgeLevel;
  /** Of the voters other than the primary. */
  readonly #durable = new Map<string, number>();
  /** False when a power cut may lose part of the primary's own log (rule M9): then one more replica is needed. */
  #selfCounts = true;
  #received = 0;
  #committed = 0;
  #everywhere = 0;

  constructor(options: QuorumOptions) {
    this.#others = options.voters.filter((voter) => voter !== options.self);
    this.#level = options.level;
  }

  /** Replicas that must have a group durable before it counts as committed. */
  get replicasNeeded(): number {
    return Math.floor((this.#others.length + 1) / 2) + (this.#selfCounts ? 0 : 1);
  }

  /** Replicas that must have it before a client is answered. */
  get replicasNeededToAnswer(): number {
    return this.#level === 'all' ? this.#others.length : this.replicasNeeded;
  }

  get committed(): number {
    return this.#committed;
  }

  /**
   * Replicas may show data up to here: what is committed, and with `all` only what clients may be answered for. So no
   * replica shows a row whose COMMIT still waits for another replica.
   */
  get released(): number {
    return Math.min(this.#committed, this.answered);
  }

  get answered(): number {
    return this.reached(this.#level);
  }

  /** Highest ordinal that is durable at this level. */
  reached(level: AcknowledgeLevel): number {
    if (level === 'async') return this.#received;
    return level === 'all' ? Math.min(this.#everywhere, this.#committed) : this.#committed;
  }

  /** The primary has it in its own log. */
  setReceived(ordinal: number): void {
    if (ordinal <= this.#received) return;
    this.#received = ordinal;
    this.#count();
  }

  /** What a replica reports as durable. It is less than before when the replica lost its disk (another incarnation). */
  setDurable(voter: string, ordinal: number): void {
    if (!this.#others.includes(voter)) return;
    this.#durable.set(voter, ordinal);
    this.#count();
  }

  /** Returns whether the value changed. What is committed stays committed. */
  setSelfCounts(counts: boolean): boolean {
    if (counts === this.#selfCounts) return false;
    this.#selfCounts = counts;
    this.#count();
    return true;
  }

  /** Voters other than the primary that have it durable. */
  holders(ordinal: number): string[] {
    return this.#others.filter((voter) => (this.#durable.get(voter) ?? 0) >= ordinal);
  }

  /** How far each voter other than the primary has it durable, in the order of the voters. */
  get durable(): number[] {
    return this.#others.map((voter) => this.#durable.get(voter) ?? 0);
  }

  #count(): void {
    // The primary holds whatever a replica holds: a replica only receives what the primary's log already has on disk.
    const majority = this.#heldBy(this.replicasNeeded);
    const everywhere = this.#heldBy(this.#others.length);
    // Both only grow: a position that was reached stays reached when a replica leaves.
    if (majority > this.#committed) this.#committed = majority;
    if (everywhere > this.#everywhere) this.#everywhere = everywhere;
  }

  /**
   * Highest ordinal that this many replicas have durable. Runs for each acknowledgement, so it neither sorts nor
   * allocates.
   */
  #heldBy(count: number): number {
    if (count === 0) return this.#received;
    let highest = 0;
    for (const candidate of this.#durable.values()) {
      if (candidate <= highest) continue;
      let holders = 0;
      for (const ordinal of this.#durable.values()) if (ordinal >= candidate) holders++;
      if (holders >= count) highest = candidate;
    }
    return highest;
  }
}
