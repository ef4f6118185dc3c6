import { type ElectionStart, electionStep, startElection } from '../../src/election/core.js';
import { positionOf } from '../../src/election/log-position.js';
import { NO_PROMISE, type VotePromise } from '../../src/election/promise.js';
import { countedOrdinal } from '../../src/election/rules.js';
import type {
  ElectionEffect,
  ElectionEvent,
  ElectionState,
  Fitness,
  Leader,
  Moment,
} from '../../src/election/state.js';
import type { ElectionContext } from '../../src/election/turn.js';
import { type Chain, type ChainPlace, extendChain, settleChain } from '../../src/model/chain.js';
import { isSkeinError } from '../../src/model/error.js';
import { followPlan } from '../../src/roles/replica/follow-plan.js';
import type { NodeDefect } from './defects.js';
import { durablePosition, endPosition, type Group, type NodeLog } from './groups.js';
import { ModelFile, ModelLog } from './model-log.js';
import { Primary } from './primary.js';
import { SimulatedServer } from './server.js';
import { Session, type ToPrimary, type ToReplica } from './session.js';
import type { World } from './world.js';

/** One process of a node on its disk, with the server beside it, which lives and dies by itself. */
export class SimulatedNode {
  readonly world: World;
  readonly name: string;
  /** Differs from the name only for a clone. */
  readonly process: string;
  readonly isWitness: boolean;
  // --- the disk
  incarnation: string;
  boot = 0;
  promise: ModelFile<VotePromise>;
  chain: ModelFile<Chain>;
  log: NodeLog;
  committedOnDisk = 0;
  // --- the process
  isUp = false;
  isPaused = false;
  life = 0;
  context!: ElectionContext;
  state!: ElectionState;
  /** Raised with every change of the role (rule E16). */
  generation = 0;
  committed = 0;
  link: Session | null = null;
  isLinkReady = false;
  /** It is about to cut its log to a primary's chain, and to write that. */
  isWelcomed = false;
  readonly primary: Primary;
  readonly server: SimulatedServer;
  #lastLeader: Leader | null = null;
  isLost = false;

  constructor(world: World, name: string, options: { process?: string; isWitness?: boolean; chain?: Chain }) {
    this.world = world;
    this.name = name;
    this.process = options.process ?? name;
    this.isWitness = options.isWitness ?? false;
    this.incarnation = `${name}.0`;
    this.promise = this.#file('promise', NO_PROMISE);
    this.chain = this.#file('chain', options.chain ?? []);
    this.log = this.#newLog();
    this.primary = new Primary(this);
    this.server = new SimulatedServer(this);
  }

  has(defect: NodeDefect): boolean {
    return this.world.defect?.node === defect;
  }

  #file<T>(name: string, value: T): ModelFile<T> {
    return new ModelFile(this.logWorld, name, value);
  }

  #newLog(): NodeLog {
    return this.world.makeLog?.(this) ?? new ModelLog(this.logWorld);
  }

  get logWorld() {
    return {
      later: (label: string, action: () => void) =>
        this.world.later(this, () => `${this.process}: ${label}`, action),
      moved: () => this.durableMoved(),
      random: () => this.world.random(),
    };
  }

  // --- lives -----------------------------------------------------------------------------------------------------

  /** It never starts again. */
  loseForGood(): void {
    this.crash('power');
    this.isLost = true;
  }

  start(): void {
    const { world } = this;
    if (this.isLost) return;
    this.life++;
    this.boot++;
    this.isUp = true;
    this.isPaused = false;
    this.generation++;
    this.committed = Math.min(this.committedOnDisk, this.log.durable);
    this.link = null;
    this.primary.reset();
    const goesOn = this.has('resume the old epoch') && this.#lastLeader !== null && this.server.isOpen;
    // A server that was open goes before anything is read or voted (rule E9).
    if (this.server.isOpen && !goesOn) this.server.die();
    this.context = {
      options: { ...world.options, node: this.name, incarnation: this.incarnation, boot: this.boot },
      rules: world.rules,
    };
    world.judge.promises(`${this.process} ${this.incarnation}`, this.promise.value.promisedEpoch);
    const start: ElectionStart = {
      promise: this.promise.value,
      chain: this.chain.value,
      fitness: this.#fitness(),
      peers: new Map(),
    };
    this.#perform(startElection(this.context, start, this.moment()));
    if (goesOn && this.#lastLeader) {
      this.state = { ...this.state, role: { ...this.#lastLeader, contacts: new Map() } };
      this.primary.feeding = this.#lastLeader.epoch;
    }
    this.#lastLeader = null;
  }

  /** `power`: the server ends too. */
  crash(how: 'kill' | 'power'): void {
    if (!this.isUp) return;
    const { role } = this.state;
    this.#lastLeader = role.kind === 'leader' && role.isServing ? role : null;
    this.life++;
    this.isUp = false;
    if (how === 'power') this.server.die();
    this.promise.crash();
    this.chain.crash();
    this.primary.end();
    this.link = null;
    const life = this.life;
    this.log.crash(how, (log) => {
      if (life === this.life) this.log = log;
    });
    this.world.processEnded(this);
  }

  /** The disk is lost: what starts here next is another log under the old name (rules C6, E5). */
  loseDisk(): void {
    if (this.isUp) this.crash('power');
    this.life++;
    this.world.lostLogs.set(this.incarnation, this.log);
    this.incarnation = `${this.name}.${this.world.nextIncarnation()}`;
    this.promise = this.#file('promise', NO_PROMISE);
    this.chain = this.#file<Chain>('chain', []);
    this.log = this.#newLog();
    this.committedOnDisk = 0;
    this.server.wipe();
  }

  /** Another process on a copy of this disk, under the same name. */
  copyDiskOf(other: SimulatedNode): void {
    this.incarnation = other.incarnation;
    this.boot = other.boot;
    this.promise = this.#file('promise', other.promise.value);
    this.chain = this.#file('chain', other.chain.value);
    this.log = new ModelLog(this.logWorld, other.log.groups.slice(0, other.log.durable));
  }

  // --- the core --------------------------------------------------------------------------------------------------

  moment(): Moment {
    const { world } = this;
    return {
      nowMs: world.nowMs,
      log: durablePosition(this.log),
      applied: this.server.groups.length,
      random: world.random(),
      token: world.nextToken(this.process),
    };
  }

  handle(event: ElectionEvent): void {
    if (!this.isUp) return;
    this.world.events++;
    this.#perform(electionStep(this.context, this.state, event, this.moment()));
  }

  tick(): void {
    if (!this.isUp || this.isPaused) return;
    this.look();
    this.handle({ kind: 'tick' });
    this.#attach();
    this.primary.answerReads();
    this.server.apply();
    if (this.committedOnDisk < this.committed && this.world.random() < 0.3)
      this.committedOnDisk = this.committed;
  }

  /** What the server can do may have changed. */
  look(): void {
    const fitness = this.#fitness();
    const { serves, abstains } = this.state.fitness;
    if (fitness.serves !== serves && abstains === null) this.handle({ kind: 'fitness', fitness });
  }

  #fitness(): Fitness {
    return { abstains: null, serves: this.server.serves, maintenance: false, priority: 0 };
  }

  #perform({ state, effects }: { state: ElectionState; effects: readonly ElectionEffect[] }): void {
    this.state = state;
    for (const effect of effects) this.#do(effect);
  }

  #do(effect: ElectionEffect): void {
    const { world, primary } = this;
    if (world.trace && effect.kind !== 'send' && effect.kind !== 'writeChain')
      world.note(`${this.process}: ${effect.kind} ${JSON.stringify({ ...effect, kind: undefined })}`);
    switch (effect.kind) {
      case 'send':
        world.send(this, effect.to, effect.message);
        return;
      case 'settleLog':
        this.#settle(effect.epoch);
        return;
      case 'keepPromise':
        this.#keep(effect.promise);
        return;
      case 'writeChain':
        this.chain.save(effect.chain, () => this.handle({ kind: 'chainWritten', chain: effect.chain }));
        return;
      case 'follow':
        this.closeLink();
        this.generation++;
        this.#attach();
        return;
      case 'feed':
        primary.feed(effect.epoch);
        return;
      case 'lead':
        primary.lead(effect.epoch);
        return;
      case 'serve':
        this.server.open(effect.epoch);
        return;
      case 'suspend':
        primary.portsOpen = false;
        return;
      case 'resume':
        primary.portsOpen = true;
        return;
      case 'drain':
        primary.drain();
        return;
      case 'undrain':
        primary.isDraining = false;
        return;
      case 'stepDown':
        this.generation++;
        primary.end();
        this.server.close();
        return;
      case 'announce':
        primary.announce(effect.entry, effect.isSettled);
        return;
      default:
        return;
    }
  }

  #settle(epoch: number): void {
    const settled = () =>
      this.world.later(
        this,
        () => `${this.process}: the log is settled`,
        () => this.handle({ kind: 'logSettled', epoch }),
      );
    if (this.has('vote before old links end')) {
      settled();
      return;
    }
    if (!this.has('keep old links')) this.#endLinks();
    this.log.whenIdle(() => this.chain.whenIdle(settled));
  }

  #endLinks(): void {
    this.closeLink();
    this.primary.end();
  }

  #keep(promise: VotePromise): void {
    const { judge } = this.world;
    const kept = () => {
      if (this.has('vote before old links end')) this.#endLinks();
      judge.promises(`${this.process} ${this.incarnation}`, promise.promisedEpoch);
      this.handle({ kind: 'promiseKept', epoch: promise.promisedEpoch });
    };
    if (this.has('forget the promise')) this.world.later(this, () => `${this.process}: forgets`, kept);
    else this.promise.save(promise, kept);
  }

  // --- as a replica ----------------------------------------------------------------------------------------------

  #attach(): void {
    const { role, promise, task } = this.state;
    if (this.link !== null || role.kind !== 'follower' || role.leader === null || task !== null) return;
    const primary = this.world.processNamed(role.leader.name);
    if (!primary?.isUp || primary === this || this.world.isCut(this, primary)) return;
    this.link = new Session(this.world, this, primary, promise.promisedEpoch);
    this.isLinkReady = false;
    this.link.toPrimary({ kind: 'attach', incarnation: this.incarnation });
  }

  closeLink(): void {
    if (this.link) this.link.replicaOpen = false;
    this.link = null;
    this.isLinkReady = false;
    this.isWelcomed = false;
  }

  linkBroken(session: Session): void {
    if (this.link === session) this.closeLink();
  }

  fromPrimary(session: Session, message: ToReplica): void {
    if (this.link !== session && !this.has('keep old links')) return;
    if (message.kind === 'welcome') this.#welcomed(session, message.chain, message.committed);
    else if (message.kind === 'list') this.#list(session, message);
    else this.#records(message.groups, message.committed);
  }

  #welcomed(session: Session, chain: Chain, committed: number): void {
    const { log } = this;
    try {
      const plan = followPlan({
        primary: session.primary.name,
        ours: this.chain.value,
        theirs: chain,
        end: endPosition(log),
        committed: this.committed,
      });
      const ready = () => {
        if (this.link !== session) return;
        this.handle({ kind: 'chainFollowed', chain });
        this.isLinkReady = true;
        this.isWelcomed = false;
        this.heard(Math.min(committed, log.groups.length));
        session.toPrimary({
          kind: 'ready',
          end: log.groups.length,
          durable: log.durable,
          place: this.adopted(),
        });
      };
      const { cut } = plan;
      this.isWelcomed = true;
      const save = (then: () => void) => (plan.save ? this.chain.save(chain, then) : then());
      const cutLog = (then: () => void) => {
        if (this.link !== session) return;
        if (cut === null || this.has('skip the cut')) return then();
        this.world.judge.cuts(this.process, log.groups, cut.ordinal);
        log.cut(cut, then);
      };
      if (this.has('entry before cut')) save(() => cutLog(ready));
      else cutLog(() => (this.link === session ? save(ready) : undefined));
    } catch (error) {
      if (isSkeinError(error, 'CUT_BELOW_COMMITTED'))
        this.world.judge.fail('I2', `${this.process}: ${error.message}`);
      if (!isSkeinError(error, 'CHAIN_MISMATCH')) throw error;
      session.break();
    }
  }

  #list(session: Session, { entry, isSettled }: Extract<ToReplica, { kind: 'list' }>): void {
    // As roles/replica/list-follower.ts does.
    const before = this.chain.latest;
    const last = before.at(-1);
    if (!last) return;
    const isNew = entry.epoch > last.epoch || (entry.epoch === last.epoch && entry.number > last.number);
    const isSame = entry.epoch === last.epoch && entry.number === last.number;
    if (!isNew && !(isSettled && isSame)) return;
    const next = isNew ? extendChain(before, entry) : before;
    const chain = isSettled ? settleChain(next) : next;
    this.chain.save(chain, () => {
      if (this.link !== session) return;
      this.handle({ kind: 'chainFollowed', chain });
      this.#acknowledge(this.log.durable);
    });
  }

  #records(groups: readonly Group[], committed: number): void {
    for (const group of groups) {
      if (group.ordinal !== this.log.groups.length + 1) continue;
      this.world.judge.appends(this.process, this.log.groups, group);
      this.log.append(group);
    }
    this.heard(Math.min(committed, this.log.groups.length));
    if (this.has('acknowledge before fsync')) this.#acknowledge(this.log.groups.length);
  }

  heard(committed: number): void {
    if (committed <= this.committed) return;
    this.committed = committed;
    this.primary.tellClients();
  }

  /** The newest entry that the log has reached. */
  adopted(): ChainPlace {
    return positionOf(this.chain.value, this.log.durable);
  }

  durableMoved(): void {
    if (this.state.role.kind === 'leader') this.primary.count();
    else if (this.link && this.isLinkReady) this.#acknowledge(this.log.durable);
  }

  #acknowledge(durable: number): void {
    this.link?.toPrimary({ kind: 'ack', durable, place: this.adopted() });
  }

  // --- as the primary --------------------------------------------------------------------------------------------

  fromReplica(session: Session, message: ToPrimary): void {
    this.primary.take(session, message);
  }

  sessionBroken(session: Session): void {
    this.primary.broken(session);
  }

  counted(adopted: ChainPlace, durable: number): number {
    const { role, chain } = this.state;
    if (role.kind !== 'leader' || this.has('commit by count')) return durable;
    return countedOrdinal(chain, role.epoch, adopted, durable);
  }
}
