import { majorityOf } from '../model/members.js';
import type { AcknowledgeLevel } from '../model/status.js';

/**
 * Counts on how many voters each group is durable. Pure: durable positions in, two ordinals out.
 * *Committed*: durable in the spools of a majority of the voters, the primary's own included. *Answered*: the server may answer its
 * clients up to here, at the cluster's acknowledgement level (rule C4: with majority and all, never before committed).
 * During a change of the members two lists of voters count, and a group must have a majority of each (rule C11).
 *
 * What was committed once stays so under each later primary (rule E12): `known` is a lower bound of *committed* and `released`.
 * *Answered* and `reached` are counted here alone: a primary opens only when a quorum of now has its whole log (rule H9).
 */
export interface QuorumOptions {
  self: string;
  /** Voters of the list in force, and then of the previous list while it still counts. At least one list. */
  lists: readonly (readonly string[])[];
  level: AcknowledgeLevel;
  /** Ordinal that was committed in an earlier epoch, or an earlier run of this primary; default 0. */
  known?: number;
}

/** One list of voters without the primary, and the ordinal up to which each has the log durable. */
interface CountedList {
  readonly others: readonly string[];
  readonly durable: number[];
  /** Whether the primary is a voter of this list. */
  readonly self: boolean;
}

export class Quorum {
  readonly #self: string;
  readonly #level: AcknowledgeLevel;
  /** Durable ordinal of every member but the primary. Learners are included, because a learner may become a voter. */
  readonly #durable = new Map<string, number>();
  #lists: readonly CountedList[] = [];
  #received = 0;
  /** Ordinal up to which the primary's own spool is durable. */
  #ownDurable = 0;
  /** Durable on a majority, as counted here. */
  #majority = 0;
  #everywhere = 0;
  #replicated = 0;
  #known: number;
  #settled = 0;

  constructor(options: QuorumOptions) {
    this.#self = options.self;
    this.#level = options.level;
    this.#known = options.known ?? 0;
    this.setLists(options.lists);
  }

  /** Committed groups stay committed. Later groups are counted by these lists. */
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

  /** Replicas that must have a group durable before its client is answered. */
  get replicasNeededToAnswer(): number {
    return Math.max(...this.#lists.map((list) => this.#neededToAnswer(list)));
  }

  #neededOf({ others, self }: CountedList): number {
    return majorityOf(others.length + (self ? 1 : 0)) - (self ? 1 : 0);
  }

  #neededToAnswer(list: CountedList): number {
    return this.#level === 'all' ? list.others.length : this.#neededOf(list);
  }

  /** How many more replicas of the stricter list must be among `names` before a client is answered. */
  missingToAnswer(names: ReadonlySet<string>): number {
    if (this.#level === 'async') return 0;
    return this.#missing(names, (list) => this.#neededToAnswer(list));
  }

  /** How many more must be there before the primary may open: a majority, also with `all` (rule M5). */
  missingToOpen(names: ReadonlySet<string>): number {
    return this.#level === 'async' ? 0 : this.#missing(names, (list) => this.#neededOf(list));
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
    return Math.max(this.#majority, this.#known);
  }

  /** A replica that follows this history was told that it is committed up to there. Returns whether that is news. */
  learn(committed: number): boolean {
    const known = Math.min(committed, this.#received);
    if (known <= this.committed) return false;
    this.#known = known;
    return true;
  }

  /**
   * The epoch of this primary began after `ordinal`, and a majority has its beginning. What is before is committed, and no client
   * waits for it any more, whatever the level.
   */
  settle(ordinal: number): void {
    this.learn(ordinal);
    this.#settled = Math.min(ordinal, this.#received);
  }

  /**
   * Replicas may show data up to here: committed groups, and with `all` only those whose clients may be answered. So no
   * replica shows a row whose COMMIT still waits for another replica.
   */
  get released(): number {
    return Math.max(this.#known, Math.min(this.#majority, this.answered));
  }

  /**
   * Enough replicas for a majority have everything up to here; the primary's own spool may be behind. The acknowledgement that
   * moves it shows which replica commits wait for, whether or not this disk is the faster one.
   */
  get replicated(): number {
    return this.#replicated;
  }

  get answered(): number {
    return Math.max(this.#settled, this.reached(this.#level));
  }

  /** The log is on enough voters up to here for the primary to open, see `missingToOpen`. */
  get openable(): number {
    return this.reached(this.#level === 'async' ? 'async' : 'majority');
  }

  /** Highest ordinal that is durable at this level. */
  reached(level: AcknowledgeLevel): number {
    if (level === 'async') return this.#received;
    return level === 'all' ? Math.min(this.#everywhere, this.#majority) : this.#majority;
  }

  /** Everything up to `ordinal` was read from the binary log of the primary's server. */
  setReceived(ordinal: number): void {
    if (ordinal > this.#received) this.#received = ordinal;
  }

  /** The primary has everything up to `ordinal` durable in its own spool. */
  setOwnDurable(ordinal: number): void {
    this.#ownDurable = ordinal;
    this.#count();
  }

  /**
   * The ordinal that a member reports as durable. It is lower than before when the member lost its disk (another
   * incarnation).
   */
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

  /** Voters of the list in force without the primary, in the order of `durable`. */
  get others(): readonly string[] {
    return this.#lists[0]?.others ?? [];
  }

  /** The durable ordinal that this voter last reported; 0 = it reported none, or it is no voter. */
  durableOf(voter: string): number {
    return this.durable[this.others.indexOf(voter)] ?? 0;
  }

  /** Durable ordinal of each of `others`. */
  get durable(): readonly number[] {
    return this.#lists[0]?.durable ?? [];
  }

  #count(): void {
    let majority = Number.POSITIVE_INFINITY;
    let everywhere = Number.POSITIVE_INFINITY;
    let replicated = Number.POSITIVE_INFINITY;
    for (const list of this.#lists) {
      const voters = list.others.length + (list.self ? 1 : 0);
      const needed = majorityOf(voters);
      majority = Math.min(majority, heldBy(list, needed, this.#ownDurable));
      everywhere = Math.min(everywhere, heldBy(list, voters, this.#ownDurable));
      replicated = Math.min(replicated, heldBy(list, needed, this.#received));
    }
    // They only grow: a position that was reached stays reached when a replica leaves.
    if (majority > this.#majority) this.#majority = majority;
    if (everywhere > this.#everywhere) this.#everywhere = everywhere;
    if (replicated > this.#replicated) this.#replicated = replicated;
  }
}

/**
 * Highest ordinal that at least `count` of these voters have durable; the primary has everything up to `own`. Runs for each
 * acknowledgement, so it neither sorts nor allocates.
 */
function heldBy(list: CountedList, count: number, own: number): number {
  let highest = list.self && holders(list, own, own) >= count ? own : 0;
  for (const candidate of list.durable)
    if (candidate > highest && holders(list, candidate, own) >= count) highest = candidate;
  return highest;
}

function holders({ durable, self }: CountedList, ordinal: number, own: number): number {
  let count = self && own >= ordinal ? 1 : 0;
  for (const each of durable) if (each >= ordinal) count++;
  return count;
}
