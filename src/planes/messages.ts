/**
 * The messages between the planes of a node. Few kinds, and plain data: a client plane could as well be another process.
 * Facts have a port of their own, so that the client plane can take them out of it at any moment (see FactsReader).
 */
import type { MessagePort } from 'node:worker_threads';
import type { AuditFields } from '../audit/audit-trail.js';
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

/** What a client plane is given at its start. It never leaves the process. */
export interface ClientPlaneData {
  readonly config: NodeConfig;
  readonly secret: Uint8Array;
  /** Makes dumps of the server: a path, or a name to be looked up. */
  readonly dumpProgram: string;
  readonly memory: SharedArrayBuffer;
  readonly factsPort: MessagePort;
  /** Null without TLS. */
  readonly tls: TlsIdentity | null;
  /** Those that are still kept, oldest first. */
  readonly events: readonly ClusterEvent[];
}

/** A line of the replication plane for the audit trail. */
export interface AuditLine {
  readonly number: number;
  readonly atMs: number;
  readonly fields: AuditFields;
}

export type ToClients =
  /** Positions moved, or the role changed, after the client plane began to wait. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'event'; readonly event: ClusterEvent }
  | { readonly kind: 'audit'; readonly line: AuditLine }
  /** New lines of the node's log, sent while a client follows it. */
  | { readonly kind: 'logged'; readonly lines: readonly string[] }
  | { readonly kind: 'tls'; readonly identity: TlsIdentity }
  | { readonly kind: 'cutSessions'; readonly sessions: readonly { address: string; port: number }[] }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  /** `cut`: connections of what is not open any more; `stop`: serves no more; `end`: writes what is left, and ends. */
  | { readonly kind: 'order'; readonly id: number; readonly order: Order };

export type Order = 'cut' | 'stop' | 'end';

export type ToNode =
  /** It listens. */
  | { readonly kind: 'started' }
  | { readonly kind: 'failed'; readonly error: ErrorData }
  | { readonly kind: 'ask'; readonly id: number; readonly what: Question }
  | { readonly kind: 'done'; readonly id: number }
  /** A request waits for a position. */
  | { readonly kind: 'readNow' }
  | { readonly kind: 'loginRefused' }
  /** Lines for the node's log, each with its end. */
  | { readonly kind: 'log'; readonly lines: readonly string[]; readonly urgent: boolean }
  | { readonly kind: 'follow'; readonly on: boolean }
  /** Lines of the replication plane are in the audit trail, up to this number. */
  | { readonly kind: 'audited'; readonly number: number };

/** What the client plane asks, and what it is answered. */
export interface Asked {
  status(): ClusterStatus;
  /** In the text form of Prometheus, and what that thread uses. */
  metrics(): { readonly text: string; readonly thread: ThreadFacts };
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
