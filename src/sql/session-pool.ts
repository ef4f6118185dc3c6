/**
 * Sessions on the local server, one pool for each token role (a role is an account of the server, rule H13).
 * A session is handed to one request at a time and comes back clean, or not at all. Tokens of a role share the pool
 * fairly: see fair-slots.ts.
 * What it does not do: decide anything about the statements that run in it, or clean a session.
 */

import { ApiError } from '../api/api-error.js';
import type { ServerAccess } from '../api/node-view.js';
import type { ServerSql } from '../flavour/server-sql.js';
import { Connection } from '../mysql-client/connection.js';
import { ServerError } from '../mysql-client/replies.js';
import { ERRNO } from '../mysql-protocol/errno.js';
import { Cancellation } from '../std/cancellation.js';
import { CANCELLED, unlessCancelled } from '../std/unless-cancelled.js';
import { FairSlots, NoSlot } from './fair-slots.js';
import { KnownStatements } from './known-statements.js';

export interface SessionPoolOptions {
  readonly account: 'skein_read' | 'skein_write' | 'skein_admin';
  /** Limit for sessions in use and idle ones together, including those that finish in the background. */
  readonly sessionsMax: number;
  /** Requests of all tokens that wait for a session; more are refused at once. */
  readonly waitersMax: number;
}

export interface SessionPoolModules {
  /** Null while the server is down. */
  readonly server: () => ServerAccess | null;
  readonly sql: ServerSql;
}

export interface Session {
  readonly connection: Connection;
  /** What is said to its server. */
  readonly sql: ServerSql;
  readonly generation: string;
  /** The default database, null = none. */
  database: string | null;
  /** Id of the token whose request has it, and whose share it counts in. */
  tokenId: string;
  /** A read-only transaction has begun and has read nothing yet. The next request uses it. */
  begun: boolean;
  /** The statements that sessions of this pool have prepared on this server. */
  readonly known: KnownStatements;
}

export class SessionPool {
  readonly #options: SessionPoolOptions;
  readonly #server: () => ServerAccess | null;
  readonly #sql: ServerSql;
  readonly #slots: FairSlots;
  readonly #closing = new Cancellation();
  #idle: Session[] = [];
  #known = { generation: '', statements: new KnownStatements() };
  #open = 0;

  constructor(options: SessionPoolOptions, modules: SessionPoolModules) {
    this.#options = options;
    this.#server = modules.server;
    this.#sql = modules.sql;
    this.#slots = new FairSlots({ slots: options.sessionsMax, waitersMax: options.waitersMax });
  }

  get open(): number {
    return this.#open;
  }

  /**
   * A clean session whose default database is `database`, or can be set to it (`session.database` says). At once when
   * there is one.
   * @throws ApiError 429 TOKEN_BUSY, 503 SERVER_DOWN | SERVER_BUSY | NOT_OPEN
   */
  acquire(database: string | null, tokenId: string, over: Cancellation): Session | Promise<Session> {
    const access = this.#access();
    if (!this.#slots.tryTake(tokenId)) return this.#acquireLater(database, tokenId, over);
    return this.#takeIdle(database, tokenId, access) ?? this.#connectBefore(tokenId, over);
  }

  async #acquireLater(database: string | null, tokenId: string, over: Cancellation): Promise<Session> {
    try {
      await this.#slots.take(tokenId, over);
    } catch (error) {
      throw error instanceof NoSlot ? this.#refused(error) : error;
    }
    try {
      const session = this.#takeIdle(database, tokenId, this.#access());
      if (session) return session;
    } catch (error) {
      this.#slots.release(tokenId);
      throw error;
    }
    return this.#connectBefore(tokenId, over);
  }

  #access(): ServerAccess {
    if (this.#closing.cancelled) {
      throw new ApiError(503, 'NOT_OPEN', 'The node is stopping.', { retryable: true });
    }
    const access = this.#server();
    if (access === null) throw serverDown();
    return access;
  }

  /** Takes back a session that was cleaned, with the default database it has now. */
  release(session: Session): void {
    if (this.#closing.cancelled || session.connection.broken || !session.connection.idle) {
      this.discard(session);
      return;
    }
    this.#idle.push(session);
    this.#slots.release(session.tokenId);
  }

  /** Closes a session for good. */
  discard(session: Session): void {
    session.connection.destroy();
    this.#open -= 1;
    this.#slots.release(session.tokenId);
  }

  /** Closes the idle sessions; those in use end with their request, because their generation is over. */
  dropIdle(): void {
    for (const session of this.#idle.splice(0)) this.#closeIdle(session);
  }

  close(): void {
    this.#closing.cancel();
    this.dropIdle();
  }

  #closeIdle(session: Session): void {
    session.connection.destroy();
    this.#open -= 1;
  }

  #dropStale(generation: string): void {
    const kept: Session[] = [];
    for (const session of this.#idle) {
      if (session.generation === generation && !session.connection.broken) kept.push(session);
      else this.#closeIdle(session);
    }
    this.#idle = kept;
  }

  #takeIdle(database: string | null, tokenId: string, { generation }: ServerAccess): Session | undefined {
    for (;;) {
      // Prefer the right database, which saves a command, and then the session that was used last.
      let found = -1;
      for (let i = this.#idle.length - 1; i >= 0; i--) {
        const has = this.#idle[i]?.database ?? null;
        if (has === database) {
          found = i;
          break;
        }
        if (found === -1 && database !== null) found = i;
      }
      const session = this.#idle[found];
      if (session === undefined) return undefined;
      if (session.generation === generation && !session.connection.broken) {
        this.#idle.splice(found, 1);
        session.tokenId = tokenId;
        return session;
      }
      this.#dropStale(generation);
    }
  }

  /** The slot is taken already. A session whose login ends too late for this request is kept for another one. */
  async #connectBefore(tokenId: string, over: Cancellation): Promise<Session> {
    const connecting = this.#connect(tokenId);
    try {
      return await unlessCancelled(connecting, over);
    } catch (error) {
      if (error !== CANCELLED) throw error;
      connecting.then(
        (session) => this.release(session),
        () => {},
      );
      throw new ApiError(504, 'TIMEOUT', 'The request timed out before it got a session.', {
        applied: 'no',
        retryable: true,
      });
    }
  }

  async #connect(tokenId: string): Promise<Session> {
    // Every idle session has a default database, and this request wants none. A default database cannot be taken away.
    const spare = this.#open >= this.#options.sessionsMax ? this.#idle.pop() : undefined;
    if (spare) this.#closeIdle(spare);
    this.#open += 1;
    try {
      const access = this.#access();
      const connection = await Connection.connect({
        address: { socketPath: access.socketPath },
        user: this.#options.account,
        password: access.passwordOf(this.#options.account),
      }).catch((error: unknown) => {
        throw this.#loginFailure(error, access);
      });
      const { generation } = access;
      if (this.#known.generation !== generation)
        this.#known = { generation, statements: new KnownStatements() };
      return {
        connection,
        sql: this.#sql,
        generation,
        database: null,
        tokenId,
        begun: false,
        known: this.#known.statements,
      };
    } catch (error) {
      this.#open -= 1;
      this.#slots.release(tokenId);
      throw error;
    }
  }

  #loginFailure(error: unknown, access: ServerAccess): ApiError {
    if (!(error instanceof ServerError)) return serverDown();
    if (error.errno === ERRNO.accessDenied) access.loginRefused();
    // It is the node's account, so the client can do nothing about it.
    return new ApiError(
      503,
      error.errno === ERRNO.tooManyConnections ? 'SERVER_BUSY' : 'SERVER_LOGIN',
      `The local server refused the node's account ${this.#options.account}: ${error.message}`,
      { errno: error.errno, sqlState: error.sqlState, retryable: true },
    );
  }

  #refused({ refusal }: NoSlot): ApiError {
    if (refusal.limit === 'all') return busy();
    const { sessionsMax } = this.#options;
    const queue = refusal.limit === 'queue' ? `, and ${refusal.waiting} of its requests wait` : '';
    return new ApiError(
      429,
      'TOKEN_BUSY',
      `This token has ${refusal.held} of this node's ${sessionsMax} sessions for its role in use (httpSessionsPerRole)${queue}; the rest is kept for other tokens. Send fewer requests at a time, or end what runs.`,
      { retryable: true, retryAfterS: 1 },
    );
  }
}

function busy(): ApiError {
  return new ApiError(503, 'SERVER_BUSY', 'All sessions of this role are in use; try again.', {
    retryable: true,
    retryAfterS: 1,
  });
}

function serverDown(): ApiError {
  return new ApiError(503, 'SERVER_DOWN', 'The local database server is not reachable.', { retryable: true });
}
