import type { EventLog } from '../../events/event-log.js';
import type { CatchUp } from '../../hub/feed.js';
import { FollowerRounds } from '../../hub/follower-rounds.js';
import { Hub } from '../../hub/hub.js';
import { Quorum } from '../../hub/quorum.js';
import type { ReplicaSession } from '../../link/listener-session.js';
import { isSkeinError, messageOf, type SkeinError } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { RecordBatch } from '../../model/records.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import { Emitter } from '../../std/emitter.js';

export interface ReplicaSetOptions {
  readonly node: string;
  readonly voters: readonly string[];
  readonly acknowledge: AcknowledgeLevel;
  readonly hubWindowBytes: number;
}

export interface ReplicaSetModules {
  readonly events: EventLog;
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
  readonly #rounds: FollowerRounds;
  readonly hub: Hub;
  #quorum: Quorum;
  /** The quorum's positions when waiters were last notified. */
  #told = { answered: -1, released: -1, everywhere: -1 };
  /** The answered or committed position moved. */
  readonly onCommitted = new Emitter<void>();
  /** A replica's log or the quorum advanced; called before any client is answered for it. */
  readonly onMoved = new Emitter<void>();
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
      needed: () => this.#quorum.replicasNeeded,
      send: (round) => {
        for (const session of this.counted()) session.sendProbe(round);
      },
    });
  }

  #newQuorum(): Quorum {
    const { node, voters, acknowledge } = this.#options;
    return new Quorum({ self: node, voters, level: acknowledge });
  }

  get quorum(): Quorum {
    return this.#quorum;
  }

  /** A run of the server begins, whose log ends at `received`: nothing of before counts. */
  begin(received: number): void {
    this.#quorum = this.#newQuorum();
    this.#told = { answered: -1, released: -1, everywhere: -1 };
    this.#applied.clear();
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
    this.#attached.set(node, session);
    this.#applied.delete(node);
    session.onClosed.on(() => {
      if (feed) this.hub.detach(feed);
      if (this.#attached.get(node) === session) this.#attached.delete(node);
      this.onAttached.emit();
    });
    if (feed) {
      session.onAck.on((ack) => {
        const before = this.#quorum.released;
        this.#quorum.setDurable(node, ack.durable);
        if (this.#quorum.released > before) this.hub.movedCommit(feed);
        this.moved();
      });
      this.#quorum.setDurable(node, attach.spoolEnd.ordinal);
      this.moved();
    }
    session.onHeartbeat.on(({ positions }) => this.#applied.set(node, positions.applied));
    if (this.#counts(session)) {
      session.onEcho.on((round) => this.#rounds.answered(node, round));
      if (this.#rounds.running !== null) session.sendProbe(this.#rounds.running);
    }
    this.onAttached.emit();
  }

  #counts({ node, attach }: ReplicaSession): boolean {
    return this.#options.voters.includes(node) && !attach.damaged;
  }

  #feedFailed(session: ReplicaSession, error: unknown): void {
    const reason = `${session.node} cannot catch up from the binary log: ${messageOf(error)}`;
    this.#modules.events.add('replication.error', session.node, reason, {
      code: isSkeinError(error) ? error.code : 'CATCH_UP_FAILED',
    });
    session.close(reason);
  }

  /** Those whose word counts: voters with a sound log. */
  counted(): ReplicaSession[] {
    return [...this.#attached.values()].filter((session) => this.#counts(session));
  }

  /** Of these, the ones that were heard of lately. */
  get heard(): number {
    return this.counted().filter(({ node }) => this.#modules.isHeard(node)).length;
  }

  /** Replicas without which nothing is answered. */
  get needed(): number {
    return this.#options.acknowledge === 'async' ? 0 : this.#quorum.replicasNeededToAnswer;
  }

  get hasQuorum(): boolean {
    return this.heard >= this.needed;
  }

  get missing(): string {
    const missing = this.needed - this.heard;
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
