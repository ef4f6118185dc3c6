/**
 * Outcomes of writes that carry an idempotency key, and of transactions that were committed over HTTP: each is a row of
 * skein.outcomes, written in the same transaction as the write, so that there is a row exactly when the write is kept.
 *
 * The row is inserted by the role's own account, which may INSERT there and do nothing else. Its name is an HMAC of token
 * and key, so no client can name, and so block or find out about, another one's row; and it is sealed, so that a row that
 * some client made up is never taken for an answer of ours. What it does not do: run statements, or decide about them.
 */
import { createHash, createHmac } from 'node:crypto';
import { ApiError } from '../api/api-error.js';
import type { NodeView, ServerAccess } from '../api/node-view.js';
import type { Connection } from '../mysql-client/connection.js';
import type { BoundParameter } from '../mysql-client/parameters.js';
import { ServerError } from '../mysql-client/replies.js';
import type { Logger } from '../std/logger.js';
import { connectAs, GenerationSession } from './generation-session.js';

/** Its results are kept with it. */
const ANSWER_BYTES_MAX = 1024 * 1024;
const PURGE_ROWS = 500;
/** Rows that claim to be of the future were made up; our clocks are not that far apart. */
const FUTURE_MS = 3_600_000;

export interface OutcomesOptions {
  /** How long an outcome is kept. */
  readonly keepMs: number;
  readonly purgeIntervalMs: number;
}

export interface OutcomesModules {
  readonly node: NodeView;
  readonly log: Logger;
}

export interface StoredOutcome {
  /** UTC, as MySQL writes it. */
  readonly createdAt: string;
  readonly fingerprint: string;
  /** Text of the results. */
  readonly answer: string;
}

/** `committing`: a transaction that holds this name waits for its commit in the server now. */
export type FoundOutcome = StoredOutcome | 'none' | 'committing';

export class Outcomes {
  readonly #options: OutcomesOptions;
  readonly #node: NodeView;
  readonly #log: Logger;
  readonly #running = new Set<string>();
  readonly #reader = new GenerationSession((access) => connectAs(access, 'skein_admin'));
  #timer: NodeJS.Timeout | null = null;
  #purging: Connection | null = null;

  constructor(options: OutcomesOptions, modules: OutcomesModules) {
    this.#options = options;
    this.#node = modules.node;
    this.#log = modules.log;
  }

  get keepMs(): number {
    return this.#options.keepMs;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#purgeSafely(), this.#options.purgeIntervalMs);
    this.#timer.unref();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#reader.close();
    this.#purging?.destroy();
  }

  /** The name of a row. `kind` keeps keys of clients and our own transactions apart. */
  nameOf(kind: 'key' | 'tx', tokenId: string, key: string): string {
    return this.#mac(this.#access(), kind, tokenId, key);
  }

  isRunning(name: string): boolean {
    return this.#running.has(name);
  }

  /**
   * Takes the name for one request on this node; the answer gives it back. @throws ApiError 409 IDEMPOTENCY_KEY_IN_USE
   */
  take(name: string): () => void {
    if (this.#running.has(name)) throw keyInUse();
    this.#running.add(name);
    return () => this.#running.delete(name);
  }

  /**
   * On the primary a locking read, which also sees what waits for its commit; elsewhere what has been applied.
   * @throws ApiError 503
   */
  async find(name: string): Promise<FoundOutcome> {
    const access = this.#access();
    const reader = await this.#reader.get(access);
    const { errors, sql } = this.#node.flavour;
    const lock = this.#node.role() === 'primary' ? ` ${sql.sharedLockNoWait}` : '';
    let row: (string | null)[] | undefined;
    try {
      [row] = await reader.query(
        `SELECT created_at, fingerprint, answer, seal FROM skein.outcomes WHERE id = '${name}'${lock}`,
      );
    } catch (error) {
      if (error instanceof ServerError && errors.isLockWait(error.errno)) return 'committing';
      throw error;
    }
    if (row === undefined) return 'none';
    const [createdAt, fingerprint, answer, seal] = row.map((value) => value ?? '') as [
      string,
      string,
      string,
      string,
    ];
    if (seal !== this.#mac(access, 'seal', name, createdAt, fingerprint, answer)) {
      throw new Error('a stored outcome has no valid seal');
    }
    return { createdAt, fingerprint, answer };
  }

  /** The last transaction in the server's log: all that can be seen is not younger. */
  async logEnd(): Promise<string> {
    const reader = await this.#reader.get(this.#access());
    const [row] = await reader.query(`SELECT ${this.#node.flavour.sql.positions.logged}`);
    return row?.[0] ?? '';
  }

  /** Inserts the outcome in the session's open transaction. @throws ApiError 400 RESULT_TOO_LARGE, ServerError */
  async record(
    connection: Connection,
    { name, fingerprint, answer }: { name: string; fingerprint: string; answer: string },
  ): Promise<void> {
    const bytes = Buffer.from(answer, 'utf8');
    if (bytes.length > ANSWER_BYTES_MAX) {
      throw new ApiError(
        400,
        'RESULT_TOO_LARGE',
        'Results of a request with an idempotency key are stored, so they may have 1 MiB at most. Nothing was done.',
      );
    }
    const createdAt = mysqlTime(Date.now());
    const seal = this.#mac(this.#access(), 'seal', name, createdAt, fingerprint, answer);
    const text = (value: string): BoundParameter => ({ kind: 'text', value });
    const prepared = await connection.prepare(
      'INSERT INTO skein.outcomes (id, created_at, fingerprint, answer, seal) VALUES (?, ?, ?, ?, ?)',
    );
    // As bytes: the session's character set is whatever the request has made of it.
    const parameters = [
      text(name),
      text(createdAt),
      text(fingerprint),
      { kind: 'blob', value: bytes } as const,
      text(seal),
    ];
    await connection.execute(prepared, parameters, { columns() {}, row() {}, end() {} });
    connection.closeStatement(prepared.id);
  }

  async #purgeSafely(): Promise<void> {
    if (this.#purging !== null || this.#node.role() !== 'primary' || !this.#node.isOpen().open) return;
    let connection: Connection | null = null;
    try {
      connection = await connectAs(this.#access(), 'skein');
      this.#purging = connection;
      const purged = await this.#purge(connection);
      if (purged > 0) this.#log.debug({ purged }, 'old outcomes were removed');
    } catch (error) {
      this.#log.warn({ err: error }, 'old outcomes were not removed');
    } finally {
      connection?.destroy();
      this.#purging = null;
    }
  }

  /** In small transactions, one after the other: each waits for its quorum like any other write. */
  async #purge(connection: Connection): Promise<number> {
    // This account may write on a read-only server. So the node asks first whether the server is read-only.
    const [readOnly] = await connection.query('SELECT @@GLOBAL.read_only');
    if (readOnly?.[0] !== '0') return 0;
    // Who may INSERT into a table may also make it a parent of another one, and so keep its rows from being removed.
    await connection.run('SET SESSION foreign_key_checks = 0');
    const now = Date.now();
    let purged = 0;
    for (const where of [
      `created_at < '${mysqlTime(now - this.#options.keepMs)}'`,
      `created_at > '${mysqlTime(now + FUTURE_MS)}'`,
    ]) {
      for (;;) {
        await connection.run(`DELETE FROM skein.outcomes WHERE ${where} LIMIT ${PURGE_ROWS}`);
        const [counted] = await connection.query('SELECT ROW_COUNT()');
        const count = Number(counted?.[0] ?? 0);
        purged += Math.max(0, count);
        if (count < PURGE_ROWS) break;
      }
    }
    return purged;
  }

  #access(): ServerAccess {
    const access = this.#node.server();
    if (access) return access;
    throw new ApiError(503, 'SERVER_DOWN', 'The local database server is not reachable.', {
      retryable: true,
    });
  }

  #mac(access: ServerAccess, ...parts: string[]): string {
    return createHmac('sha256', access.passwordOf('skein_outcomes'))
      .update(JSON.stringify(parts))
      .digest('hex');
  }
}

/** What makes two requests the same: everything that decides what is done and how it is told. */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

export function keyInUse(): ApiError {
  return new ApiError(
    409,
    'IDEMPOTENCY_KEY_IN_USE',
    'A request with this idempotency key is under way. Ask again when it has ended.',
    { applied: 'unknown', retryable: true, retryAfterS: 1 },
  );
}

function mysqlTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 23).replace('T', ' ');
}
