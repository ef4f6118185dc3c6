/**
 * Sessions on the local server, one pool for each token role (a role is an account of the server, SAFETY H13).
 * A session is handed to one request at a time and comes back reset, or not at all.
 * What it does not do: decide anything about the statements that run in it.
 */
import { ABORTED, beforeEnd } from '../../std/before-end.js';
import type { Ending } from '../../std/ending.js';
import { ApiError } from '../api-error.js';
import { Connection } from '../mysql/connection.js';
import { ServerError } from '../mysql/replies.js';
import type { ServerAccess } from '../node-view.js';
import { KnownStatements } from './known-statements.js';

const ER_ACCESS_DENIED = 1045;

export interface SessionPoolOptions {
  readonly account: 'skein_read' | 'skein_write' | 'skein_admin';
  /** Sessions in use and idle together, those left to finish in the background included. */
  readonly sessionsMax: number;
  /** Requests waiting for a session; more are refused at once. */
  readonly waitersMax: number;
}

export interface SessionPoolModules {
  /** Null while the server is down. */
  readonly server: () => ServerAccess | null;
}

export interface Session {
  readonly connection: Connection;
  readonly generation: string;
  /** The default database, null = none. */
  database: string | null;
  /** It stands in a read-only transaction that has read nothing yet: the next request need not begin one. */
  begun: boolean;
  /** Of the server, as far as this pool's sessions have met them. */
  readonly known: KnownStatements;
}

/** Rolls back, and drops what a request may have left behind; the default database stays. */
export function resetSession(session: Session): Promise<void> {
  session.begun = false;
  return session.connection.reset();
}

interface Waiter {
  wake(): void;
}

export class SessionPool {
  readonly #options: SessionPoolOptions;
  readonly #server: () => ServerAccess | null;
  #idle: Session[] = [];
  #known = { generation: '', statements: new KnownStatements() };
  #open = 0;
  #waiters: Waiter[] = [];
  #closed = false;

  constructor(options: SessionPoolOptions, modules: SessionPoolModules) {
    this.#options = options;
    this.#server = modules.server;
  }

  get open(): number {
    return this.#open;
  }

  /**
   * A clean session whose default database is `database`, or can be set to it (`session.database` says). At once when
   * there is one.
   * @throws ApiError 503 SERVER_DOWN | SERVER_BUSY
   */
  acquire(database: string | null, over: Ending): Session | Promise<Session> {
    const access = this.#access();
    return this.#takeIdle(database, access) ?? this.#acquireLater(database, over);
  }

  async #acquireLater(database: string | null, over: Ending): Promise<Session> {
    for (;;) {
      const access = this.#access();
      const session = this.#takeIdle(database, access);
      if (session) return session;
      if (this.#open < this.#options.sessionsMax) return this.#connectBefore(access, over);
      const spare = this.#idle.pop();
      if (spare) {
        // All have another default database, which can be changed but not taken away.
        this.discard(spare);
        continue;
      }
      await this.#wait(over);
    }
  }

  #access(): ServerAccess {
    if (this.#closed) throw new ApiError(503, 'NOT_OPEN', 'The node is stopping.', { retryable: true });
    const access = this.#server();
    if (access === null) throw serverDown();
    return access;
  }

  /** Takes back a session that was reset, with the default database it has now. */
  release(session: Session): void {
    if (this.#closed || session.connection.broken || !session.connection.idle) {
      this.discard(session);
      return;
    }
    this.#idle.push(session);
    this.#waiters.shift()?.wake();
  }

  /** Closes a session for good. */
  discard(session: Session): void {
    session.connection.destroy();
    this.#open -= 1;
    this.#waiters.shift()?.wake();
  }

  /** Closes the idle sessions; those in use end with their request, because their generation is over. */
  dropIdle(): void {
    for (const session of this.#idle.splice(0)) this.discard(session);
  }

  close(): void {
    this.#closed = true;
    this.dropIdle();
    for (const waiter of this.#waiters.splice(0)) waiter.wake();
  }

  #dropStale(generation: string): void {
    const kept: Session[] = [];
    for (const session of this.#idle) {
      if (session.generation === generation && !session.connection.broken) kept.push(session);
      else {
        session.connection.destroy();
        this.#open -= 1;
      }
    }
    this.#idle = kept;
  }

  #takeIdle(database: string | null, { generation }: ServerAccess): Session | undefined {
    for (;;) {
      // The last one used is the warmest; one with the right database saves a command.
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
        return session;
      }
      this.#dropStale(generation);
    }
  }

  /** A login that comes too late for its request serves the next one. */
  async #connectBefore(access: ServerAccess, over: Ending): Promise<Session> {
    const connecting = this.#connect(access);
    try {
      return await beforeEnd(connecting, over);
    } catch (error) {
      if (error !== ABORTED) throw error;
      connecting.then(
        (session) => this.release(session),
        () => {},
      );
      throw busy();
    }
  }

  async #connect(access: ServerAccess): Promise<Session> {
    this.#open += 1;
    try {
      const connection = await Connection.connect({
        address: { socketPath: access.socketPath },
        user: this.#options.account,
        password: access.passwordOf(this.#options.account),
      });
      const { generation } = access;
      if (this.#known.generation !== generation)
        this.#known = { generation, statements: new KnownStatements() };
      return { connection, generation, database: null, begun: false, known: this.#known.statements };
    } catch (error) {
      this.#open -= 1;
      this.#waiters.shift()?.wake();
      if (error instanceof ServerError) {
        if (error.errno === ER_ACCESS_DENIED) access.loginRefused();
        // The account's own trouble is the cluster's, not the client's.
        throw new ApiError(
          503,
          error.errno === 1040 ? 'SERVER_BUSY' : 'SERVER_LOGIN',
          `The local server refused the node's account ${this.#options.account}: ${error.message}`,
          { errno: error.errno, sqlState: error.sqlState, retryable: true },
        );
      }
      throw serverDown();
    }
  }

  #wait(over: Ending): Promise<void> {
    if (this.#waiters.length >= this.#options.waitersMax) throw busy();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        wake: () => {
          over.off(onEnd);
          resolve();
        },
      };
      const onEnd = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(busy());
      };
      this.#waiters.push(waiter);
      over.on(onEnd);
    });
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
