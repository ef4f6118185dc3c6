import type { EventLog } from '../../events/event-log.js';
import type { CatchUp } from '../../hub/feed.js';
import { FollowerRounds } from '../../hub/follower-rounds.js';
import { Hub } from '../../hub/hub.js';
import { Quorum } from '../../hub/quorum.js';
import type { ReplicaSession } from '../../link/listener-session.js';
import {
  type Chain,
  type ChainPlace,
  comparePlaces,
  countedLists,
  countedVoters,
  newestEntry,
} from '../../model/chain.js';
import { isSkeinError, messageOf, SkeinError } from '../../model/error.js';
import type { MemberList } from '../../model/members.js';
import type { Position } from '../../model/position.js';
import type { RecordBatch } from '../../model/records.js';
import { LOG_PURGED } from '../../model/seed.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import { Emitter } from '../../std/emitter.js';
import type { SeedOrder } from '../../wire/messages.js';

export interface ReplicaSetOptions {
  readonly node: string;
  readonly acknowledge: AcknowledgeLevel;
  readonly hubWindowBytes: number;
}

export interface ReplicaSetModules {
  readonly events: EventLog;
  /** Names the lists of members that count. */
  chain(): Chain;
  gtidText(binary: Uint8Array): string;
  /** Whether this replica was heard of lately; one that is silent can acknowledge nothing. */
  isHeard(node: string): boolean;
  /** A dump of the log for one replica that is behind the window. */
  catchUp(after: Position, batch: (batch: RecordBatch) => boolean): CatchUp;
  /** Acknowledgements moved a position; called before the replicas and `onCommitted` are told. */
  moved(quorum: Quorum): void;
}

/** The replicas that are attached to the primary: what each is fed, what each has, and what that makes a quorum. */
export class ReplicaSet {
  readonly #options: ReplicaSetOptions;
  readonly #modules: ReplicaSetModules;
  readonly #attached = new Map<string, ReplicaSession>();
  /** What each replica's server had executed, as its acknowledgements say. */
  readonly #applied = new Map<string, number>();
  /** Of the lists that count. */
  #voters: MemberList = [];
  /** Sessions of voters with a sound log. */
  readonly #counting = new Set<ReplicaSession>();
  /** How far each has its log durable, whether it counts or not. */
  readonly #durable = new Map<string, number>();
  /** The newest entry of the chain that each has adopted, and the disk that holds it. */
  readonly #adopted = new Map<string, { readonly incarnation: string; readonly place: ChainPlace | null }>();
  /** Starts that each disk has shown. */
  readonly #boots = new Map<string, number>();
  readonly #rounds: FollowerRounds;
  readonly hub: Hub;
  #quorum: Quorum;
  /** The quorum's positions when waiters were last notified. */
  #told = { answered: -1, released: -1, everywhere: -1 };
  /** The answered or committed position moved. */
  readonly onCommitted = new Emitter<void>();
  /** A replica's log or the quorum advanced; called before any client is answered for it. */
  readonly onMoved = new Emitter<void>();
  /** A replica has adopted an entry of the chain. */
  readonly onAdopted = new Emitter<void>();
  /** A replica has caught up or come nearer that does not count. */
  readonly onLearned = new Emitter<void>();
  /** A replica came or went. */
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

  #newQuorum(): Quorum {
    const { node, acknowledge } = this.#options;
    // Without a list this node is no primary; then nothing is counted.
    const chain = this.#modules.chain();
    const lists = countedLists(chain);
    this.#voters = countedVoters(chain);
    return new Quorum({ self: node, lists: lists.length > 0 ? lists : [[node]], level: acknowledge });
  }

  get quorum(): Quorum {
    return this.#quorum;
  }

  /** A run of the server begins, whose log ends at `received`: nothing of before counts. */
  begin(received: number): void {
    this.#quorum = this.#newQuorum();
    this.#told = { answered: -1, released: -1, everywhere: -1 };
    this.#applied.clear();
    this.#durable.clear();
    this.#adopted.clear();
    this.#quorum.setReceived(received);
  }

  /** Ends every session, feed and wait. */
  end(reason: string, lost: SkeinError): void {
    for (const session of [...this.#attached.values()]) session.close(reason);
    this.#rounds.end(lost);
    this.hub.begin(0);
  }

  attach(session: ReplicaSession): void {
    const { node, attach } = session;
    // A damaged log abstains (rule C6): nothing is sent to it, and nothing that it says counts.
    const feed = attach.damaged
      ? null
      : this.hub.attach(session, attach.spoolEnd, (error) => this.#feedFailed(session, error));
    this.#noteBoot(session);
    this.#noteCounting(session);
    this.#attached.set(node, session);
    this.#applied.delete(node);
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
      this.onAdopted.emit();
    });
    if (feed) {
      session.onAck.on((ack) => {
        const before = this.#quorum.released;
        this.#durable.set(node, ack.durable);
        this.#report(session);
        if (this.#quorum.released > before) this.hub.movedCommit(feed);
        this.moved();
      });
    }
    this.#report(session);
    this.moved();
    session.onHeartbeat.on(({ positions }) => this.#applied.set(node, positions.applied));
    session.onEcho.on((round) => {
      if (this.#counts(session)) this.#rounds.answered(node, round);
    });
    if (this.#rounds.running !== null && this.#counts(session)) session.sendProbe(this.#rounds.running);
    this.onAttached.emit();
  }

  /** Tells the quorum how far a replica is, if its word counts, or once it does. */
  #report(session: ReplicaSession): void {
    const { node } = session;
    const counts = this.#counts(session);
    this.#quorum.setDurable(node, counts ? (this.#durable.get(node) ?? 0) : 0);
    if (!counts) this.onLearned.emit();
  }

  /**
   * The lists of members that count are others now. What is committed stays so; what comes is counted by them.
   */
  listsChanged(): void {
    const chain = this.#modules.chain();
    this.#voters = countedVoters(chain);
    this.#quorum.setLists(countedLists(chain));
    for (const session of this.#attached.values()) {
      this.#noteCounting(session);
      this.#report(session);
    }
    if (this.#rounds.running !== null)
      for (const session of this.counted()) session.sendProbe(this.#rounds.running);
    this.moved();
    this.onAttached.emit();
  }

  /** Tells all replicas, those that are removed included, of the newest list. */
  sendList(settled: boolean): void {
    const entry = newestEntry(this.#modules.chain());
    if (entry) for (const session of this.#attached.values()) session.sendList({ entry, settled });
  }

  /** Its link is closed: it is no member any more. */
  dismiss(node: string, reason: string): void {
    this.#attached.get(node)?.close(reason, 'REMOVED');
    this.#durable.delete(node);
    this.#adopted.delete(node);
  }

  /** Voters whose log has reached this entry of the chain, this node included. */
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

  /** A voter counts with the log that the list names, and with no other (rules C6, E5). */
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

  /** Its log is whole and no older than it was seen before. */
  isSound({ attach }: ReplicaSession): boolean {
    return !attach.damaged && !this.#isSetBack(attach);
  }

  /** Its files are older than what was seen of it: an image of the disk was put back (rules H2, E5). */
  #isSetBack({ incarnation, boot }: ReplicaSession['attach']): boolean {
    return boot < (this.#boots.get(incarnation) ?? 0);
  }

  #noteBoot({ node, attach }: ReplicaSession): void {
    const { incarnation, boot } = attach;
    if (!this.#isSetBack(attach)) {
      this.#boots.set(incarnation, boot);
      return;
    }
    const reason = `The files of ${node} are older than what was seen of them: they show ${boot} starts, and had shown ${this.#boots.get(incarnation)}. It does not count. Delete its spool directory, so that it is admitted anew.`;
    this.#modules.events.add('replication.error', node, reason, { code: 'STATE_SET_BACK' });
  }

  #feedFailed(session: ReplicaSession, error: unknown): void {
    const reason = `${session.node} cannot catch up from the binary log: ${messageOf(error)}`;
    const code = isLogPurged(error) ? LOG_PURGED : isSkeinError(error) ? error.code : 'CATCH_UP_FAILED';
    this.#modules.events.add('replication.error', session.node, reason, { code });
    session.close(reason, code === LOG_PURGED ? LOG_PURGED : undefined);
  }

  /** @throws SkeinError NOT_ATTACHED */
  orderSeed(node: string, order: SeedOrder): void {
    const session = this.#attached.get(node);
    if (!session)
      throw new SkeinError(
        'NOT_ATTACHED',
        `${node} is not attached to the primary now, so it cannot be told. Is its node running?`,
      );
    session.orderSeed(order);
  }

  get sessions(): ReplicaSession[] {
    return [...this.#attached.values()];
  }

  /** Those whose word counts: voters with a sound log. */
  counted(): ReplicaSession[] {
    return [...this.#attached.values()].filter((session) => this.#counts(session));
  }

  /** Of these, the ones that were heard of lately. */
  get heard(): number {
    return this.heardNames.size;
  }

  get heardNames(): ReadonlySet<string> {
    const heard = this.counted().filter(({ node }) => this.#modules.isHeard(node));
    return new Set(heard.map(({ node }) => node));
  }

  /** Replicas without which nothing is answered. */
  get needed(): number {
    return this.#options.acknowledge === 'async' ? 0 : this.#quorum.replicasNeededToAnswer;
  }

  get hasQuorum(): boolean {
    return this.#missing === 0;
  }

  get #missing(): number {
    return this.#quorum.missingToAnswer(this.heardNames);
  }

  get missing(): string {
    const missing = this.#missing;
    return `Waiting for ${missing} more replica${missing === 1 ? '' : 's'} to attach. Nothing is served before that.`;
  }

  /** Whether this replica is attached and its server has executed everything up to `ordinal`. */
  hasApplied(node: string, ordinal: number): boolean {
    return this.#attached.has(node) && (this.#applied.get(node) ?? -1) >= ordinal;
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
    const { answered, released } = this.#quorum;
    const everywhere = this.#quorum.reached('all');
    const told = this.#told;
    if (answered === told.answered && released === told.released && everywhere === told.everywhere) return;
    this.#told = { answered, released, everywhere };
    this.#modules.moved(this.#quorum);
    this.hub.committedMoved();
    this.onCommitted.emit();
  }
}

/** The server's binary log begins behind the end of the replica's spool. */
function isLogPurged(error: unknown): boolean {
  return isSkeinError(error) && error.data.errno === ER_BEFORE_THE_LOG && PURGED.test(error.message);
}

/** The same number is used for other faults of a dump. */
const ER_BEFORE_THE_LOG = 1236;
const PURGED = /purged|Could not find GTID state requested by slave in any binlog files/i;
