import { countedOrdinal } from '../../election/rules.js';
import type { EventLog } from '../../events/event-log.js';
import type { CatchUp } from '../../hub/feed.js';
import { FollowerRounds } from '../../hub/follower-rounds.js';
import { Hub } from '../../hub/hub.js';
import { Quorum } from '../../hub/quorum.js';
import type { ReplicaSession } from '../../link/listener-session.js';
import {
  adoptedPlace,
  type Chain,
  type ChainPlace,
  comparePlaces,
  countedLists,
  countedVoters,
  currentEpoch,
  newestEntry,
} from '../../model/chain.js';
import { isSkeinError, messageOf, SkeinError } from '../../model/error.js';
import type { MemberList } from '../../model/members.js';
import type { Position } from '../../model/position.js';
import type { RecordBatch } from '../../model/records.js';
import { LOG_PURGED } from '../../model/seed.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import { isLogPurged, isNotInLog } from '../../source/log-purged.js';
import { Emitter } from '../../std/emitter.js';
import type { SeedOrder } from '../../wire/messages.js';
import type { BootNumbers } from './boot-numbers.js';

export interface ReplicaSetOptions {
  readonly node: string;
  readonly acknowledge: AcknowledgeLevel;
  readonly hubWindowBytes: number;
}

export interface ReplicaSetModules {
  readonly events: EventLog;
  readonly boots: BootNumbers;
  /** The chain, which has the lists of members that count, with an entry that is being written. */
  chain(): Chain;
  /** The chain that is on this node's disk. */
  keptChain(): Chain;
  gtidText(binary: Uint8Array): string;
  /** Whether this replica has sent a heartbeat lately. A silent replica acknowledges nothing. */
  isHeard(node: string): boolean;
  /** A dump of the log for one replica that is behind the window. */
  catchUp(after: Position, batch: (batch: RecordBatch) => boolean): CatchUp;
  /** The last group before the beginning of the server's binary log. Rejects when the server does not answer. */
  logBegin(): Promise<Position>;
  /** Acknowledgements moved a position. Called before the replicas get it and before `onCommitted`. */
  moved(quorum: Quorum): void;
}

/** The replicas that are attached to the primary: their feeds, their durable positions, and the quorum. */
export class ReplicaSet {
  readonly #options: ReplicaSetOptions;
  readonly #modules: ReplicaSetModules;
  readonly #attached = new Map<string, ReplicaSession>();
  /** Voters of the lists that count. */
  #voters: MemberList = [];
  /** Sessions of voters with a sound log. Only they count in the quorum. */
  readonly #counting = new Set<ReplicaSession>();
  /** Durable ordinal of each replica, whether it counts in the quorum or not. */
  readonly #durable = new Map<string, number>();
  /** The newest entry of the chain that each replica has adopted, and the incarnation of the disk with that entry. */
  readonly #adopted = new Map<string, { readonly incarnation: string; readonly place: ChainPlace | null }>();
  #ownDurable = 0;
  readonly #rounds: FollowerRounds;
  readonly hub: Hub;
  #quorum: Quorum;
  /** The quorum's positions at the last notification of waiters. */
  #notified = { answered: -1, openable: -1, released: -1, everywhere: -1 };
  /** The answered or committed position moved. */
  readonly onCommitted = new Emitter<void>();
  /** A replica's log or the quorum advanced. Emitted before any client is answered because of it. */
  readonly onMoved = new Emitter<void>();
  /** A replica has adopted an entry of the chain. */
  readonly onAdopted = new Emitter<void>();
  /** The durable position of a replica that does not count in the quorum has moved. */
  readonly onLearned = new Emitter<void>();
  /** A replica has attached or its link has ended. */
  readonly onAttached = new Emitter<void>();

  constructor(options: ReplicaSetOptions, modules: ReplicaSetModules) {
    this.#options = options;
    this.#modules = modules;
    this.#quorum = this.#newQuorum();
    this.hub = new Hub(
      { windowBytesMax: options.hubWindowBytes },
      {
        committed: () => this.#quorum.released,
        needed: () => this.#quorum.replicasNeededToAnswer,
        gtidText: modules.gtidText,
        catchUp: modules.catchUp,
      },
    );
    this.#rounds = new FollowerRounds({
      isEnough: (replicas) => this.#quorum.isMajority(replicas),
      send: (round) => {
        for (const session of this.counted()) session.sendProbe(round);
      },
    });
  }

  #newQuorum(known = 0): Quorum {
    const { node, acknowledge } = this.#options;
    // A node without a list is not a primary, so nothing is counted.
    const chain = this.#modules.chain();
    const lists = countedLists(chain);
    this.#voters = countedVoters(chain);
    return new Quorum({ self: node, lists: lists.length > 0 ? lists : [[node]], level: acknowledge, known });
  }

  get quorum(): Quorum {
    return this.#quorum;
  }

  /**
   * A run of the server begins. Its log ends at `received`. Acknowledgements of earlier runs no longer count. What was committed
   * stays committed: `knownCommitted` is how far this node knows that, as a primary or a replica (rule E12).
   */
  begin(received: number, knownCommitted: number): void {
    this.#quorum = this.#newQuorum(Math.min(received, Math.max(knownCommitted, this.#quorum.committed)));
    this.#notified = { answered: -1, openable: -1, released: -1, everywhere: -1 };
    this.#durable.clear();
    this.#adopted.clear();
    this.#quorum.setReceived(received);
  }

  /** See Quorum. */
  settle(ordinal: number): void {
    this.#quorum.settle(ordinal);
    this.moved();
  }

  /** Everything up to `ordinal` is known to be committed. */
  learn(ordinal: number): void {
    if (this.#quorum.learn(ordinal)) this.moved();
  }

  /** How far this node's own log is durable. */
  setOwnDurable(ordinal: number): void {
    this.#ownDurable = ordinal;
    this.#reportOwn();
    this.moved();
  }

  /** An entry of the chain is on this node's disk now, or a new one counts. */
  chainChanged(): void {
    this.#reportOwn();
    for (const session of this.#attached.values()) this.#report(session);
    this.moved();
  }

  #reportOwn(): void {
    const place = adoptedPlace(this.#modules.keptChain(), this.#ownDurable);
    this.#quorum.setOwnDurable(this.#countedOf(place, this.#ownDurable));
  }

  #countedOf(place: ChainPlace | null, durable: number): number {
    const chain = this.#modules.chain();
    return countedOrdinal(chain, currentEpoch(chain), place, durable);
  }

  /** Ends every session, feed and wait. */
  end(reason: string, lost: SkeinError): void {
    for (const session of [...this.#attached.values()]) session.close(reason);
    this.#rounds.end(lost);
    this.hub.begin(0);
  }

  attach(session: ReplicaSession): void {
    const { node, attach } = session;
    // A replica with a damaged log abstains (rule C6): it gets no records, and its acknowledgements do not count.
    const feed = attach.damaged
      ? null
      : this.hub.attach(
          session,
          attach.spoolEnd,
          (error, after) => void this.#feedFailed(session, error, after),
        );
    this.#noteBoot(session);
    this.#noteCounting(session);
    this.#attached.set(node, session);
    this.#durable.set(node, attach.damaged ? 0 : attach.spoolEnd.ordinal);
    this.#adopted.set(node, { incarnation: attach.incarnation, place: attach.adopted });
    session.onClosed.on(() => {
      if (feed) this.hub.detach(feed);
      this.#counting.delete(session);
      if (this.#attached.get(node) === session) this.#attached.delete(node);
      this.onAttached.emit();
    });
    session.onAdopted.on((place) => {
      this.#adopted.set(node, { incarnation: attach.incarnation, place });
      this.#report(session);
      this.moved();
      this.onAdopted.emit();
    });
    if (feed) {
      session.onAck.on((ack) => {
        const before = this.#quorum.replicated;
        this.#durable.set(node, ack.durable);
        this.#report(session);
        if (this.#quorum.replicated > before) this.hub.madeMajority(feed);
        this.moved();
      });
    }
    this.#report(session);
    this.moved();
    session.onHeartbeat.on(({ positions }) => {
      if (this.isSound(session)) this.learn(positions.committed);
    });
    session.onEcho.on((round) => {
      if (this.#counts(session)) this.#rounds.answered(node, round);
    });
    if (this.#rounds.running !== null && this.#counts(session)) session.sendProbe(this.#rounds.running);
    this.onAttached.emit();
  }

  /** Sets a replica's durable position in the quorum, if the replica counts. */
  #report(session: ReplicaSession): void {
    const { node } = session;
    const counts = this.#counts(session);
    const place = this.#adopted.get(node)?.place ?? null;
    this.#quorum.setDurable(node, counts ? this.#countedOf(place, this.#durable.get(node) ?? 0) : 0);
    if (!counts) this.onLearned.emit();
  }

  /**
   * The lists of members that count have changed. Committed groups stay committed. Later groups are counted by the new lists.
   */
  listsChanged(): void {
    const chain = this.#modules.chain();
    this.#voters = countedVoters(chain);
    this.#quorum.setLists(countedLists(chain));
    this.#reportOwn();
    for (const session of this.#attached.values()) {
      this.#noteCounting(session);
      this.#report(session);
    }
    if (this.#rounds.running !== null)
      for (const session of this.counted()) session.sendProbe(this.#rounds.running);
    this.hub.neededChanged();
    this.moved();
    this.onAttached.emit();
  }

  /** Sends the newest list to all attached replicas, including removed ones. */
  sendList(settled: boolean): void {
    const entry = newestEntry(this.#modules.keptChain());
    if (entry) for (const session of this.#attached.values()) session.sendList({ entry, settled });
  }

  /** Closes the link of a removed member. */
  dismiss(node: string, reason: string): void {
    this.#attached.get(node)?.close(reason, 'REMOVED');
    this.#durable.delete(node);
    this.#adopted.delete(node);
  }

  /** Voters whose log has reached this entry of the chain, including this node. */
  adopters(entry: ChainPlace): ReadonlySet<string> {
    const names = new Set([this.#options.node]);
    for (const [node, { incarnation, place }] of this.#adopted)
      if (place && comparePlaces(place, entry) >= 0 && this.#isVoter(node, incarnation)) names.add(node);
    return names;
  }

  /** Null = not attached. */
  session(node: string): ReplicaSession | null {
    return this.#attached.get(node) ?? null;
  }

  durableOf(node: string): number {
    return this.#durable.get(node) ?? 0;
  }

  /** A voter counts only with the log whose incarnation is in the list (rules C6, E5). */
  #counts(session: ReplicaSession): boolean {
    return this.#counting.has(session);
  }

  #noteCounting(session: ReplicaSession): void {
    const { node, attach } = session;
    if (this.isSound(session) && this.#isVoter(node, attach.incarnation)) this.#counting.add(session);
    else this.#counting.delete(session);
  }

  #isVoter(node: string, incarnation: string): boolean {
    return this.#voters.some((voter) => voter.name === node && voter.incarnation === incarnation);
  }

  /** The replica's log is not damaged, and not older than an earlier one of the same disk. */
  isSound({ attach }: ReplicaSession): boolean {
    return !attach.damaged && !this.#isSetBack(attach);
  }

  /** The replica's files are older than before, because an older image of the disk was restored (rules H2, E5). */
  #isSetBack({ incarnation, boot }: ReplicaSession['attach']): boolean {
    return this.#modules.boots.isSetBack(incarnation, boot);
  }

  #noteBoot({ node, attach }: ReplicaSession): void {
    const { incarnation, boot } = attach;
    const { boots, events } = this.#modules;
    if (!this.#isSetBack(attach)) {
      boots.note(incarnation, boot);
      return;
    }
    const reason = `The files of ${node} are older than before: they show ${boot} starts of the node, but earlier they showed ${boots.of(incarnation)}. ${node} does not count in the quorum. Delete its spool directory, so that the primary admits it again.`;
    events.add('replication.error', node, reason, { code: 'STATE_SET_BACK' });
  }

  async #feedFailed(session: ReplicaSession, error: unknown, after: Position): Promise<void> {
    const reason = `${session.node} cannot catch up from the binary log: ${messageOf(error)}`;
    const isPurged = isLogPurged(error) || (isNotInLog(error) && (await this.#isBeforeLog(after)));
    const code = isPurged ? LOG_PURGED : isSkeinError(error) ? error.code : 'CATCH_UP_FAILED';
    this.#modules.events.add('replication.error', session.node, reason, { code });
    session.close(reason, code === LOG_PURGED ? LOG_PURGED : undefined);
  }

  /**
   * The beginning of a log names only the last group before it. So the server does not tell a place before its log from one that is
   * not in its history.
   */
  async #isBeforeLog({ ordinal }: Position): Promise<boolean> {
    const begin = await this.#modules.logBegin().catch(() => null);
    return begin !== null && ordinal < begin.ordinal;
  }

  /** @throws SkeinError NOT_ATTACHED */
  orderSeed(node: string, order: SeedOrder): void {
    const session = this.#attached.get(node);
    if (!session)
      throw new SkeinError(
        'NOT_ATTACHED',
        `${node} is not attached to the primary now, so the primary cannot reach it. Is its node running?`,
      );
    session.orderSeed(order);
  }

  get sessions(): ReplicaSession[] {
    return [...this.#attached.values()];
  }

  /** Replicas that count in the quorum: voters with a sound log. */
  counted(): ReplicaSession[] {
    return [...this.#attached.values()].filter((session) => this.#counts(session));
  }

  /** Number of counted replicas that have sent a heartbeat lately. */
  get heard(): number {
    return this.heardNames.size;
  }

  get heardNames(): ReadonlySet<string> {
    const heard = this.counted().filter(({ node }) => this.#modules.isHeard(node));
    return new Set(heard.map(({ node }) => node));
  }

  /** Number of replicas that a write needs before its client is answered. */
  get needed(): number {
    return this.#options.acknowledge === 'async' ? 0 : this.#quorum.replicasNeededToAnswer;
  }

  get hasQuorum(): boolean {
    return this.#missing === 0;
  }

  get #missing(): number {
    return this.#quorum.missingToAnswer(this.heardNames);
  }

  /** Whether as many replicas are there as the primary needs to open. */
  get mayOpen(): boolean {
    return this.#quorum.missingToOpen(this.heardNames) === 0;
  }

  /** Why it may not. */
  get missing(): string {
    const missing = this.#quorum.missingToOpen(this.heardNames);
    return `Waiting for ${missing} more replica${missing === 1 ? '' : 's'} to attach. The primary serves no client before that.${this.uncounted}`;
  }

  /** A sentence with the attached voters that do not count; '' = there are none. */
  get uncounted(): string {
    const names = this.sessions
      .filter((session) => !this.#counts(session) && this.#voters.some(({ name }) => name === session.node))
      .map(({ node }) => node);
    if (names.length === 0) return '';
    return ` Attached, but not counted, because the log with what it acknowledged was lost or damaged: ${names.join(', ')}.`;
  }

  /**
   * Resolves once a majority of the voters has answered, after this call, that it still follows this primary.
   * @throws SkeinError ROLE_LOST, or the signal's reason
   */
  confirmFollowed(signal: AbortSignal): Promise<void> {
    return this.#rounds.confirm(signal);
  }

  /** Notifies waiters if a position has moved. */
  moved(): void {
    this.onMoved.emit();
    const { answered, openable, released } = this.#quorum;
    const everywhere = this.#quorum.reached('all');
    const last = this.#notified;
    if (
      answered === last.answered &&
      openable === last.openable &&
      released === last.released &&
      everywhere === last.everywhere
    )
      return;
    this.#notified = { answered, openable, released, everywhere };
    this.#modules.moved(this.#quorum);
    this.hub.committedMoved();
    this.onCommitted.emit();
  }
}
