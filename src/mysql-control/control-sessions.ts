import type { Query } from '../flavour/server-sql.js';
import { SkeinError } from '../model/error.js';
import { Connection, type TextRow } from '../mysql-client/connection.js';
import { KeptSession } from '../mysql-client/kept-session.js';
import { bindValues, type TextValue } from '../mysql-client/sql-text.js';
import { withDeadline } from '../std/timing.js';
import { accountPassword } from './accounts.js';

/**
 * The node's own sessions on the local server, through its unix socket as `skein@localhost`. Three kinds: one for questions
 * about the server's state, one for statements that are logged, and any number for single purposes.
 */
export interface ControlSessionsOptions {
  /** The cluster's secret, from which all passwords of accounts are derived. */
  readonly secret: Buffer;
}

export interface ControlSessionsModules {
  /** Null while the server is down. */
  socketPath(): string | null;
}

const ACCOUNT = 'skein';
/** Deadline for a question about the server's state. It normally takes a millisecond; a server that takes this long hangs. */
const QUERY_DEADLINE_MS = 10_000;
const SHOWN_CHARACTERS = 40;
const NOT_LOGGED = 'SET SESSION sql_log_bin = 0';

export class ControlSessions {
  readonly #options: ControlSessionsOptions;
  readonly #modules: ControlSessionsModules;
  readonly #questions: KeptSession;
  readonly #writer: KeptSession;

  constructor(options: ControlSessionsOptions, modules: ControlSessionsModules) {
    this.#options = options;
    this.#modules = modules;
    this.#questions = new KeptSession(() => this.connect());
    this.#writer = new KeptSession(() => this.connect({ logged: true }));
  }

  /** To be called when the server is down: all sessions are gone. */
  drop(): void {
    this.#questions.drop();
    this.#writer.drop();
  }

  dropWriter(): void {
    this.#writer.drop();
  }

  /** Runs a statement in the session for questions. It is not written to the binary log. */
  readonly query: Query = (sql, deadlineMs = QUERY_DEADLINE_MS) =>
    this.#questions.use((connection) => answerOf(connection.queryRows(sql), sql, deadlineMs));

  /** Like `query`, with each byte of a value as one character. */
  queryBytes(sql: string): Promise<TextRow[]> {
    return this.#questions.use((connection) =>
      answerOf(connection.queryRows(sql, 'latin1'), sql, QUERY_DEADLINE_MS),
    );
  }

  /**
   * Runs a statement in the session whose statements are logged. It has no deadline, because a commit may wait for its
   * quorum.
   */
  executeLogged(sql: string, values: readonly TextValue[]): Promise<TextRow[]> {
    return this.#writer.use((connection) => connection.queryRows(bindValues(sql, values)));
  }

  /** Runs `use` in a session of its own, which is closed afterwards. `logged`: its changes are written to the binary log. */
  async alone<T>(
    { logged = false }: { logged?: boolean },
    use: (query: Query, connection: Connection) => Promise<T>,
  ): Promise<T> {
    const connection = await this.connect({ logged });
    try {
      return await use(
        (sql, deadlineMs = QUERY_DEADLINE_MS) => answerOf(connection.queryRows(sql), sql, deadlineMs),
        connection,
      );
    } finally {
      connection.destroy();
    }
  }

  /** @throws SkeinError SERVER_DOWN, and what Connection.connect throws */
  async connect({ logged = false }: { logged?: boolean } = {}): Promise<Connection> {
    const socketPath = this.#modules.socketPath();
    if (socketPath === null) throw new SkeinError('SERVER_DOWN', 'The local server is down.');
    const connection = await Connection.connect({
      address: { socketPath },
      user: ACCOUNT,
      password: accountPassword(this.#options.secret, ACCOUNT),
    });
    if (logged) return connection;
    try {
      await answerOf(connection.run(NOT_LOGGED), NOT_LOGGED, QUERY_DEADLINE_MS);
      return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }
}

function answerOf<T>(answer: Promise<T>, sql: string, deadlineMs: number | null): Promise<T> {
  if (deadlineMs === null) return answer;
  return withDeadline(answer, deadlineMs, `The query "${sql.slice(0, SHOWN_CHARACTERS)}"`);
}
