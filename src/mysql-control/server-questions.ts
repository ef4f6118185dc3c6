import type { Flavour } from '../flavour/flavour.js';
import type { ServerSql } from '../flavour/server-sql.js';
import type { ClientStatement } from '../model/running-statement.js';
import { AppliedWait } from './applied-wait.js';
import {
  ControlSessions,
  type ControlSessionsModules,
  type ControlSessionsOptions,
} from './control-sessions.js';

/** Queries of the client planes to the local server. They change no data and no setting of it; MariadbControl does. */
export class ServerQuestions {
  readonly #sql: ServerSql;
  readonly #sessions: ControlSessions;
  readonly #applied: AppliedWait;

  constructor(options: ControlSessionsOptions, modules: ControlSessionsModules & { flavour: Flavour }) {
    this.#sql = modules.flavour.sql;
    this.#sessions = new ControlSessions(options, modules);
    this.#applied = new AppliedWait({
      connect: () => this.#sessions.connect(),
      flavour: modules.flavour,
    });
  }

  /** Closes all sessions. Later questions open new ones. */
  dropSessions(): void {
    this.#sessions.drop();
    this.#applied.serverDown();
  }

  /** See AppliedWait. */
  waitApplied(ordinal: number, timeoutMs: number): Promise<boolean> {
    return this.#applied.wait(ordinal, timeoutMs);
  }

  /** The GTID of the last transaction before a place in the log; '' = none. */
  gtidAt(place: { file: string; offset: number }): Promise<string> {
    return this.#sessions.alone({}, (query) => this.#sql.gtidAt(query, place));
  }

  committingSessions(): Promise<{ id: number; queryId: number }[]> {
    return this.#sql.committingSessions(this.#sessions.query);
  }

  clientStatements(): Promise<ClientStatement[]> {
    return this.#sql.clientStatements(this.#sessions.query);
  }

  /** Only for a statement that is not committing, see killJudge. */
  killQuery(id: number): Promise<void> {
    return this.#sql.killQuery(this.#sessions.query, id);
  }

  threadsBeforeLogin(): Promise<ReadonlySet<number>> {
    return this.#sql.threadsBeforeLogin(this.#sessions.query);
  }
}
