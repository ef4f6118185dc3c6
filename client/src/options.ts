/** Options and results of calls. Types only. */
import type { Column, SqlAnswer, StreamedResult } from './api.js';
import type { ParseJson } from './lines.js';
import type { Fetch } from './transport.js';
import type { StatementParameters } from './values.js';

export interface ClientOptions {
  /** Addresses of one or more nodes (`http://host:port`). The client learns the others from them. */
  readonly nodes: string | readonly string[];
  /** The token, or a function that returns it, called before each request. */
  readonly token: string | (() => string | Promise<string>);
  /** Default database of all statements. */
  readonly database?: string;
  /** Deadline of a whole call in ms, all attempts included. Default 30 000. */
  readonly timeoutMs?: number;
  /**
   * Learn the members and their addresses from `/v1/cluster`. Default true. false: use only the
   * configured addresses; a replica among them forwards to the primary what it cannot do itself (a page in a browser can
   * often reach only the node that served it).
   */
  readonly discover?: boolean;
  /** Give each write an idempotency key, so that it can be sent again when its answer was lost. Default true. */
  readonly idempotent?: boolean;
  readonly fetch?: Fetch;
  /**
   * Reads the JSON of an answer. Default `JSON.parse`, which rounds numbers beyond 2^53 inside of JSON columns; another one
   * can keep their digits.
   */
  readonly parseJson?: ParseJson;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/**
 * `session`: not older than anything this session has written or seen. `local`: whatever the node has. `bounded`: at most
 * `maxLagMs` behind. `primary` and `linearizable`: what the primary has, the latter confirmed by a quorum.
 */
export type ReadLevel = 'session' | 'local' | 'bounded' | 'primary' | 'linearizable';

export interface StatementOptions extends CallOptions {
  readonly database?: string;
  /** Rows as objects (default) or as arrays. */
  readonly rows?: 'object' | 'array';
  /** BIGINT as strings (default), or as numbers, with an error for values that a number cannot represent. */
  readonly bigint?: 'string' | 'number';
}

export interface ReadOptions extends StatementOptions {
  /** Default `session`. */
  readonly level?: ReadLevel;
  /** With `bounded`. */
  readonly maxLagMs?: number;
}

export interface ScriptOptions extends ReadOptions {
  /** The only node that is asked. Default: the primary. */
  readonly node?: string;
}

export interface WriteOptions extends StatementOptions {
  /** More than the cluster's level, never less. */
  readonly acknowledge?: 'majority' | 'all';
  /** Default: the client makes one. false: no key, and the write is not sent again when its answer is lost. */
  readonly idempotencyKey?: string | false;
}

export interface BatchOptions extends WriteOptions {
  /** Default true: all or nothing. */
  readonly transaction?: boolean;
}

export interface TransactionOptions extends CallOptions {
  /** A snapshot, on a replica where there is one. */
  readonly readOnly?: boolean;
  readonly isolation?: 'read-uncommitted' | 'read-committed' | 'repeatable-read' | 'serializable';
  readonly database?: string;
  /** The transaction is rolled back after this time without a statement. */
  readonly idleMs?: number;
  readonly totalMs?: number;
  readonly acknowledge?: 'majority' | 'all';
  /** How often the whole transaction is repeated after a deadlock or a lock time-out. Default 0. */
  readonly retries?: number;
}

export type Row = Record<string, unknown>;

export interface Statement {
  readonly sql: string;
  readonly params?: StatementParameters;
}

/** Of one statement. */
export interface Result<R = Row> {
  readonly columns: readonly Column[];
  readonly rows: R[];
  readonly rowCount: number;
  readonly affectedRows: number;
  readonly insertId: string | null;
  readonly warnings: number;
  readonly durationMs: number;
  /** All result sets of the statement; a procedure may give several, of which `rows` is the first. */
  readonly resultSets: readonly ResultSet<R>[];
}

export interface ResultSet<R = Row> {
  readonly columns: readonly Column[];
  readonly rows: R[];
}

/** The node that answered, and its position. */
export type AnsweredBy = Pick<
  SqlAnswer,
  'position' | 'node' | 'role' | 'epoch' | 'lagMs' | 'acknowledgedBy'
> & {
  /** True: an earlier attempt had done the write; these are its results. */
  readonly replayed: boolean;
};

export type StatementResult<R = Row> = Result<R> & AnsweredBy;

export interface BatchResult extends AnsweredBy {
  /** A procedure may give several for one statement: `statement` is its index. */
  readonly results: readonly (Omit<Result, 'resultSets'> & { readonly statement?: number })[];
}

export interface StreamSummary extends AnsweredBy {
  readonly results: readonly StreamedResult[];
}
