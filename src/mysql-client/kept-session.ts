import type { Connection } from './connection.js';
import { ServerError } from './replies.js';

/** One session for statements that are sent again and again. It is opened when it is needed, and again after it broke. */
export class KeptSession {
  readonly #connect: () => Promise<Connection>;
  #session: Promise<Connection> | null = null;

  constructor(connect: () => Promise<Connection>) {
    this.#connect = connect;
  }

  /** Runs `ask` in the session. @throws what connecting throws, what `ask` throws */
  async use<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    let session = this.#open();
    let connection: Connection | null = null;
    try {
      connection = await session;
      if (connection.broken !== null && this.#session === session) {
        this.#dropIf(session);
        session = this.#open();
        connection = null;
        connection = await session;
      }
      return await ask(connection);
    } catch (error) {
      // An error of the server leaves the session usable. After a network error or a deadline its state is unknown.
      if (connection === null || !(error instanceof ServerError)) this.#dropIf(session);
      throw error;
    }
  }

  /** Closes the session. Statements that are under way fail at once. */
  drop(): void {
    if (this.#session) this.#dropIf(this.#session);
  }

  #open(): Promise<Connection> {
    this.#session ??= this.#connect();
    return this.#session;
  }

  #dropIf(session: Promise<Connection>): void {
    if (this.#session === session) this.#session = null;
    session.then((connection) => connection.destroy()).catch(() => {});
  }
}
