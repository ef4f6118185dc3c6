import { connect, type Socket } from 'node:net';
import { Connection } from '../mysql-client/connection.js';
import { ServerError } from '../mysql-client/replies.js';
import type { Account } from './login.js';

/** Needs no table, no lock and no memory worth the name: a server that runs answers it at once. */
const QUESTION = 'DO 1';
/** Errors of a connect by which nobody listens at the socket. A full queue of a server that accepts nobody is another one. */
const NOBODY_LISTENS = ['ECONNREFUSED', 'ENOENT'];

/**
 * Whether a server says anything at all, whatever it is. It is asked in a session that is kept, because a server without room for
 * another session still serves those that it has; and at its door, because one session may hang alone.
 */
export class Pulse {
  readonly #account: Account;
  #session: Connection | null = null;
  #isAsking = false;
  #door: Socket | null = null;
  #hasStopped = false;
  /** Grows with everything that only a server does which runs: an answer, a refusal, a greeting, the end of a connection. */
  signs = 0;
  /** At the last knock nobody listened: the server is starting or ending. */
  isClosed = false;

  constructor(account: Account) {
    this.#account = account;
  }

  /** Asks in the session, unless an earlier question waits for its answer. */
  ask(): void {
    if (this.#isAsking || this.#hasStopped) return;
    this.#isAsking = true;
    void this.#ask().finally(() => {
      this.#isAsking = false;
    });
  }

  /** Connects, and waits for the first bytes, unless an earlier connection waits for them. */
  knock(): void {
    if (this.#door !== null || this.#hasStopped) return;
    const door = connect(this.#account.socketPath);
    this.#door = door;
    const end = () => {
      if (this.#door === door) this.#door = null;
      door.destroy();
    };
    const answered = () => {
      this.signs++;
      end();
    };
    door.once('connect', () => {
      this.isClosed = false;
    });
    door.once('data', answered);
    // A server that cannot take another connection may hang up without a word.
    door.once('end', answered);
    door.on('error', (error: NodeJS.ErrnoException) => {
      this.isClosed = NOBODY_LISTENS.includes(error.code ?? '');
      end();
    });
  }

  /** Nothing is sent any more, and the connections are closed. */
  stop(): void {
    this.#hasStopped = true;
    this.#session?.destroy();
    this.#door?.destroy();
  }

  async #ask(): Promise<void> {
    try {
      this.#session ??= await this.#connect();
      await this.#session.run(QUESTION);
      this.signs++;
    } catch (error) {
      // A refusal is an answer, and so is the end of a session. A login that nobody answers is none.
      if (this.#session !== null || error instanceof ServerError) this.signs++;
      this.#session?.destroy();
      this.#session = null;
    }
  }

  async #connect(): Promise<Connection> {
    const { socketPath, user, password } = this.#account;
    const session = await Connection.connect({ address: { socketPath }, user, password });
    if (this.#hasStopped) session.destroy();
    return session;
  }
}
