import { majorityOf } from '../model/members.js';
import type { AcknowledgeLevel } from '../model/status.js';

/**
 * Counts on how many voters each group is durable. Pure: durable positions in, two ordinals out.
 * *Committed* is always a majority of the voters, the primary's own log included; `answered` is how far the server may
 * answer its clients at the cluster's level (rule C4: never less than committed for majority and all).
 * While the list of members changes there are two lists of voters, and a group counts when it does in both (rule C11).
 */
export interface QuorumOptions {
  self: string;
  /** Of the list in force, then of the one before while that still counts. At least one. */
  lists: readonly (readonly string[])[];
  level: AcknowledgeLevel;
}

/** One list of voters without the primary, and how far each of them has it durable. */
interface CountedList {
  readonly others: readonly string[];
  readonly durable: number[];
  /** Whether the primary is one of its voters. */
  readonly self: boolean;
}

export class Quorum {
  readonly #self: string;
  readonly #level: AcknowledgeLevel;
  /** Of the members other than the primary, learners included: one of them may become a voter. */
  readonly #durable = new Map<string, number>();
  #lists: readonly CountedList[] = [];
  /** False when a power cut may lose part of the primary's own log (rule M9): then one more replica is needed. */
  #selfCounts = true;
  #received = 0;
  #committed = 0;
  #everywhere = 0;

  constructor(options: QuorumOptions) {
    this.#self = options.self;
    this.#level = options.level;
    this.setLists(options.lists);
  }

  /** What is committed stays committed; what comes is counted by these lists. */
  setLists(lists: readonly (readonly string[])[]): void {
    this.#lists = lists.map((voters) => {
      const others = voters.filter((voter) => voter !== this.#self);
      return {
        others,
        durable: others.map((voter) => this.#durable.get(voter) ?? 0),
        self: voters.includes(this.#self),
      };
    });
    this.#count();
  }

  /** Replicas that must have a group durable before it counts as committed; with two lists, of the stricter one. */
  get replicasNeeded(): number {
    return Math.max(...this.#lists.map((list) => this.#neededOf(list)));
  }

  /** Replicas that must have it before a client is answered. */
  get replicasNeededToAnswer(): number {
    return Math.max(...this.#lists.map((list) => this.#neededToAnswer(list)));
  }

  #neededOf({ others, self }: CountedList): number {
    return majorityOf(others.length + (self ? 1 : 0)) - (self && this.#selfCounts ? 1 : 0);
  }

  #neededToAnswer(list: CountedList): number {
    return this.#level === 'all' ? list.others.length : this.#neededOf(list);
  }

  /** How many more replicas of the stricter list must be among `names` before a client is answered. */
  missingToAnswer(names: ReadonlySet<string>): number {
    if (this.#level === 'async') return 0;
    return this.#missing(names, (list) => this.#neededToAnswer(list));
  }

  /** Whether `names`, with the primary, are a majority of each list. */
  isMajority(names: ReadonlySet<string>): boolean {
    return this.#missing(names, (list) => this.#neededOf(list)) === 0;
  }

  #missing(names: ReadonlySet<string>, needed: (list: CountedList) => number): number {
    const missing = this.#lists.map(
      (list) => needed(list) - list.others.filter((name) => names.has(name)).length,
    );
    return Math.max(0, ...missing);
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

  /** What a member reports as durable. It is less than before when it lost its disk (another incarnation). */
  setDurable(member: string, ordinal: number): void {
    this.#durable.set(member, ordinal);
    let counts = false;
    for (const { others, durable } of this.#lists) {
      const at = others.indexOf(member);
      if (at < 0) continue;
      durable[at] = ordinal;
      counts = true;
    }
    if (counts) this.#count();
  }

  /** Returns whether the value changed. What is committed stays committed. */
  setSelfCounts(counts: boolean): boolean {
    if (counts === this.#selfCounts) return false;
    this.#selfCounts = counts;
    this.#count();
    return true;
  }

  /** Voters of the list in force other than the primary, in the order of `durable`. */
  get others(): readonly string[] {
    return this.#lists[0]?.others ?? [];
  }

  /** What this voter last said; 0 = nothing, or it is no voter. */
  durableOf(voter: string): number {
    return this.durable[this.others.indexOf(voter)] ?? 0;
  }

  /** How far each of `others` has it durable. */
  get durable(): readonly number[] {
    return this.#lists[0]?.durable ?? [];
  }

  #count(): void {
    // The primary holds whatever a replica holds: a replica only receives what the primary's log already has on disk.
    let majority = Number.POSITIVE_INFINITY;
    let everywhere = Number.POSITIVE_INFINITY;
    for (const list of this.#lists) {
      majority = Math.min(majority, this.#heldBy(list.durable, this.#neededOf(list)));
      everywhere = Math.min(everywhere, this.#heldBy(list.durable, list.others.length));
    }
    // Both only grow: a position that was reached stays reached when a replica leaves.
    if (majority > this.#committed) this.#committed = majority;
    if (everywhere > this.#everywhere) this.#everywhere = everywhere;
  }

  /**
   * Highest ordinal that this many of these have durable. Runs for each acknowledgement, so it neither sorts nor
   * allocates.
   */
  #heldBy(durable: readonly number[], count: number): number {
    if (count === 0) return this.#received;
    let highest = 0;
    for (const candidate of durable) {
      if (candidate <= highest) continue;
      let holders = 0;
      for (const ordinal of durable) if (ordinal >= candidate) holders++;
      if (holders >= count) highest = candidate;
    }
    return highest;
  }
}
