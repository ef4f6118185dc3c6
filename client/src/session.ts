/** Statements, in sequence or at once, that see all earlier writes of the same session. */
import type { OpenedTransaction, SqlAnswer, SqlRequest } from './api.js';
import type { Attempt, Connection } from './connection.js';
import { SkeinError } from './error.js';
import type {
  AnsweredBy,
  BatchOptions,
  BatchResult,
  ReadOptions,
  Row,
  ScriptOptions,
  Statement,
  StatementOptions,
  StatementResult,
  TransactionOptions,
  WriteOptions,
} from './options.js';
import { laterPosition } from './position.js';
import { mainResult } from './results.js';
import { RowStream } from './row-stream.js';
import { ScriptStream } from './script-stream.js';
import { Transaction } from './transaction.js';
import { requestJson } from './transport.js';
import { encodeStatement, type StatementParameters } from './values.js';

export interface SessionDefaults {
  readonly database?: string | undefined;
  readonly idempotent: boolean;
}

export class Session {
  readonly #connection: Connection;
  readonly #defaults: SessionDefaults;
  #position: string | null;

  constructor(connection: Connection, defaults: SessionDefaults, position: string | null = null) {
    this.#connection = connection;
    this.#defaults = defaults;
    this.#position = position;
  }

  /**
   * Up to where this session has seen the data; give it to `client.session(position)` somewhere else to go on from
   * there.
   */
  get position(): string | null {
    return this.#position;
  }

  /**
   * A statement that changes nothing: it goes to a replica where that may answer, and may be sent more than once.
   * @throws SkeinError
   */
  async query<R = Row>(
    sql: string,
    params: StatementParameters = [],
    options: ReadOptions = {},
  ): Promise<StatementResult<R>> {
    const body = { ...this.#body(options), ...encodeStatement(sql, params) };
    const { answer, replayed } = await this.#send(body, { read: options });
    return { ...mainResult<R>(answer.results), ...answeredBy(answer, replayed) };
  }

  /** A statement on the primary, done at most once. @throws SkeinError */
  async execute<R = Row>(
    sql: string,
    params: StatementParameters = [],
    options: WriteOptions = {},
  ): Promise<StatementResult<R>> {
    const body = { ...this.#body(options), ...encodeStatement(sql, params) };
    const { answer, replayed } = await this.#send(body, { write: options });
    return { ...mainResult<R>(answer.results), ...answeredBy(answer, replayed) };
  }

  /** Several statements in one request to the primary: all or nothing, unless `transaction: false`. @throws SkeinError */
  async batch(statements: readonly Statement[], options: BatchOptions = {}): Promise<BatchResult> {
    const transaction = options.transaction ?? true;
    const body = {
      ...this.#body(options),
      statements: statements.map(({ sql, params }) => encodeStatement(sql, params)),
      transaction,
    };
    // Statements without a common transaction have no common outcome, so a key is no use.
    const write = transaction ? options : { ...options, idempotencyKey: false as const };
    const { answer, replayed } = await this.#send(body, { write });
    return { results: answer.results as BatchResult['results'], ...answeredBy(answer, replayed) };
  }

  /**
   * Rows as they arrive, of a statement that changes nothing. While the caller does not read, the server waits. To stop
   * early, leave the loop.
   * @throws SkeinError INVALID_PARAMETER at once
   */
  stream<R = Row>(sql: string, params: StatementParameters = [], options: ReadOptions = {}): RowStream<R> {
    const statement = encodeStatement(sql, params);
    return new RowStream<R>({
      connection: this.#connection,
      options,
      where: whereOf(options),
      body: () => ({
        ...this.#body(options),
        ...this.#read(options),
        ...statement,
      }),
      seen: (position) => this.#saw(position),
      failed: (error) => this.#forget(error),
    });
  }

  /**
   * Statements one after the other in one session, whatever they do, with their results as they come: sent once. The first
   * error ends them. @throws SkeinError INVALID_PARAMETER at once
   */
  script<R = unknown[]>(statements: readonly Statement[], options: ScriptOptions = {}): ScriptStream<R> {
    const { node } = options;
    const encoded = statements.map(({ sql, params }) => encodeStatement(sql, params));
    const [only] = encoded;
    const work = encoded.length === 1 && only ? only : { statements: encoded };
    const { forward, ...body } = this.#body({ rows: 'array', ...options });
    return new ScriptStream<R>({
      connection: this.#connection,
      options,
      where: 'primary',
      nature: node === undefined ? 'once' : 'pinned',
      ...(node !== undefined && { node }),
      lostApplied: 'unknown',
      // Who names a node wants that one to answer.
      body: () => ({ ...body, ...(node === undefined && { forward }), ...this.#read(options), ...work }),
      seen: (position) => this.#saw(position),
      failed: (error) => this.#forget(error),
    });
  }

  /**
   * Runs `work` in one transaction: committed when it resolves, rolled back when it rejects. With `retries`, `work`
   * is repeated after a deadlock. @throws SkeinError; what `work` throws
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    for (let left = options.retries ?? 0; ; left--) {
      try {
        return await this.#transactionOnce(work, options);
      } catch (error) {
        const again = error instanceof SkeinError && error.status === 409 && error.retryable;
        if (!again || left <= 0) throw error;
      }
    }
  }

  async #transactionOnce<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions): Promise<T> {
    const { readOnly = false, isolation, idleMs, totalMs } = options;
    const database = options.database ?? this.#defaults.database;
    const opened = await this.#connection.run({
      ...pick(options),
      where: readOnly ? 'any' : 'primary',
      // If it was opened twice, the first transaction ends by its idle time.
      nature: 'read',
      send: async (attempt) => {
        const { body } = await requestJson<OpenedTransaction>(
          this.#connection.fetch,
          attempt.node,
          await this.#connection.outgoing(attempt, {
            method: 'POST',
            path: '/v1/tx',
            body: {
              ...(readOnly && { readOnly }),
              ...(isolation && { isolation }),
              ...(database !== undefined && { database }),
              ...(idleMs !== undefined && { idleMs }),
              ...(totalMs !== undefined && { totalMs }),
              timeoutMs: attempt.timeoutMs,
              ...this.#read({ level: readOnly ? 'session' : 'primary' }),
            },
            lostApplied: 'no',
          }),
        );
        return { node: attempt.node, id: body.id };
      },
    });
    const tx = new Transaction(this.#connection, opened, options);
    let value: T;
    try {
      value = await work(tx);
    } catch (error) {
      await tx.rollback();
      throw error;
    }
    this.#saw(await tx.commit());
    return value;
  }

  #body(options: StatementOptions): SqlRequest {
    const database = options.database ?? this.#defaults.database;
    return {
      rows: options.rows ?? 'object',
      ...(options.bigint && { bigint: options.bigint }),
      ...(database !== undefined && { database }),
      ...(!this.#connection.discover && { forward: true }),
    };
  }

  #read({ level = 'session', maxLagMs }: ReadOptions): Pick<SqlRequest, 'read'> {
    if (level !== 'session') return { read: { level, ...(maxLagMs !== undefined && { maxLagMs }) } };
    return this.#position === null ? {} : { read: { level, after: this.#position } };
  }

  async #send(
    body: SqlRequest,
    kind: { readonly read: ReadOptions } | { readonly write: WriteOptions },
  ): Promise<{ answer: SqlAnswer; replayed: boolean }> {
    try {
      const sent =
        'read' in kind ? await this.#sendRead(body, kind.read) : await this.#sendWrite(body, kind.write);
      this.#saw(sent.answer.position);
      return sent;
    } catch (error) {
      this.#forget(error);
      throw error;
    }
  }

  #sendRead(body: SqlRequest, options: ReadOptions) {
    return this.#connection.run({
      ...pick(options),
      where: whereOf(options),
      nature: 'read',
      catchUp: whereOf(options) === 'any' && this.#position !== null,
      send: (attempt) => this.#post({ ...body, ...this.#read(options) }, attempt, undefined),
    });
  }

  async #sendWrite(body: SqlRequest, options: WriteOptions) {
    const { acknowledge, idempotencyKey = this.#defaults.idempotent ? crypto.randomUUID() : false } = options;
    const whole = { ...body, ...(acknowledge && { write: { acknowledge } }) };
    const attemptWith = (key: string | undefined) =>
      this.#connection.run({
        ...pick(options),
        where: 'primary',
        nature: key === undefined ? 'once' : 'keyed',
        ...(key !== undefined && { idempotencyKey: key }),
        send: (attempt) => this.#post(whole, attempt, key),
      });
    if (idempotencyKey === false) return attemptWith(undefined);
    try {
      return await attemptWith(idempotencyKey);
    } catch (error) {
      // DDL commits by itself, so no key can be kept with it. Only the caller can drop a key that it chose.
      const isOurs = options.idempotencyKey === undefined;
      const refused =
        error instanceof SkeinError && error.code === 'NOT_REPEATABLE' && error.applied === 'no';
      if (!isOurs || !refused) throw error;
      return attemptWith(undefined);
    }
  }

  async #post(body: SqlRequest, attempt: Attempt, key: string | undefined) {
    const { node, timeoutMs } = attempt;
    const { body: answer, headers } = await requestJson<SqlAnswer>(
      this.#connection.fetch,
      node,
      await this.#connection.outgoing(attempt, {
        method: 'POST',
        path: '/v1/sql',
        body: { ...body, timeoutMs },
        ...(key !== undefined && { headers: { 'idempotency-key': key } }),
        lostApplied: 'unknown',
      }),
    );
    this.#connection.nodes.answered(node, this.#connection.discover ? answer : undefined);
    return { answer, replayed: headers.get('idempotency-replayed') === 'true' };
  }

  #saw(position: string | null): void {
    if (position !== null) this.#position = laterPosition(this.#position, position);
  }

  /** A position that was lost with an earlier primary cannot be waited for; the error reported it. */
  #forget(error: unknown): void {
    if (error instanceof SkeinError && error.code === 'TRANSACTION_LOST') this.#position = null;
  }
}

function whereOf({ level = 'session' }: ReadOptions): 'primary' | 'any' {
  return level === 'primary' || level === 'linearizable' ? 'primary' : 'any';
}

function pick({ signal, timeoutMs }: { signal?: AbortSignal; timeoutMs?: number }) {
  return { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}

function answeredBy(answer: Omit<SqlAnswer, 'results'>, replayed: boolean): AnsweredBy {
  const { position, node, role, epoch, lagMs, acknowledgedBy } = answer;
  return { position, node, role, epoch, lagMs, acknowledgedBy, replayed };
}
