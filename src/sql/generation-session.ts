import type { ServerAccess } from '../api/node-view.js';
import { Connection } from '../mysql-client/connection.js';

interface Opened {
  readonly generation: string;
  readonly connecting: Promise<Connection>;
  /** Null while it logs in. */
  connection: Connection | null;
}

/** One session for all callers. A new one is opened for each generation of the local server (rule C10), and after it broke. */
export class GenerationSession {
  readonly #connect: (access: ServerAccess) => Promise<Connection>;
  #opened: Opened | null = null;

  constructor(connect: (access: ServerAccess) => Promise<Connection>) {
    this.#connect = connect;
  }

  /** @throws what connecting throws */
  get(access: ServerAccess): Promise<Connection> {
    const { generation } = access;
    const now = this.#opened;
    if (now?.generation === generation && !now.connection?.broken) return now.connecting;
    this.close();
    const opened: Opened = { generation, connecting: this.#connect(access), connection: null };
    this.#opened = opened;
    opened.connecting.then(
      (connection) => {
        opened.connection = connection;
      },
      () => {
        if (this.#opened === opened) this.#opened = null;
      },
    );
    return opened.connecting;
  }

  /** Closes the session. Statements that are under way fail; the next `get` opens another session. */
  close(): void {
    const opened = this.#opened;
    this.#opened = null;
    opened?.connecting.then(
      (connection) => connection.destroy(),
      () => {},
    );
  }
}

export function connectAs(access: ServerAccess, user: 'skein' | 'skein_admin'): Promise<Connection> {
  return Connection.connect({
    address: { socketPath: access.socketPath },
    user,
    password: access.passwordOf(user),
  });
}
