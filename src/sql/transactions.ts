/**
 * Transactions that stay open between requests. Each holds one session, belongs to the token that opened it, and ends by
 * itself: when it is idle, when its whole time is over, when its server restarts or changes its role, when the node stops.
 * What became of it is remembered for a while, so that a client that lost an answer can ask again.
 * What it does not do: run statements (the caller does, with the lease that `use` gives).
 */
import { randomBytes } from 'node:crypto';
import { ApiError, type Applied } from '../api/api-error.js';
import type { TokenRole } from '../auth/token.js';
import type { Logger } from '../std/logger.js';
import { mayHaveOneMore } from './fair-slots.js';
import { isStillOpen, settleSession } from './run-statements.js';
import type { Session } from './session.js';
import { cleanSession } from './session-cleaning.js';
import type { SessionLease } from './session-lease.js';
import type { SessionPool } from './session-pool.js';
import type { SqlOutcome } from './sql-outcome.js';

const REMEMBERED_MAX = 1000;

export interface TransactionLimits {
  readonly readOnly: boolean;
  /** The transaction is rolled back after this time without a request. */
  readonly idleMs: number;
  /** The transaction is rolled back after this time, whatever it does. */
  readonly totalMs: number;
}

/** How a transaction ended. `committed`: the answer to its commit. */
interface TransactionEnd {
  readonly reason: string;
  readonly applied: Applied;
  readonly committed?: SqlOutcome;
}

interface Owner {
  readonly tokenId: string;
  /** Of the token that opened it, as it was then. */
  readonly tokenHash: string;
  readonly role: TokenRole;
}

interface OpenTransaction extends TransactionLimits, Owner {
  readonly id: string;
  readonly session: Session;
  readonly pool: SessionPool;
  readonly expiresAtMs: number;
  idleTimer: NodeJS.Timeout | null;
  readonly totalTimer: NodeJS.Timeout;
  /** A request is running in it. */
  busy: boolean;
  /** The last request is answered, and the node finds out whether the transaction is still open. */
  settling: Promise<void> | null;
}

/** A transaction in use by one request. */
export interface TransactionUse {
  readonly lease: SessionLease;
  readonly readOnly: boolean;
  /** Time that the whole transaction has left. */
  readonly leftMs: number;
  /** ISO time */
  readonly expiresAt: string;
  /**
   * Ends the transaction for its client, whatever becomes of the session. May be called again when more is known about a
   * commit that was under way.
   */
  end(ending: TransactionEnd): void;
}

export interface OpenTransactionsModules {
  /** Name of this node, part of each id. */
  readonly node: string;
  readonly log: Logger;
  /** Of the local server as it is now; null while it is down. */
  readonly generation: () => string | null;
}

export class OpenTransactions {
  readonly #options: { readonly perRoleMax: number };
  readonly #modules: OpenTransactionsModules;
  readonly #open = new Map<string, OpenTransaction>();
  readonly #ends = new Map<string, TransactionEnd & { readonly tokenId: string }>();
  readonly #opening = new Set<Owner>();

  constructor(options: { perRoleMax: number }, modules: OpenTransactionsModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /**
   * Reserves one of the role's places, within the token's share. Call the returned function to give it back.
   * @throws ApiError 429 TOO_MANY_TRANSACTIONS
   */
  reserve(owner: Owner): () => void {
    const max = this.#options.perRoleMax;
    const sameRole = [...this.#open.values(), ...this.#opening].filter(({ role }) => role === owner.role);
    const own = sameRole.filter(({ tokenId }) => tokenId === owner.tokenId).length;
    if (!mayHaveOneMore(own, max - sameRole.length)) {
      throw new ApiError(
        429,
        'TOO_MANY_TRANSACTIONS',
        `${sameRole.length} of at most ${max} transactions of this role are open on this node (half of httpSessionsPerRole), ${own} of them by this token; the rest is kept for other tokens. Commit or roll back, or try again later.`,
        { retryable: true, retryAfterS: 1 },
      );
    }
    const opening = { ...owner };
    this.#opening.add(opening);
    return () => this.#opening.delete(opening);
  }

  /** A session in which a transaction was just begun. */
  add(
    owner: Owner,
    place: { session: Session; pool: SessionPool },
    limits: TransactionLimits,
  ): { id: string; expiresAt: string } {
    const id = `tx_${Date.now().toString(36)}_${randomBytes(15).toString('base64url')}.${this.#modules.node}`;
    const transaction: OpenTransaction = {
      ...owner,
      ...place,
      ...limits,
      id,
      expiresAtMs: Date.now() + limits.totalMs,
      idleTimer: null,
      totalTimer: setTimeout(() => this.#expire(transaction, 'its time was over'), limits.totalMs),
      busy: false,
      settling: null,
    };
    transaction.totalTimer.unref();
    this.#open.set(id, transaction);
    this.#armIdle(transaction);
    return { id, expiresAt: new Date(transaction.expiresAtMs).toISOString() };
  }

  /** @throws ApiError 403, 409 TX_ENDED | TX_UNKNOWN | TX_BUSY | TX_LOST, 421 TX_ELSEWHERE */
  async use(id: string, tokenId: string): Promise<TransactionUse> {
    await this.#open.get(id)?.settling;
    const transaction = this.#open.get(id);
    if (transaction === undefined) throw this.#notOpen(id, tokenId);
    requireOwner(transaction, tokenId);
    if (transaction.busy) {
      throw new ApiError(409, 'TX_BUSY', 'Another request is running in this transaction.', {
        retryable: true,
      });
    }
    const { session } = transaction;
    if (session.connection.broken || session.generation !== this.#modules.generation()) {
      this.#end(transaction, {
        reason: 'the server restarted or changed its role; it was rolled back',
        applied: 'no',
      });
      transaction.pool.discard(session);
      throw this.#notOpen(id, tokenId);
    }
    transaction.busy = true;
    this.#disarmIdle(transaction);
    return {
      readOnly: transaction.readOnly,
      leftMs: Math.max(1, transaction.expiresAtMs - Date.now()),
      expiresAt: new Date(transaction.expiresAtMs).toISOString(),
      lease: this.#leaseOf(transaction),
      end: (ending) => {
        this.#end(transaction, ending);
        this.#ends.set(id, { tokenId, ...ending });
      },
    };
  }

  /** The answer to its commit, if this token has committed it on this node. */
  committed(id: string, tokenId: string): SqlOutcome | null {
    const ending = this.#ends.get(id);
    return ending?.tokenId === tokenId ? (ending.committed ?? null) : null;
  }

  /**
   * Rolls back the transactions of tokens that are no longer valid; `refusal` says why. A transaction with a running
   * statement is rolled back after that statement, because the statement may commit and must not be interrupted.
   */
  endRevoked(refusal: (tokenId: string, tokenHash: string) => string | null): void {
    for (const transaction of [...this.#open.values()]) {
      const why = refusal(transaction.tokenId, transaction.tokenHash);
      if (why === null) continue;
      const { busy, settling } = transaction;
      this.#end(transaction, { reason: `${why}; it was rolled back`, applied: 'no' });
      this.#modules.log.info({ tx: transaction.id, why }, 'an open transaction was rolled back');
      if (!busy && !settling) {
        this.#giveBack(transaction).catch(() => transaction.pool.discard(transaction.session));
      }
    }
  }

  /** The server restarts or changes its role. Idle transactions end now, the others when their request ends (rule C10). */
  dropIdle(): void {
    for (const transaction of [...this.#open.values()]) {
      if (transaction.busy || transaction.settling) continue;
      this.#end(transaction, {
        reason: 'the server restarted or changed its role; it was rolled back',
        applied: 'no',
      });
      transaction.pool.discard(transaction.session);
    }
  }

  close(): void {
    this.dropIdle();
    for (const transaction of [...this.#open.values()]) {
      this.#end(transaction, { reason: 'the node stops', applied: 'unknown' });
    }
  }

  #leaseOf(transaction: OpenTransaction): SessionLease {
    return {
      session: transaction.session,
      goesOn: true,
      release: ({ failed }) => {
        transaction.settling = this.#settle(transaction, failed).finally(() => {
          transaction.settling = null;
        });
      },
      discard: () => {
        this.#end(transaction, { reason: 'its session was closed; it was rolled back', applied: 'no' });
        transaction.pool.discard(transaction.session);
      },
    };
  }

  /** Finds out after a request whether the transaction is open. An error packet does not tell, so the session is asked. */
  async #settle(transaction: OpenTransaction, failed: boolean): Promise<void> {
    const { session, pool } = transaction;
    const { connection } = session;
    try {
      if (failed) await connection.query('SELECT 1');
      if (!isStillOpen(connection.status, transaction.readOnly)) {
        this.#end(transaction, { reason: 'it was ended by one of its own statements', applied: 'no' });
      }
      if (this.#open.has(transaction.id)) {
        transaction.busy = false;
        this.#armIdle(transaction);
        return;
      }
      await this.#giveBack(transaction);
    } catch {
      this.#end(transaction, { reason: 'its session was lost; it was rolled back', applied: 'no' });
      // An open transaction or branch is ended before the session is closed.
      await this.#giveBack(transaction).catch(() => pool.discard(session));
    }
  }

  async #giveBack({ session, pool }: OpenTransaction): Promise<void> {
    await cleanSession(session);
    // A statement may have changed the default database, and a reset keeps that.
    await settleSession(session, { gtid: '' });
    pool.release(session);
  }

  #expire(transaction: OpenTransaction, why: string): void {
    // The running request has the same time limit, and ends the transaction.
    if (!this.#open.has(transaction.id) || transaction.busy || transaction.settling) return;
    this.#end(transaction, { reason: `${why}; it was rolled back`, applied: 'no' });
    this.#modules.log.info({ tx: transaction.id, why }, 'an open transaction was rolled back');
    this.#giveBack(transaction).catch(() => transaction.pool.discard(transaction.session));
  }

  /** A later call changes nothing. */
  #end(transaction: OpenTransaction, ending: TransactionEnd): void {
    if (!this.#open.delete(transaction.id)) return;
    clearTimeout(transaction.totalTimer);
    this.#disarmIdle(transaction);
    this.#ends.set(transaction.id, { tokenId: transaction.tokenId, ...ending });
    for (const oldest of this.#ends.keys()) {
      if (this.#ends.size <= REMEMBERED_MAX) break;
      this.#ends.delete(oldest);
    }
  }

  #armIdle(transaction: OpenTransaction): void {
    transaction.idleTimer = setTimeout(
      () => this.#expire(transaction, `no request came for ${transaction.idleMs} ms`),
      transaction.idleMs,
    );
    transaction.idleTimer.unref();
  }

  #disarmIdle(transaction: OpenTransaction): void {
    if (transaction.idleTimer !== null) clearTimeout(transaction.idleTimer);
    transaction.idleTimer = null;
  }

  #notOpen(id: string, tokenId: string): ApiError {
    const ending = this.#ends.get(id);
    if (ending) {
      requireOwner(ending, tokenId);
      return new ApiError(409, 'TX_ENDED', `This transaction is over: ${ending.reason}.`, {
        applied: ending.applied,
      });
    }
    const node = /^tx_[\w-]+\.(.+)$/.exec(id)?.[1];
    if (node !== undefined && node !== this.#modules.node) {
      return new ApiError(
        421,
        'TX_ELSEWHERE',
        `This transaction was opened on ${node}, and is known there only.`,
      );
    }
    return new ApiError(
      409,
      'TX_UNKNOWN',
      'This transaction is not open on this node. Either it never was, or the node has restarted since, which rolled it back unless it was being committed.',
    );
  }
}

/** Whether the transaction's id shows that it was opened after this time. */
export function openedSince(id: string, sinceMs: number): boolean {
  const openedAt = /^tx_([0-9a-z]{1,10})_/.exec(id)?.[1];
  return openedAt !== undefined && Number.parseInt(openedAt, 36) > sinceMs;
}

function requireOwner(transaction: { readonly tokenId: string }, tokenId: string): void {
  if (transaction.tokenId === tokenId) return;
  throw new ApiError(403, 'FORBIDDEN', 'This transaction was opened with another token.');
}
