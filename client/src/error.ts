/** The one class of errors that this package throws. */
import type { NodeErrorCode, StreamedResult } from './api.js';

/** Whether the requested change has happened. */
export type Applied = 'no' | 'yes' | 'partial' | 'unknown';

/** Codes of the client itself. */
export type ClientErrorCode =
  /** No node could be reached, or the connection was lost before an answer. */
  | 'NODE_UNREACHABLE'
  /** The signal of the caller was aborted; `cause` is its reason. */
  | 'ABORTED'
  /** The call timed out, with all its attempts. */
  | 'TIMEOUT'
  /** The answer is not one of a Skein node. */
  | 'BAD_ANSWER'
  /** A stream ended without its last line, so it is not complete. */
  | 'STREAM_CUT';

export interface SkeinErrorDetails {
  readonly status?: number;
  readonly applied?: Applied;
  readonly retryable?: boolean;
  readonly errno?: number;
  readonly sqlState?: string;
  readonly statement?: number;
  readonly primary?: string | null;
  readonly requestId?: string | null;
  readonly retryAfterMs?: number;
  readonly idempotencyKey?: string | null;
  readonly results?: readonly StreamedResult[] | null;
  readonly cause?: unknown;
}

export class SkeinError extends Error {
  /** `ER_...` is the database server's own. */
  readonly code: NodeErrorCode | ClientErrorCode | (string & {});
  /** HTTP status; 0 = there was no answer. */
  readonly status: number;
  /** Reliable with any code. `unknown`: the outcome is not known yet (see `SkeinClient.outcome`). */
  readonly applied: Applied;
  readonly retryable: boolean;
  /** The database server's error number. */
  readonly errno: number | null;
  readonly sqlState: string | null;
  /** Index of the statement that failed. */
  readonly statement: number | null;
  /** Address of the primary, where a node named it. */
  readonly primary: string | null;
  /** The request's id in the node's log. */
  readonly requestId: string | null;
  /** The key of a write whose outcome can be asked for. */
  readonly idempotencyKey: string | null;
  readonly retryAfterMs: number;
  /** Of several statements: what those before the failed one did, where the node tells it. */
  readonly results: readonly StreamedResult[] | null;

  constructor(code: SkeinError['code'], message: string, details: SkeinErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'SkeinError';
    this.code = code;
    this.status = details.status ?? 0;
    this.applied = details.applied ?? 'no';
    this.retryable = details.retryable ?? false;
    this.errno = details.errno ?? null;
    this.sqlState = details.sqlState ?? null;
    this.statement = details.statement ?? null;
    this.primary = details.primary ?? null;
    this.requestId = details.requestId ?? null;
    this.idempotencyKey = details.idempotencyKey ?? null;
    this.retryAfterMs = details.retryAfterMs ?? 0;
    this.results = details.results ?? null;
  }

  /** A copy of the error with further data. */
  with(more: SkeinErrorDetails): SkeinError {
    const { code, message, ...known } = this;
    const details = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== null));
    const copy = new SkeinError(code, this.message, { ...details, cause: this.cause, ...more });
    copy.stack = this.stack ?? '';
    return copy;
  }
}
