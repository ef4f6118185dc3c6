import { randomBytes } from 'node:crypto';
import { type Chain, type ChainPlace, currentEpoch, listInForce } from '../model/chain.js';
import type { ElectionMessage } from '../model/election-messages.js';
import { SkeinError } from '../model/error.js';
import { isWitnessNamed, type MemberList } from '../model/members.js';
import type { Position } from '../model/position.js';
import type { FailoverStatus } from '../model/status.js';
import { type Clock, systemClock, type Timer } from '../std/clock.js';
import { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import type { ElectionEvents, ElectionFacts } from './actions.js';
import { electionStep, nextTickMs, startElection } from './core.js';
import { type EffectModules, Effects } from './effects.js';
import { Failovers } from './failovers.js';
import { type ForcePlan, forcePlanOf } from './force.js';
import { transferPlanOf } from './hand-over.js';
import { ELECTION_DEFAULTS } from './options.js';
import { type Outlook, outlookOf } from './outlook.js';
import { PeersFile } from './peers-file.js';
import type { VotePromise } from './promise.js';
import { removalText } from './removal.js';
import { Repeats } from './repeats.js';
import { isSameRole, NO_ROLE, type RoleView, roleView } from './role-view.js';
import { ELECTION_RULES } from './rules.js';
import type { ElectionEffect, ElectionEvent, ElectionState, ElectionStep, Fitness, Moment } from './state.js';
import type { TransferPlan } from './targets.js';
import type { ElectionContext } from './turn.js';

export interface ElectionDriverOptions {
  readonly node: string;
  /** Of the spool (rule C6). */
  readonly incarnation: string;
  /** Start number of this node (rule E5). */
  readonly boot: number;
  readonly stateDirectory: string;
}

export interface ElectionDriverModules extends EffectModules {
  readonly logger: Logger;
  readonly events: ElectionEvents;
  readonly clock?: Clock;
  /** 0 <= random < 1. */
  readonly random?: () => number;
  /** Another random text at each call. */
  readonly token?: () => string;
  readonly facts: ElectionFacts;
  /** Ends the process: a write of the promise or of the chain failed, or an action did. Called once at most. */
  readonly fail: (error: unknown) => void;
}

interface Waiting {
  readonly event: ElectionEvent;
  /** Told of the effects when they are carried out, or why they never will be. */
  readonly done?: (result: { effects: readonly ElectionEffect[] } | { error: unknown }) => void;
}

/**
 * The election of this node. It gives the core what happens, one event at a time, and carries out what the core wants. What
 * comes meanwhile waits until then.
 */
export class ElectionDriver {
  /** The role, or what is told of it, has changed. */
  readonly onChange = new Emitter<void>();
  readonly #modules: ElectionDriverModules;
  readonly #context: ElectionContext;
  readonly #clock: Clock;
  readonly #effects: Effects;
  readonly #peersFile: PeersFile;
  readonly #failovers: Failovers;
  readonly #repeats = new Repeats();
  /** Null = the election has not begun. */
  #state: ElectionState | null = null;
  #isEnded = false;
  #isBusy = false;
  readonly #queue: Waiting[] = [];
  #fitness: Fitness | null = null;
  #role: RoleView = NO_ROLE;
  #tick: { readonly timer: Timer; readonly dueMs: number } | null = null;

  constructor(options: ElectionDriverOptions, modules: ElectionDriverModules) {
    this.#modules = modules;
    const { node, incarnation, boot, stateDirectory } = options;
    this.#context = { options: { ...ELECTION_DEFAULTS, node, incarnation, boot }, rules: ELECTION_RULES };
    this.#clock = modules.clock ?? systemClock;
    const { logger, events } = modules;
    this.#peersFile = new PeersFile(stateDirectory, { logger, clock: this.#clock });
    this.#failovers = new Failovers(stateDirectory, { logger, events });
    this.#effects = new Effects(modules, {
      answered: (event) => this.#take({ event }),
      failed: (error) => this.#fail(error),
      said: (text) => this.#say(text),
    });
  }

  /**
   * The log is open, and cut to this node's chain (rule E13). Resolves when the election has begun.
   * @throws SkeinError PROMISE_UNREADABLE, and errors of the file system
   */
  async start(): Promise<void> {
    const promise = await this.#loadPromise();
    const peers = await this.#peersFile.load();
    await this.#failovers.load();
    if (this.#isEnded) return;
    const { chainFile, facts } = this.#modules;
    const fitness = facts.fitness();
    this.#fitness = fitness;
    const at = this.#moment();
    this.#isBusy = true;
    this.#attempt(() => {
      const start = { promise, chain: chainFile.chain, fitness, peers };
      this.#carryOut(null, startElection(this.#context, start, at), at);
    });
    this.#goOn();
  }

  /** From the call on no action is called any more. Resolves when no write is under way. */
  async stop(): Promise<void> {
    this.#end();
    await Promise.all([this.#effects.idle(), this.#failovers.idle(), this.#peersFile.flush()]);
  }

  message(from: string, message: ElectionMessage): void {
    this.#take({ event: { kind: 'message', from, message } });
  }

  linkClosed(peer: string, isRefused: boolean): void {
    this.#take({ event: { kind: 'linkClosed', peer, isRefused } });
  }

  /** Something that `facts.fitness` tells may have changed. */
  fitnessChanged(): void {
    if (this.#state === null || this.#isEnded) return;
    const fitness = this.#modules.facts.fitness();
    if (this.#fitness !== null && isSameFitness(fitness, this.#fitness)) return;
    this.#fitness = fitness;
    this.#take({ event: { kind: 'fitness', fitness } });
  }

  /** A replica has cut its log to the primary's chain, and then written the chain. */
  chainFollowed(chain: Chain): void {
    this.#take({ event: { kind: 'chainFollowed', chain } });
  }

  /** A session of this epoch says how far its node has adopted the chain. */
  adopted(member: { from: string; incarnation: string; epoch: number; place: ChainPlace }): void {
    this.#take({ event: { kind: 'adopted', ...member } });
  }

  /** The server is open for clients in this epoch: the report of the failover is complete. */
  served(epoch: number): void {
    const { node } = this.#context.options;
    const nowMs = this.#clock.nowMs();
    if (!this.#isEnded) this.#failovers.served({ node, epoch, nowMs, unixMs: Date.now() });
  }

  /**
   * `to`: null = the fittest. Resolves when the transfer has begun.
   * @throws SkeinError NOT_PRIMARY | TRANSFER_RUNNING | NO_TARGET
   */
  async transfer(to: string | null): Promise<void> {
    throwIfRefused(await this.#effectsOf({ kind: 'transfer', to }));
  }

  /** What `transfer` would do now; null = this node is not the primary. Changes nothing. */
  transferPlan(to: string | null): TransferPlan | null {
    return this.#state && transferPlanOf(this.#context, this.#state, this.#moment(), to);
  }

  /**
   * Makes this node the primary without the votes of a majority. Resolves when the campaign has begun.
   * @throws SkeinError FORCE_NOT_NEEDED | FORCE_LOG_SHORTER | FORCE_IMPOSSIBLE
   */
  async force(withShorterLog: boolean): Promise<void> {
    throwIfRefused(await this.#effectsOf({ kind: 'force', withShorterLog }));
  }

  /** What `force` would do now; null = the election has not begun. Changes nothing. */
  forcePlan(withShorterLog: boolean): ForcePlan | null {
    return this.#state && forcePlanOf(this.#context, this.#state, this.#moment(), withShorterLog);
  }

  /**
   * `end`: of everything that was appended or sent. Resolves when the entry is on this node's disk; it has counted before.
   * @throws SkeinError CHANGE_REFUSED: nothing was changed
   * @throws SkeinError CHANGE_INTERRUPTED: this node lost the lead, so the next primary's chain tells
   */
  async changeMembers(members: MemberList, end: Position): Promise<void> {
    const effects = await this.#effectsOf({ kind: 'changeMembers', members, end });
    throwIfRefused(effects);
    const chain = effects.find((effect) => effect.kind === 'writeChain')?.chain ?? [];
    await this.#effects.written(chain);
    const { kind, epoch } = this.#role;
    if (this.#isEnded || kind !== 'leader' || epoch !== currentEpoch(chain))
      throw new SkeinError(
        'CHANGE_INTERRUPTED',
        'This node is not the primary any more. Whether the members were changed is decided by the next primary: look at its list of members.',
      );
  }

  get role(): RoleView {
    return this.#role;
  }

  /** By which is counted: with an entry of this node that is on its way to the disk, and before the start as on the disk. */
  get chain(): Chain {
    return this.#state?.chain ?? this.#modules.chainFile.chain;
  }

  /** Who would be elected if the primary were lost now. The primary hears all members, a replica only campaigns. */
  outlook(): Outlook {
    if (this.#state === null)
      return {
        elected: null,
        afterDeathMs: 0,
        afterSilenceMs: 0,
        against: ['The election of this node has not begun.'],
      };
    return outlookOf(this.#context, this.#state, this.#moment());
  }

  /** That this node was removed, for people; null = it has not heard so. */
  removal(): string | null {
    const by = this.#state?.removedBy ?? null;
    return by === null ? null : removalText(this.#context.options.node, by);
  }

  /** For people and scripts, see FailoverStatus. */
  failover(): FailoverStatus {
    const { elected, afterDeathMs, afterSilenceMs, against } = this.outlook();
    const { node } = this.#context.options;
    const isWitness = isWitnessNamed(listInForce(this.chain), node);
    const [who, name] = isWitness ? ['a node with a server', '<its name>'] : ['this node', node];
    const help =
      this.forcePlan(false)?.epoch != null
        ? [
            `Start the voters that are missing. If too many of them are gone for good, an operator can make ${who} the primary: skein promote ${name} --force (it first says what would be given up).`,
          ]
        : [];
    return {
      elected,
      afterDeathMs,
      afterSilenceMs,
      against: [...against, ...help],
      last: this.#failovers.last,
    };
  }

  // --- events ---------------------------------------------------------------------------------------------------------

  #take(waiting: Waiting): void {
    if (this.#state === null || this.#isEnded) {
      waiting.done?.({ error: ended() });
      return;
    }
    this.#queue.push(waiting);
    if (!this.#isBusy) this.#goOn();
  }

  #effectsOf(event: ElectionEvent): Promise<readonly ElectionEffect[]> {
    return new Promise((resolve, reject) =>
      this.#take({
        event,
        done: (result) => ('effects' in result ? resolve(result.effects) : reject(result.error as Error)),
      }),
    );
  }

  #goOn(): void {
    this.#isBusy = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#step(next);
    this.#isBusy = false;
    this.#setTick();
  }

  #step({ event, done }: Waiting): void {
    const state = this.#state;
    if (state === null || this.#isEnded) {
      done?.({ error: ended() });
      return;
    }
    const at = this.#moment();
    let step: ElectionStep;
    try {
      step = electionStep(this.#context, state, event, at);
    } catch (error) {
      // Nothing has changed. A request that makes no sense is its caller's; else this process knows too little to go on.
      if (done) done({ error });
      else this.#fail(error);
      return;
    }
    this.#attempt(() => this.#carryOut(event, step, at));
    done?.(this.#isEnded ? { error: ended() } : { effects: step.effects });
  }

  #moment(): Moment {
    const { facts, random = Math.random, token = randomToken } = this.#modules;
    return {
      nowMs: this.#clock.nowMs(),
      log: facts.log(),
      applied: facts.applied(),
      random: random(),
      token: token(),
    };
  }

  #setTick(): void {
    if (this.#state === null || this.#isEnded) return;
    const dueMs = nextTickMs(this.#context, this.#state);
    if (this.#tick?.dueMs === dueMs) return;
    this.#clock.clearTimer(this.#tick?.timer ?? null);
    const timer = this.#clock.setTimer(Math.max(0, dueMs - this.#clock.nowMs()), () => {
      this.#tick = null;
      this.#take({ event: { kind: 'tick' } });
    });
    this.#tick = { timer, dueMs };
  }

  // --- effects --------------------------------------------------------------------------------------------------------

  #carryOut(event: ElectionEvent | null, { state, effects }: ElectionStep, { nowMs }: Moment): void {
    const before = this.#state;
    this.#state = state;
    const { node } = this.#context.options;
    this.#failovers.note({ node, event, before, after: state, effects, nowMs });
    const role = roleView(node, state);
    const isChanged = !isSameRole(role, this.#role);
    this.#role = role;
    for (const effect of effects) {
      if (this.#isEnded) return;
      this.#effects.start(effect);
    }
    if (state.peers !== before?.peers) this.#peersFile.save(state.peers);
    if (isChanged) this.onChange.emit();
  }

  async #loadPromise(): Promise<VotePromise> {
    const { promiseFile, chainFile } = this.#modules;
    const found = await promiseFile.load();
    if (found !== null) return found;
    const promisedEpoch = currentEpoch(chainFile.chain);
    const promise: VotePromise = { promisedEpoch, votedFor: null };
    await promiseFile.save(promise);
    this.#say(
      `There is no promise on this node's disk. It takes part in elections as a node that has promised epoch ${promisedEpoch}.`,
    );
    return promise;
  }

  #say(text: string): void {
    const heldBack = this.#repeats.pass(text, this.#clock.nowMs());
    if (heldBack === null) return;
    const { node } = this.#context.options;
    this.#modules.events.add('election', node, text, heldBack === 0 ? {} : { heldBack });
  }

  // --- the end --------------------------------------------------------------------------------------------------------

  /** An action that threw has left the node in a state that nobody knows. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#end();
    this.#modules.fail(error);
  }

  #end(): void {
    this.#isEnded = true;
    this.#clock.clearTimer(this.#tick?.timer ?? null);
    this.#tick = null;
    for (const { done } of this.#queue.splice(0)) done?.({ error: ended() });
  }
}

function ended(): SkeinError {
  return new SkeinError('NOT_PRIMARY', 'The election of this node has not begun, or has ended.');
}

function isSameFitness(a: Fitness, b: Fitness): boolean {
  return (
    a.abstains === b.abstains &&
    a.serves === b.serves &&
    a.maintenance === b.maintenance &&
    a.priority === b.priority
  );
}

function throwIfRefused(effects: readonly ElectionEffect[]): void {
  for (const effect of effects)
    if (effect.kind === 'refused') throw new SkeinError(effect.code, effect.reason);
}

function randomToken(): string {
  return randomBytes(16).toString('hex');
}
