/**
 * The messages between the replication plane of a node and its client planes. Few kinds, and plain data: a client plane
 * could as well be another process. Facts have a port of their own, so that a client plane can take them out of it at any
 * moment (see FactsReader).
 */
import type { MessagePort } from 'node:worker_threads';
import type { AuditFields } from '../audit/audit-trail.js';
import type { DescriptorBudget } from '../config/descriptor-budget.js';
import type { NodeConfig } from '../config/node-config.js';
import type { ThreadFacts } from '../metrics/process-metrics.js';
import type { Chain } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import type { MemberChange } from '../model/members.js';
import type { Promotion, PromotionOrder } from '../model/promotion.js';
import type { ClusterEvent, ClusterStatus, MemberState, MembersDocument } from '../model/status.js';
import type { Switchover, SwitchoverOrder } from '../model/switchover.js';
import type { RoundReport, VerifyDocument, VerifyRequest } from '../model/verify.js';
import type { ServerBinary } from '../server-packages/server-binary.js';
import type { TlsIdentity } from '../std/tls-source.js';

/** What changes seldom, and is not a number. */
export interface PlaneFacts {
  /** Why clients are not served, for people; null = they are served. */
  readonly closedReason: string | null;
  readonly ready: { readonly ok: boolean; readonly state: MemberState; readonly reason: string | null };
  /** Null while the local server is down. */
  readonly server: {
    readonly socketPath: string;
    readonly port: number;
    /** As `PlaneState.generation`. */
    readonly generation: number;
  } | null;
  /** Null when none is known. */
  readonly primary: {
    readonly name: string;
    readonly mysqlRw: string | null;
    readonly mysqlRo: string | null;
  } | null;
  /** Base address of the primary's HTTP. */
  readonly primaryHttp: string | null;
  /** All voters but this node, in the order of `PlaneState.durable`. */
  readonly voters: readonly string[];
}

/** Contains what has changed. A second message with the number alone follows when the shared memory has the number. */
export interface FactsMessage {
  readonly number: number;
  readonly facts?: PlaneFacts;
  readonly chain?: Chain;
}

/** The client planes. Each has a thread of its own. When one fails, only that one is started again. */
export type PlaneName = PlaneData['plane'];

/** What a client plane shares with the replication plane while it runs. */
export interface PlaneEnds {
  /** See StateReader. */
  readonly state: SharedArrayBuffer;
  /** See PlaneSignals. */
  readonly signals: SharedArrayBuffer;
  /** Brings facts, see FactsReader. */
  readonly factsPort: MessagePort;
}

/** What every client plane gets at its start. It contains secrets and never leaves the process. */
export interface CommonPlaneData extends PlaneEnds {
  readonly config: NodeConfig;
  readonly secret: Uint8Array;
  readonly budget: DescriptorBudget;
}

/** Where the programs of the local server are. */
export interface ServerPrograms {
  readonly binary: ServerBinary;
  /** See chooseCacheDir. */
  readonly cacheDir: string;
}

export interface HttpPlaneData extends CommonPlaneData {
  readonly plane: 'http';
  readonly clusterId: string;
  readonly server: ServerPrograms;
  /** Null without TLS. */
  readonly tls: TlsIdentity | null;
  /** The events that the node still keeps, oldest first. */
  readonly events: readonly ClusterEvent[];
}

export interface MysqlPlaneData extends CommonPlaneData {
  readonly plane: 'mysql';
}

export type PlaneData = HttpPlaneData | MysqlPlaneData;

/** A line of the replication plane for the audit trail. */
export interface AuditLine {
  readonly number: number;
  readonly atMs: number;
  readonly fields: AuditFields;
}

/** Orders of the replication plane to a client plane. The return type is what the client plane answers when it is done. */
export interface Orders {
  /** Cut the connections that the present state does not admit. */
  cut(): void;
  /** Stop serving clients. */
  stop(): void;
  /** Write what is left to write; no message follows the answer. */
  end(): void;
  measure(): PlaneFigures;
}
export type Order = keyof Orders;
export type DoneOf<What extends Order> = ReturnType<Orders[What]>;

/** For `GET /metrics`. */
export interface PlaneFigures {
  /** In the text form of Prometheus. */
  readonly text: string;
  readonly thread: ThreadFacts;
}

/** To every client plane. */
export type ToPlane = { readonly kind: 'order'; readonly id: number; readonly order: Order };

export type ToHttp =
  | ToPlane
  /** The plane waits (see PlaneSignals), and a position has moved or the role has changed. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'event'; readonly event: ClusterEvent }
  | { readonly kind: 'audit'; readonly line: AuditLine }
  /** New lines of the node's log, sent while a client follows it. */
  | { readonly kind: 'logged'; readonly lines: readonly string[] }
  | { readonly kind: 'tls'; readonly identity: TlsIdentity }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer };

export type ToMysql =
  | ToPlane
  /** Cut the client connections to which these sessions of the local server belong. */
  | { readonly kind: 'cutSessions'; readonly sessions: readonly { address: string; port: number }[] };

/** From every client plane. */
export type FromPlane =
  /** The plane's ports are open. */
  | { readonly kind: 'started' }
  | { readonly kind: 'failed'; readonly error: ErrorData }
  /** The answer to an order; `value` as in Orders. */
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  /** Lines for the node's log, each with its line break. */
  | { readonly kind: 'log'; readonly lines: readonly string[]; readonly urgent: boolean };

/** From the HTTP plane alone. */
export type FromHttp =
  | { readonly kind: 'ask'; readonly id: number; readonly what: Question; readonly input?: unknown }
  /** A request waits for a position. */
  | { readonly kind: 'readNow' }
  | { readonly kind: 'loginRefused' }
  | { readonly kind: 'follow'; readonly on: boolean }
  /** The audit trail has the replication plane's lines up to this number. */
  | { readonly kind: 'audited'; readonly number: number };

/** Questions of the HTTP plane to the replication plane, and the answers. */
export interface Asked {
  status(): ClusterStatus;
  members(): MembersDocument;
  changeMembers(change: MemberChange): void;
  /** The figures of the other planes. A plane that does not answer in time is left out. */
  metrics(): readonly PlaneFigures[];
  confirmPrimary(): void;
  verify(): VerifyDocument;
  startVerify(request: VerifyRequest): RoundReport;
  cancelVerify(): boolean;
  reconcileUsers(): void;
  /** Write all pending lines of the log into its file. */
  flushLog(): void;
  orderSeed(order: { node: string; order: 'start' | 'cancel'; reason: string }): void;
  switchover(order: SwitchoverOrder): Switchover;
  promote(order: PromotionOrder): Promotion;
  setMaintenance(on: boolean): void;
}
export type Question = keyof Asked;
export type AnswerTo<What extends Question> = ReturnType<Asked[What]>;
/** What is asked with it; undefined = nothing. */
export type InputOf<What extends Question> = Parameters<Asked[What]>[0];

export type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: ErrorData };

export interface ErrorData {
  readonly code: string;
  readonly message: string;
  readonly data: Record<string, unknown>;
}

export function errorData(error: unknown): ErrorData {
  if (error instanceof SkeinError) {
    const { code, message, data } = error;
    return { code, message, data: JSON.parse(JSON.stringify(data)) };
  }
  return {
    code: 'UNEXPECTED',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    data: {},
  };
}

export function errorOf({ code, message, data }: ErrorData): SkeinError {
  return new SkeinError(code, message, { data });
}
