/** An open transaction: its statements go to the node that opened it, one after the other, and are never sent twice. */
import type { CommittedTransaction, Outcome, SqlAnswer } from './api.js';
import type { Connection } from './connection.js';
import { SkeinError } from './error.js';
import type { Result, Row, StatementOptions, TransactionOptions } from './options.js';
import { mainResult } from './results.js';
import { requestJson } from './transport.js';
import { encodeStatement, type StatementParameters } from './values.js';

/** Deadline of a rollback. If it fails, the node rolls the idle transaction back by itself. */
const ROLLBACK_TIMEOUT_MS = 2000;

export class Transaction {
  readonly #connection: Connection;
  readonly #node: string;
  readonly #id: string;
  readonly #options: TransactionOptions;

  constructor(connection: Connection, opened: { node: string; id: string }, options: TransactionOptions) {
    this.#connection = connection;
    this.#node = opened.node;
    this.#id = opened.id;
    this.#options = options;
  }

  /** The transaction's id at its node. */
  get id(): string {
    return this.#id;
  }

  /** A statement in the transaction; reads and writes alike. @throws SkeinError */
  async query<R = Row>(
    sql: string,
    params: StatementParameters = [],
    options: Omit<StatementOptions, 'database'> = {},
  ): Promise<Result<R>> {
    const { rows = 'object', bigint } = options;
    const statement = encodeStatement(sql, params);
    const answer = await this.#here<SqlAnswer>('/v1/sql', options, (timeoutMs) => ({
      tx: this.#id,
      ...statement,
      rows,
      ...(bigint && { bigint }),
      timeoutMs,
    }));
    return mainResult<R>(answer.results);
  }

  /** The same as `query`; the name tells the reader that it writes. */
  execute<R = Row>(
    sql: string,
    params: StatementParameters = [],
    options: Omit<StatementOptions, 'database'> = {},
  ): Promise<Result<R>> {
    return this.query<R>(sql, params, options);
  }

  /** Called by `Session.transaction`. Its position. @throws SkeinError */
  async commit(): Promise<string | null> {
    const { acknowledge } = this.#options;
    try {
      const done = await this.#here<CommittedTransaction>(
        this.#path('commit'),
        this.#options,
        (timeoutMs) => ({
          ...(acknowledge && { write: { acknowledge } }),
          timeoutMs,
        }),
      );
      return done.position;
    } catch (error) {
      if (!(error instanceof SkeinError) || error.applied !== 'unknown' || error.code === 'ABORTED')
        throw error;
      return await this.#settle(error);
    }
  }

  /** The answer to the commit was lost: its outcome is stored with it, and the cluster can be asked. */
  async #settle(lost: SkeinError): Promise<string> {
    const { signal, timeoutMs } = this.#options;
    let outcome: Outcome;
    try {
      outcome = await askOutcome(this.#connection, this.#id, {
        ...(signal && { signal }),
        ...(timeoutMs && { timeoutMs }),
      });
    } catch {
      // The outcome could not be asked: throw the first error.
      throw lost.with({ idempotencyKey: this.#id });
    }
    if (outcome.applied === 'yes') return outcome.position;
    throw lost.with({ applied: outcome.applied === 'no' ? 'no' : 'unknown', idempotencyKey: this.#id });
  }

  /** Never throws. */
  async rollback(): Promise<void> {
    await this.#here(this.#path('rollback'), { timeoutMs: ROLLBACK_TIMEOUT_MS }, () => ({})).catch(() => {});
  }

  #path(end: string): string {
    return `/v1/tx/${encodeURIComponent(this.#id)}/${end}`;
  }

  async #here<T>(
    path: string,
    options: { signal?: AbortSignal; timeoutMs?: number },
    body: (timeoutMs: number) => object,
  ): Promise<T> {
    const { signal = this.#options.signal, timeoutMs = this.#options.timeoutMs } = options;
    return this.#connection.run<T>({
      ...(signal && { signal }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      where: 'any',
      nature: 'pinned',
      node: this.#node,
      send: async (attempt) => {
        const outgoing = await this.#connection.outgoing(attempt, {
          method: 'POST',
          path,
          body: body(attempt.timeoutMs),
          lostApplied: 'unknown',
        });
        return (await requestJson<T>(this.#connection.fetch, attempt.node, outgoing)).body;
      },
    });
  }
}

/**
 * The outcome of the write with this key, or of the transaction with this id. Asks again while it is in progress.
 * @throws SkeinError
 */
export async function askOutcome(
  connection: Connection,
  key: string,
  options: { signal?: AbortSignal; timeoutMs?: number },
): Promise<Outcome> {
  let last: Outcome | null = null;
  try {
    return await connection.run({
      ...options,
      where: 'primary',
      nature: 'read',
      send: async (attempt) => {
        const outgoing = await connection.outgoing(attempt, {
          method: 'GET',
          path: `/v1/outcome/${encodeURIComponent(key)}`,
          lostApplied: 'no',
        });
        const { body } = await requestJson<Outcome>(connection.fetch, attempt.node, outgoing);
        if (body.applied !== 'unknown') return body;
        last = body;
        throw new SkeinError('OUTCOME_UNKNOWN', 'It is under way.', { status: 409, retryable: true });
      },
    });
  } catch (error) {
    if (last !== null && error instanceof SkeinError && error.code === 'OUTCOME_UNKNOWN') return last;
    throw error;
  }
}
