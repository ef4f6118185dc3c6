/**
 * Sessions on the local server, one pool for each token role (a role is an account of the server, rule H13).
 * A session is handed to one request at a time and comes back clean, or after plain reads only (run-plain.ts), or not at all.
 * A session that has run plain reads is reset before it is handed to any other request. Tokens of a role share the pool
 * fairly: see fair-slots.ts.
 * What it does not do: decide anything about the statements that run in it.
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
import { KeptStatements } from './kept-statements.js';
import { KnownStatements } from './known-statements.js';
import { PlainReads } from './plain-reads.js';
import type { Session } from './session.js';
import { resetSession } from './session-cleaning.js';

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

/** What a request needs of its session. */
interface Wanted {
  readonly database: string | null;
  /** The text of its only statement, which is a plain read; null = anything else, so the session has to be clean. */
  readonly plain: string | null;
}

export class SessionPool {
  readonly #options: SessionPoolOptions;
  readonly #server: () => ServerAccess | null;
  readonly #sql: ServerSql;
  readonly #slots: FairSlots;
  readonly #closing = new Cancellation();
  readonly plainReads = new PlainReads();
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
   * A clean session whose default database is `database`, or can be set to it (`session.database` says); with `plain` perhaps
   * one that has run plain reads. At once when there is one.
   * @throws ApiError 429 TOKEN_BUSY, 503 SERVER_DOWN | SERVER_BUSY | NOT_OPEN
   */
  acquire(
    database: string | null,
    tokenId: string,
    over: Cancellation,
    plain: string | null = null,
  ): Session | Promise<Session> {
    const access = this.#access();
    const wanted = { database, plain };
    if (!this.#slots.tryTake(tokenId)) return this.#acquireLater(wanted, tokenId, over);
    return this.#ready(wanted, tokenId, over, access);
  }

  async #acquireLater(wanted: Wanted, tokenId: string, over: Cancellation): Promise<Session> {
    try {
      await this.#slots.take(tokenId, over);
    } catch (error) {
      throw error instanceof NoSlot ? this.#refused(error) : error;
    }
    let access: ServerAccess;
    try {
      access = this.#access();
    } catch (error) {
      this.#slots.release(tokenId);
      throw error;
    }
    return this.#ready(wanted, tokenId, over, access);
  }

  /** The slot is taken already. */
  #ready(
    wanted: Wanted,
    tokenId: string,
    over: Cancellation,
    access: ServerAccess,
  ): Session | Promise<Session> {
    const session = this.#takeIdle(wanted, tokenId, access);
    if (session === undefined) return this.#connectBefore(tokenId, over);
    return wanted.plain === null && session.kept.size > 0 ? this.#cleaned(session, over) : session;
  }

  async #cleaned(session: Session, over: Cancellation): Promise<Session> {
    const cleaning = resetSession(session);
    try {
      await unlessCancelled(cleaning, over);
      return session;
    } catch (error) {
      if (error === CANCELLED) {
        cleaning.then(
          () => this.release(session),
          () => this.discard(session),
        );
        throw tooLate();
      }
    }
    this.#closeIdle(session);
    return this.#connectBefore(session.tokenId, over);
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

  #takeIdle(wanted: Wanted, tokenId: string, { generation }: ServerAccess): Session | undefined {
    for (;;) {
      // Of those that suit as well, the session that was used last.
      let found = -1;
      let best = 0;
      for (let i = this.#idle.length - 1; i >= 0 && best < SUITS.best; i--) {
        const suits = howItSuits(this.#idle[i] as Session, wanted);
        if (suits > best) [found, best] = [i, suits];
      }
      const session = this.#idle[found];
      if (session === undefined) return undefined;
      // Another one for the other kind of requests, so that they do not take turns in one session and have it reset each time.
      if (best < SUITS.kind && this.#open < this.#options.sessionsMax) return undefined;
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
      throw tooLate();
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
        cacheMetadata: true,
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
        kept: new KeptStatements(),
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

const SUITS = { anyhow: 1, database: 2, kind: 3, both: 4, best: 5 } as const;

/** 0: not at all. */
function howItSuits({ database, kept }: Session, wanted: Wanted): number {
  const inPlace = database === wanted.database;
  // A default database cannot be taken away.
  if (!inPlace && wanted.database === null) return 0;
  if (inPlace && wanted.plain !== null && kept.has(wanted.plain, database)) return SUITS.best;
  const ofItsKind = kept.size > 0 === (wanted.plain !== null);
  if (!ofItsKind) return inPlace ? SUITS.database : SUITS.anyhow;
  // Nothing suits another request better.
  if (inPlace) return wanted.plain === null ? SUITS.best : SUITS.both;
  return SUITS.kind;
}

function tooLate(): ApiError {
  return new ApiError(504, 'TIMEOUT', 'The request timed out before it got a session.', {
    applied: 'no',
    retryable: true,
  });
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
