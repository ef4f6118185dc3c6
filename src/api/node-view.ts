import type { Readable } from 'node:stream';
/**
 * What HTTP needs from the node it belongs to. The composition root implements it; tests implement an honest
 * small one. Everything here is about this node only, except `clusterStatus`.
 */
import type { AuditFilter } from '../audit/search.js';
import type { Flavour } from '../flavour/flavour.js';
import type { JoinCertificates, JoinTls } from '../joining/messages.js';
import type { History } from '../model/history.js';
import type { MemberPlace } from '../model/members.js';
import type { Position } from '../model/position.js';
import type { Promotion, PromotionOrder } from '../model/promotion.js';
import type { ClientStatement } from '../model/running-statement.js';
import type {
  AcknowledgeLevel,
  ClusterEvent,
  ClusterStatus,
  MemberRole,
  MemberState,
  MembersDocument,
  Role,
} from '../model/status.js';
import type { Switchover, SwitchoverOrder } from '../model/switchover.js';
import type { RoundReport, VerifyDocument, VerifyRequest } from '../model/verify.js';
import type { Cancellation } from '../std/cancellation.js';
import type { FoundLines } from '../std/newest-lines.js';
import type { LogFilter } from './log-filter.js';

/** Whether requests may reach the local server at all (reads included, rule H9). */
export type Openness =
  | { readonly open: true }
  /** `code` becomes the error code of a 503, of a 421 where the node has no server at all; `reason` is for people. */
  | {
      readonly open: false;
      readonly code: 'NOT_OPEN' | 'NO_QUORUM' | 'SERVER_DOWN' | 'WITNESS';
      readonly reason: string;
      /** An open primary without its majority. It serves again when that answers. */
      readonly isSuspended?: true;
    };

export interface Readiness {
  readonly ok: boolean;
  readonly role: MemberRole;
  readonly state: MemberState;
  /** ms, null when not known */
  readonly lagMs: number | null;
  /** Plain words; null when all is well. */
  readonly reason: string | null;
}

export interface ServerAccess {
  readonly socketPath: string;
  /** Makes dumps of the server: a path, or a name to be looked up. */
  readonly dumpProgram: string;
  /** Changes at every start of the server and every change of role: sessions of an older one are closed (rule C10). */
  readonly generation: string;
  /** `skein` (the node's own account) only writes the token table, which no client role may. */
  passwordOf(account: 'skein' | 'skein_read' | 'skein_write' | 'skein_admin' | 'skein_outcomes'): string;
  /** Password of an application's account; a new salt gives a new password. */
  userPassword(user: { readonly name: string; readonly salt: string }): string;
  /**
   * The server refused an account's password: a client changed it (any account may SET PASSWORD for itself on an
   * open primary, and that reaches all nodes). The node repairs it in the background; the request may be tried again.
   */
  loginRefused(): void;
}

export interface Committed {
  readonly position: Position;
  /** Names of the replicas that have it durable. */
  readonly acknowledgedBy: readonly string[];
}

export interface EventSource {
  /** Events after `id` that are still kept, oldest first; `complete` is false when some of them are gone. */
  since(id: number): { readonly events: readonly ClusterEvent[]; readonly complete: boolean };
  /** Calls `listener` for each new event; the returned function unsubscribes. */
  subscribe(listener: (event: ClusterEvent) => void): () => void;
}

/** Lines that this node writes, each one JSON object. */
export interface LineView<Filter> {
  /** The newest `count` lines that match and fit. */
  search(filter: Filter, count: number): Promise<FoundLines>;
  /** Calls `listener` with lines once they are written; the returned function unsubscribes. */
  subscribe(listener: (lines: readonly string[]) => void): () => void;
}

export interface AuditView extends LineView<AuditFilter> {
  /** Never throws, never waits. */
  add(fields: { readonly kind: string; readonly [field: string]: unknown }): void;
}

/** What a joining machine is checked against, and what it gets. */
export interface JoiningView {
  /** Of Skein. */
  readonly version: string;
  /** Of the cluster. It leaves the node in a sealed answer only. */
  readonly secret: string;
  /** The secret half of the join token with this id; 32 bytes. */
  tokenSecret(id: string): Buffer;
  /** Size of the local server's data. */
  dataBytes(): Promise<number>;
  /** Null without TLS. */
  tls(): Promise<JoinTls | null>;
  /**
   * `publicKey`: PEM; null = the member has a certificate of its own.
   * @throws SkeinError TLS_PUBLIC_KEY_INVALID, TLS_AUTHORITY_INVALID
   */
  certificates(member: {
    readonly name: string;
    /** By which clients reach it, or the others through its MySQL port. */
    readonly hosts: readonly string[];
    readonly publicKey: string | null;
  }): Promise<(JoinTls & JoinCertificates) | null>;
}

export interface NodeView {
  readonly name: string;
  readonly cluster: string;
  /** Random id, made when the cluster was founded. */
  readonly clusterId: string;
  /** Of the local server. */
  readonly flavour: Flavour;
  role(): Role;
  epoch(): number;
  isOpen(): Openness;
  ready(): Readiness;
  clusterStatus(): Promise<ClusterStatus>;
  /** The last seconds of all members, as this node saw them. */
  history(seconds: number): History;
  /** Of the members' HTTP addresses, as the list in force names them (`http://127.0.0.1:8084`). */
  memberOrigins(): ReadonlySet<string>;
  /** The list of members as this node knows it. */
  members(): Promise<MembersDocument>;
  /**
   * On the primary: resolves when it is a member, as a learner. Again for the same member: done at once.
   * @throws SkeinError of model/members.ts and of roles/primary/member-changes.ts
   */
  addMember(member: MemberPlace): Promise<void>;
  /** On the primary: resolves when it is no member any more. @throws SkeinError, as `addMember` */
  removeMember(name: string): Promise<void>;
  acknowledge(): AcknowledgeLevel;
  /** What clients' statements the local server executes now. */
  statements(): Promise<ClientStatement[]>;
  /** Ends one of them. Resolves with why it is not ended; null = it is. */
  endStatement(id: number): Promise<string | null>;
  /** Base address of the primary's HTTP (`http://host:port`), null when there is none. */
  primaryHttp(): string | null;
  /** Where the open primary is: this node, or another one at `primaryHttp`. Null: no primary is known, or this one is not open. */
  primaryIs(): 'here' | 'elsewhere' | null;
  /** Calls the listener when openness, role or primary may have changed; the returned function unsubscribes. */
  onPrimary(listener: () => void): () => void;
  /** PEM of the authority of the nodes' HTTPS; absent or undefined = those that every machine knows. */
  authority?(): string | undefined;
  /** Null while the local server is down. */
  server(): ServerAccess | null;
  /** The last position whose effects a read begun now will see. */
  appliedPosition(): Position;
  /**
   * Resolves once the local server has applied `position`.
   * @throws SkeinError POSITION_NOT_REACHED (time over) | TRANSACTION_LOST (rule M3: on a branch that was cut)
   */
  waitApplied(position: Position, options: { timeoutMs: number; signal: AbortSignal }): Promise<void>;
  /**
   * Resolves once the transaction of this node's own server is durable at `level` (never on the server's word alone).
   * Rejects when it can no longer be known here (role lost, node stops) or with the signal's reason.
   */
  waitCommitted(gtid: string, level: AcknowledgeLevel, options: { over: Cancellation }): Promise<Committed>;
  /**
   * Resolves once a quorum has answered, after this call, that it still follows this primary (rule H3).
   * Rejects on a replica, when the role is lost, or with the signal's reason.
   */
  confirmPrimary(options: { signal: AbortSignal }): Promise<void>;
  /** Resolves once this node's server has the accounts of applications as the replicated table says after the call. */
  reconcileUsers(): Promise<void>;
  /** The comparisons of rows, on the primary. @throws SkeinError NOT_PRIMARY */
  verify(): Promise<VerifyDocument>;
  /** Begins one. @throws SkeinError NOT_PRIMARY, NOT_OPEN, VERIFY_RUNNING */
  startVerify(request: VerifyRequest): Promise<RoundReport>;
  /** False: none was running. @throws SkeinError NOT_PRIMARY */
  cancelVerify(): Promise<boolean>;
  /**
   * Begins a backup of the local server: the bytes of its file. When it fails, the end of the file says why. The signal, and
   * the destruction of the stream, end it.
   * @throws SkeinError SERVER_DOWN, BACKUP_PROGRAM_MISSING, OBTAIN_FAILED
   */
  backup(signal: AbortSignal): Promise<Readable>;
  /**
   * An operator wants a node to be filled from another one, or that to end.
   * @throws SkeinError NOT_PRIMARY, NOT_ATTACHED, SEED_OF_PRIMARY, SEED_OF_WITNESS, NOT_SEEDING, SEED_NOT_CANCELLABLE
   */
  orderSeed(order: { node: string; order: 'start' | 'cancel'; reason: string }): Promise<void>;
  /**
   * An operator wants another primary. Resolves when that is open, or at once with `dryRun`.
   * @throws SkeinError NOT_PRIMARY, ALREADY_PRIMARY, NO_TARGET, TRANSFER_RUNNING, SWITCHOVER_FAILED, SWITCHOVER_UNFINISHED
   */
  switchover(order: SwitchoverOrder): Promise<Switchover>;
  /**
   * An operator wants this node to be the primary although no majority can elect it. Resolves when it is open, or at once without
   * `confirm`.
   * @throws SkeinError FORCE_NOT_NEEDED, FORCE_LOG_SHORTER, FORCE_IMPOSSIBLE, FORCE_UNFINISHED
   */
  promote(order: PromotionOrder): Promise<Promotion>;
  setMaintenance(on: boolean): Promise<void>;
  readonly events: EventSource;
  readonly audit: AuditView;
  /** This node's part of `GET /metrics`, in the text form of Prometheus. */
  metrics(): Promise<string>;
  readonly logs: LineView<LogFilter>;
  readonly joining: JoiningView;
}
