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
import type { ClusterEvent, ClusterStatus, MemberState } from '../model/status.js';
import type { TlsIdentity } from '../std/tls-source.js';

/** What changes seldom and is no number. */
export interface PlaneFacts {
  /** Why clients are not served; null = they are. For people. */
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
  /** Besides this node; the order of `PlaneState.durable`. */
  readonly voters: readonly string[];
}

/** What has not changed is left out. One that says nothing else follows when the memory names the number. */
export interface FactsMessage {
  readonly number: number;
  readonly facts?: PlaneFacts;
  readonly chain?: Chain;
}

/** The client planes. Each has a thread of its own, and fails and is started again alone. */
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

/** What every client plane is given at its start. It never leaves the process. */
export interface CommonPlaneData extends PlaneEnds {
  readonly config: NodeConfig;
  readonly secret: Uint8Array;
  readonly budget: DescriptorBudget;
}

export interface HttpPlaneData extends CommonPlaneData {
  readonly plane: 'http';
  /** Makes dumps of the server: a path, or a name to be looked up. */
  readonly dumpProgram: string;
  /** Null without TLS. */
  readonly tls: TlsIdentity | null;
  /** Those that are still kept, oldest first. */
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

/** What the replication plane orders a client plane to do, and what it is told when that is done. */
export interface Orders {
  /** Connections through what is not open any more are cut. */
  cut(): void;
  /** Nobody is served any more. */
  stop(): void;
  /** What is left has been written; nothing follows. */
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
  /** Positions moved, or the role changed, after the plane began to wait. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'event'; readonly event: ClusterEvent }
  | { readonly kind: 'audit'; readonly line: AuditLine }
  /** New lines of the node's log, sent while a client follows it. */
  | { readonly kind: 'logged'; readonly lines: readonly string[] }
  | { readonly kind: 'tls'; readonly identity: TlsIdentity }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer };

export type ToMysql =
  | ToPlane
  /** Connections behind these sessions of the local server are cut. */
  | { readonly kind: 'cutSessions'; readonly sessions: readonly { address: string; port: number }[] };

/** From every client plane. */
export type FromPlane =
  /** It listens. */
  | { readonly kind: 'started' }
  | { readonly kind: 'failed'; readonly error: ErrorData }
  /** `value`: as in Orders. */
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  /** Lines for the node's log, each with its end. */
  | { readonly kind: 'log'; readonly lines: readonly string[]; readonly urgent: boolean };

/** From the HTTP plane alone. */
export type FromHttp =
  | { readonly kind: 'ask'; readonly id: number; readonly what: Question }
  /** A request waits for a position. */
  | { readonly kind: 'readNow' }
  | { readonly kind: 'loginRefused' }
  | { readonly kind: 'follow'; readonly on: boolean }
  /** Lines of the replication plane are in the audit trail, up to this number. */
  | { readonly kind: 'audited'; readonly number: number };

/** What the HTTP plane asks, and what it is answered. */
export interface Asked {
  status(): ClusterStatus;
  /** Of the other planes. One that does not answer in time is left out. */
  metrics(): readonly PlaneFigures[];
  confirmPrimary(): void;
  levelUsers(): void;
  /** All lines that were given to the log are in its file. */
  flushLog(): void;
}
export type Question = keyof Asked;
export type AnswerTo<What extends Question> = ReturnType<Asked[What]>;

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
