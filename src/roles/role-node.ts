import type { NodeView } from '../api/node-view.js';
import type { NodeConfig } from '../config/node-config.js';
import type { Assignment } from '../election/election.js';
import type { EventLog } from '../events/event-log.js';
import type { WelcomeDecision } from '../link/greeting.js';
import type { ReplicaSession } from '../link/listener-session.js';
import type { SeedSession } from '../link/seed-sender.js';
import type { MetricFamily } from '../metrics/text.js';
import { SkeinError } from '../model/error.js';
import type { MemberChange, MemberPlace } from '../model/members.js';
import type { Position } from '../model/position.js';
import type { SeedNeed, SeedProgress } from '../model/seed.js';
import type { ClusterStatus, MembersDocument } from '../model/status.js';
import type { RoundReport, VerifyDocument, VerifyRequest } from '../model/verify.js';
import type { AccountName } from '../mysql-control/accounts.js';
import type { Flavour } from '../mysql-protocol/flavour.js';
import type { Spool } from '../spool/spool.js';
import type { Emitter } from '../std/emitter.js';
import type { Histogram } from '../std/histogram.js';
import type { Logger } from '../std/logger.js';
import type { TlsSource } from '../std/tls-source.js';
import type { AttachInfo, HeartbeatBody, SeedOrder } from '../wire/messages.js';
import type { ChainFile } from './chain-file.js';
import type { LocalControl, LocalServerUp, ReplicaThreads, ServerReading } from './local-server.js';

/** Fills this node's server from another node; see src/seeding. */
export interface Seeding {
  /** Asks for it. Says why it is not done by itself now; null = it is under way. */
  need(need: SeedNeed): string | null;
  /** @throws SkeinError NOT_SEEDING, SEED_NOT_CANCELLABLE */
  cancel(reason: string): Promise<void>;
  readonly isRunning: boolean;
  /** Why no client may be served; null = because of this one may. */
  readonly closed: string | null;
  readonly progress: SeedProgress | null;
  /** Groups from this ordinal on must stay in the spool. */
  readonly keepsFrom: number;
  readonly onChange: Emitter<void>;
}

/** What that needs of a replica's role. */
export interface SeedTarget {
  /** Ordinal that the primary of the present epoch has called committed; null = it was not heard yet. */
  committed(): number | null;
  /** Ordinal up to which the server has executed; null = it does not follow this node now. */
  applied(): number | null;
  /** The spool goes on after this position, which the server's data covers. */
  restartSpool(position: Position): Promise<void>;
  /** The server has other data: what was known of it is forgotten. */
  dataReplaced(): void;
}

/** What a node owns and lends to the role that it has. */
export interface NodeParts {
  config: NodeConfig;
  secret: Buffer;
  /** Of the cluster; random, made at its birth. */
  clusterId: string;
  /** Where this node is. */
  place: MemberPlace;
  /** Starts of this node so far. */
  boot: number;
  /** For the link; null = plain. */
  linkTls: TlsSource | null;
  logger: Logger;
  flavour: Flavour;
  chainFile: ChainFile;
  spool: Spool;
  /** Of the spool's syncs. */
  fsyncTimes: Histogram;
  events: EventLog;
  readonly seeding: Seeding;
  /** A node wants a snapshot of this node's server. */
  seedRequested(session: SeedSession): void;
  control(): LocalControl;
  /** SIGKILL; the server is started again. Resolves when its end is certain. */
  kill(reason: string): Promise<void>;
  /** Resolves when no client is served through what is closed by now: their connections are cut. */
  cutClients(): Promise<void>;
  /** An id for the server that it never had, and that no transaction ever bears (rule C10). */
  newServerId(): Promise<number>;
  /** The number of the next epoch, see Election. */
  newEpoch(known: number): Promise<number>;
  /** What a crash of the server left behind is settled. */
  settled(): Promise<void>;
  /** Ends this process: it must not go on, and is started again. */
  fail(error: SkeinError): void;
  prepareSystem(): Promise<void>;
  passwordOf(account: AccountName | 'skein_endpoint'): string;
  /** Members that are about to lose, or have lost, their place in this server's binary log. */
  logWarnings(): readonly string[];
  heartbeatBase(): Omit<HeartbeatBody, 'role' | 'epoch' | 'positions' | 'lagMs' | 'applier' | 'reason'>;
}

/** Where a role stands, in ordinals. Read at every move, so it costs no more than its numbers. */
export interface RolePositions {
  /**
   * The count in which these positions move: another object when the primary begins to count again, null while nothing
   * is counted here (a replica, a closed primary). A wait for a position in a count that has ended never resolves.
   */
  readonly count: object | null;
  /** In the log of this node (on a replica: in its spool). */
  readonly received: number;
  /** Durable on a majority of the voters. */
  readonly committed: number;
  /** Durable on all voters. */
  readonly everywhere: number;
  /** The server may answer its clients up to here. */
  readonly answered: number;
  /** Visible in the local server. */
  readonly applied: number;
  /** Durable on each voter besides this node, in the order of `voters()`. */
  readonly durable: readonly number[];
  /** ms; null = not known. */
  readonly lagMs: number | null;
}

/** The part of a node that follows from its role; the rest (server, HTTP, logs) is the same for both. */
export interface RoleNode extends Pick<NodeView, 'epoch' | 'isOpen' | 'ready' | 'confirmPrimary'> {
  readonly role: 'primary' | 'replica';
  /** Openness, or the primary's name or address, may have changed. Listeners run before the role continues. */
  readonly onChange: Emitter<void>;
  /** One of the positions moved. Many times a second: listeners do next to nothing. */
  readonly onMoved: Emitter<void>;
  positions(): RolePositions;
  /** On the primary: voters besides this node. */
  voters(): readonly string[];
  members(): MembersDocument;
  /** See MemberChanges. @throws SkeinError NOT_PRIMARY, and those */
  changeMembers(change: MemberChange): Promise<void>;
  /** The node's disk has no room: nothing more is written on it, for this reason. Null: there is room again. */
  holdWrites(reason: string | null): Promise<void>;
  /**
   * An operator wants a node to be filled, or that to end: this one, or on a primary an attached replica.
   * @throws SkeinError NOT_PRIMARY, NOT_ATTACHED, SEED_OF_PRIMARY, NOT_SEEDING, SEED_NOT_CANCELLABLE
   */
  orderSeed(node: string, order: SeedOrder): Promise<void>;
  /** Null = this node is no replica now. */
  seedTarget(): SeedTarget | null;
  clusterStatus(): ClusterStatus;
  /** A request waits for a position: the log is read now. */
  readNow(): void;
  watch(reading: ServerReading): void;
  heartbeat(): HeartbeatBody;
  /** What only this role has, for `GET /metrics`. */
  metrics(): MetricFamily[];
  watchThreads(threads: ReplicaThreads | null): Promise<void>;
  /** Comparisons of rows with the replicas. @throws SkeinError NOT_PRIMARY */
  verify(): Verifying;
}

export interface Verifying {
  readonly document: VerifyDocument;
  /** @throws SkeinError NOT_OPEN, VERIFY_RUNNING */
  start(options: VerifyRequest & { readonly background: boolean }): RoundReport;
  cancel(): boolean;
}

export function noVerifying(): Verifying {
  throw new SkeinError('NOT_PRIMARY', 'This node is a replica. Rows are compared by the primary.');
}

/** One role of a node, from its beginning to its end: it borrows the node's parts. */
export interface RoleScope extends RoleNode {
  /** The status document has changed: replicas are told at once. */
  readonly onStatus: Emitter<void>;
  start(): Promise<void>;
  /** The node stops: nothing is told to the server. */
  stop(): Promise<void>;
  /**
   * The node gets another role. When it resolves, this one has no session and no port any more, and the server is fit for
   * the next role. Rejects with the signal's reason, and then the role goes on, while it may still be kept.
   */
  end(next: Assignment, signal: AbortSignal): Promise<void>;
  serverUp(up: LocalServerUp): Promise<void>;
  serverDown(reason: string): void;
  /** Whether a replica that has dialled may attach. */
  welcome(attach: AttachInfo): WelcomeDecision;
  attached(session: ReplicaSession): void;
  /** On a replica: the primary is another node now. */
  follow(primary: string | null): void;
}
