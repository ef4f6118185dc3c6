import type { NodeView } from '../api/node-view.js';
import type { NodeConfig } from '../config/node-config.js';
import type { Fitness } from '../election/state.js';
import type { EventLog } from '../events/event-log.js';
import type { AccountName } from '../flavour/accounts.js';
import type { Flavour } from '../flavour/flavour.js';
import type { WelcomeDecision } from '../link/greeting.js';
import type { ReplicaSession } from '../link/listener-session.js';
import type { SeedSession } from '../link/seed-sender.js';
import type { MetricFamily } from '../metrics/text.js';
import type { Chain, ChainPlace } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import type { MemberChange, MemberList, MemberPlace } from '../model/members.js';
import type { Position } from '../model/position.js';
import type { ClusterStatus, FailoverStatus, MembersDocument } from '../model/status.js';
import type { RoundReport, VerifyDocument, VerifyRequest } from '../model/verify.js';
import type { Spool } from '../spool/spool.js';
import type { Emitter } from '../std/emitter.js';
import type { Histogram } from '../std/histogram.js';
import type { Logger } from '../std/logger.js';
import type { TlsSource } from '../std/tls-source.js';
import type { AttachInfo, HeartbeatBody, SeedOrder } from '../wire/messages.js';
import type { ChainFile } from './chain-file.js';
import type { LocalControl, LocalServerUp, ReplicaThreads, ServerReading } from './local-server.js';
import type { Maintenance } from './maintenance.js';
import type { OpenMark } from './open-mark.js';
import type { ReplicaRole } from './replica/replica-role.js';
import type { Seeding, SeedTarget } from './seed-parts.js';

/**
 * The role that a node must take. `primary` names the node to follow, and `epoch` that for which it was elected; null and
 * undefined = none is known yet.
 */
export type Assignment =
  | { readonly kind: 'primary'; readonly epoch: number }
  | { readonly kind: 'replica'; readonly primary: string | null; readonly epoch?: number };

/** What the roles tell the node's election, and ask of it. */
export interface ElectionPort {
  /** The chain, with an entry that is being written. */
  readonly chain: Chain;
  /** The log of the only voter has what its server had logged beyond it: now the election may begin. */
  isLevel(): void;
  /** Whether this node has promised no newer epoch (rule H1). */
  isCurrent(epoch: number): boolean;
  /** A replica has cut its log to its primary's chain, and then written the chain. */
  chainFollowed(chain: Chain): void;
  /** A session of this epoch says how far its node has adopted the chain. */
  adopted(member: { from: string; incarnation: string; epoch: number; place: ChainPlace }): void;
  /**
   * Changes the list of members. Resolves when the entry is on this node's disk.
   * @throws SkeinError CHANGE_REFUSED | CHANGE_INTERRUPTED
   */
  changeMembers(members: MemberList, end: Position): Promise<void>;
  /** The server is open for clients in this epoch. */
  served(epoch: number): void;
  failover(): FailoverStatus;
  /** That this node was removed from the cluster, for people; null = it has not heard so. */
  removal(): string | null;
}

/** The parts that a node owns and lends to its current role. */
export interface NodeParts {
  config: NodeConfig;
  secret: Buffer;
  /** Random id of the cluster, made when the cluster was founded. */
  clusterId: string;
  /** Addresses of this node. */
  place: MemberPlace;
  /** Number of starts of this node so far. */
  boot: number;
  /** TLS of the link; null = without TLS. */
  linkTls: TlsSource | null;
  logger: Logger;
  flavour: Flavour;
  chainFile: ChainFile;
  openMark: OpenMark;
  maintenance: Maintenance;
  readonly election: ElectionPort;
  spool: Spool;
  /** Durations of the spool's fsyncs. */
  fsyncTimes: Histogram;
  events: EventLog;
  readonly seeding: Seeding;
  /** Another node requests a snapshot of this node's server. */
  seedRequested(session: SeedSession): void;
  control(): LocalControl;
  /** Kills the server (SIGKILL); it is started again. Resolves when the process has certainly ended. */
  kill(reason: string): Promise<void>;
  /** Why nobody should count on the server now: it has answered nothing for a while. A sentence; null = it answers. */
  serverSilence(): string | null;
  /** Resolves when the connections of all clients that the role no longer serves are cut. */
  cutClients(): Promise<void>;
  /** A server id that the server never had and that no transaction has (rule C10). */
  newServerId(): Promise<number>;
  /** The recovery after a crash of the server is complete. */
  crashHandled(): Promise<void>;
  /** Ends this process, which must not continue. It is started again. */
  fail(error: SkeinError): void;
  prepareSystem(): Promise<void>;
  passwordOf(account: AccountName | 'skein_endpoint'): string;
  /** Warnings about members that will lose, or have lost, their place in this server's binary log. */
  logWarnings(): readonly string[];
  heartbeatBase(): Omit<HeartbeatBody, 'role' | 'epoch' | 'positions' | 'lagMs' | 'applier' | 'reason'>;
}

/** The positions of a role, as ordinals. Read at each change of a position, so it must be cheap. */
export interface RolePositions {
  /**
   * Identifies the count of acknowledgements to which the positions belong. It is another object when the primary begins to
   * count again, and null while this node counts nothing (a replica, a closed primary). A wait for a position in a count
   * that has ended never resolves.
   */
  readonly count: object | null;
  /** End of this node's log (on a replica: of its spool). */
  readonly received: number;
  /** Durable on a majority of the voters. */
  readonly committed: number;
  /** Durable on all voters. */
  readonly everywhere: number;
  /** The server may answer its clients up to here. */
  readonly answered: number;
  /** Visible in the local server. */
  readonly applied: number;
  /** Durable on each other voter, in the order of `voters()`. */
  readonly durable: readonly number[];
  /** ms; null = not known. */
  readonly lagMs: number | null;
}

/** The part of a node that depends on its role. The rest (server, HTTP, logs) is the same for both roles. */
export interface RoleNode extends Pick<NodeView, 'epoch' | 'isOpen' | 'ready' | 'confirmPrimary'> {
  readonly role: 'primary' | 'replica';
  /** Openness, or the primary's name or address, may have changed. Listeners run before the role continues. */
  readonly onChange: Emitter<void>;
  /** A position changed. Emitted many times a second, so listeners must be cheap. */
  readonly onMoved: Emitter<void>;
  positions(): RolePositions;
  /** On the primary: the other voters. */
  voters(): readonly string[];
  members(): MembersDocument;
  /** See MemberChanges. @throws SkeinError NOT_PRIMARY, and the errors of MemberChanges.change */
  changeMembers(change: MemberChange): Promise<void>;
  /** Stops all writes to the node's full disk, with this reason. Null: the disk has space again. */
  holdWrites(reason: string | null): Promise<void>;
  /**
   * An operator orders that a node is filled, or that its seed is cancelled. The node is this one, or on a primary an
   * attached replica.
   * @throws SkeinError NOT_PRIMARY, NOT_ATTACHED, SEED_OF_PRIMARY, SEED_OF_WITNESS, NOT_SEEDING, SEED_NOT_CANCELLABLE
   */
  orderSeed(node: string, order: SeedOrder): Promise<void>;
  /** Null = this node is not a replica now. */
  seedTarget(): SeedTarget | null;
  clusterStatus(): ClusterStatus;
  /** A request waits for a position, so the log is read without waiting for a batch. */
  readNow(): void;
  watch(reading: ServerReading): void;
  heartbeat(): HeartbeatBody;
  /** The metrics of this role, for `GET /metrics`. */
  metrics(): MetricFamily[];
  /** On the primary: how long commits have waited for their quorum, in seconds. */
  commitWaits?(): Histogram;
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
  throw new SkeinError('NOT_PRIMARY', 'This node is not the primary. Rows are compared by the primary.');
}

export async function noChange(): Promise<void> {
  throw new SkeinError('NOT_PRIMARY', 'Only the primary changes the list of members.');
}

export async function noConfirming(): Promise<void> {
  throw new SkeinError('NOT_PRIMARY', 'This node is not the primary, so it cannot confirm that it is.');
}

/** One role of a node, from its beginning to its end. It borrows the node's parts. */
export interface RoleScope extends RoleNode {
  /** The status document has changed, and is sent to the replicas at once. */
  readonly onStatus: Emitter<void>;
  start(): Promise<void>;
  /** The node stops. The role leaves the server as it is. */
  stop(): Promise<void>;
  /**
   * Ends this role because the node gets another one. When the promise resolves, this role has no session and no port, and
   * the server is ready for the next role. Resolves with the work of a replica, where the elected primary goes on with it: its
   * server has to execute the rest of the log.
   */
  end(next: Assignment): Promise<ReplicaRole | null>;
  /**
   * A newer epoch has begun: this role takes, sends and acknowledges nothing more from the call on. Resolves when nothing
   * that it had begun is under way in the log.
   */
  endLinks(reason: string): Promise<void>;
  /** It follows the primary of its epoch, or leads it, and the log is cut to that. */
  readonly isDecided: boolean;
  /** How the server of this node could serve clients. */
  readonly fitness: Pick<Fitness, 'serves'>;
  serverUp(up: LocalServerUp): Promise<void>;
  serverDown(reason: string): void;
  /** Whether a replica that has dialled may attach. */
  welcome(attach: AttachInfo): WelcomeDecision;
  attached(session: ReplicaSession): void;
  /** On a replica: follows another primary; null = the primary is not known. `epoch`: for which it was elected. */
  follow(primary: string | null, epoch?: number): void;
}
