import { randomBytes } from 'node:crypto';
import type { Chain, ChainPlace } from '../model/chain.js';
import { currentEpoch } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import type { MemberList } from '../model/members.js';
import type { Position } from '../model/position.js';
import type { ClusterEventName } from '../model/status.js';
import { type Clock, systemClock, type Timer } from '../std/clock.js';
import { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import type { ElectionActions, ElectionFacts } from './actions.js';
import { electionStep, nextTickMs, startElection } from './core.js';
import type { ElectionMessage } from './messages.js';
import { ELECTION_DEFAULTS } from './options.js';
import { type Outlook, outlookOf } from './outlook.js';
import type { PromiseFile, VotePromise } from './promise.js';
import { ELECTION_RULES } from './rules.js';
import type { ElectionEffect, ElectionEvent, ElectionState, ElectionStep, Moment } from './state.js';
import type { ElectionContext } from './turn.js';

export interface ElectionDriverOptions {
  readonly node: string;
  /** Of the spool (rule C6). */
  readonly incarnation: string;
  /** Start number of this node (rule E5). */
  readonly boot: number;
  readonly stateDirectory: string;
}

export interface ElectionDriverModules {
  readonly logger: Logger;
  readonly events: {
    add(event: ClusterEventName, subject: string, reason: string, more?: Record<string, unknown>): void;
  };
  readonly clock?: Clock;
  /** 0 <= random < 1. */
  readonly random?: () => number;
  /** Another random text at each call. */
  readonly token?: () => string;
  readonly promiseFile: PromiseFile;
  /** One queue of changes, shared with the link that follows the primary. */
  readonly chainFile: { readonly chain: Chain; change(next: (chain: Chain) => Chain): Promise<void> };
  readonly links: { send(to: string, message: ElectionMessage): void };
  readonly actions: ElectionActions;
  readonly facts: ElectionFacts;
  /** Ends the process: a write of the promise or of the chain failed, or an action did. Called once. */
  readonly fail: (error: unknown) => void;
}

/** What this node is in the election, for roles and status. */
export interface RoleView {
  readonly kind: 'follower' | 'preCandidate' | 'candidate' | 'leader';
  /** The primary of the epoch, this node included; null = none is known. */
  readonly leader: string | null;
  /** The newest epoch that this node has promised. */
  readonly epoch: number;
  /** As the primary: the server may be open for clients. */
  readonly isServing: boolean;
  /** As the primary: no majority answers. */
  readonly isSuspended: boolean;
  /** As the primary: who takes over. */
  readonly transferTo: string | null;
}

/** The election of this node: it gives the core what happens, one event at a time, and carries out what the core wants. */
export class ElectionDriver {
  readonly onChange = new Emitter<void>();
  readonly #modules: ElectionDriverModules;
  readonly #context: ElectionContext;
  readonly #clock: Clock;

  constructor(options: ElectionDriverOptions, modules: ElectionDriverModules) {
    this.#modules = modules;
    const { node, incarnation, boot } = options;
    this.#context = { options: { ...ELECTION_DEFAULTS, node, incarnation, boot }, rules: ELECTION_RULES };
    this.#clock = modules.clock ?? systemClock;
  }

  /**
   * The log is open, and cut to this node's chain (rule E13). Resolves when the election has begun.
   * @throws SkeinError PROMISE_UNREADABLE, and errors of the file system
   */
  async start(): Promise<void> {}

  /** No action is called any more from the call on. Resolves when no write is under way. */
  async stop(): Promise<void> {}

  message(_from: string, _message: ElectionMessage): void {}

  linkClosed(_peer: string, _isRefused: boolean): void {}

  /** Something that `facts.fitness` tells may have changed. */
  fitnessChanged(): void {}

  /** A replica has cut its log to the primary's chain, and then written the chain. */
  chainFollowed(_chain: Chain): void {}

  /** A session of this epoch says how far its node has adopted the chain. */
  adopted(_member: { from: string; incarnation: string; epoch: number; place: ChainPlace }): void {}

  /** The server is open for clients in this epoch: the report of the failover is complete. */
  served(_epoch: number): void {}

  /** Resolves when the transfer has begun. @throws SkeinError NOT_PRIMARY | TRANSFER_RUNNING | NO_TARGET */
  async transfer(_to: string | null): Promise<void> {}

  /**
   * `end`: of everything that was appended or sent. Resolves when the entry is on this node's disk: it counts.
   * @throws SkeinError CHANGE_REFUSED | CHANGE_INTERRUPTED
   */
  async changeMembers(_members: MemberList, _end: Position): Promise<void> {}

  get role(): RoleView {
    throw new Error('not built');
  }

  outlook(): Outlook {
    throw new Error('not built');
  }
}
