import { messageOf } from '../../model/error.js';
import type { TableName } from '../../mysql-control/schema-look.js';
import { describeUnreadable, type UnreadableTable } from '../../mysql-control/unreadable-tables.js';
import type { Logger } from '../../std/logger.js';

/**
 * Finds tables that a replica's server lists but cannot open after a crash in the middle of DDL. Their rows are lost here, and
 * the DDL may count as executed. So the replica is not ready until the log has dropped or replaced all of these tables.
 */
export interface UnreadableTablesModules {
  readonly logger: Logger;
  look(among: readonly TableName[] | null): Promise<readonly UnreadableTable[]>;
  event(code: string, reason: string): void;
}

/** Poll interval. Only the log or an operator repairs a table. */
const LOOK_AGAIN_MS = 2_000;
/** Time in which a DROP or a CREATE in the log may repair the tables, before the replica is filled from another node. */
const LASTING_MS = 60_000;

export class UnreadableTables {
  readonly #modules: UnreadableTablesModules;
  #tables: readonly UnreadableTable[] = [];
  /** The list is not known, so all tables must be checked. */
  #wanted = false;
  #isLooking = false;
  #lookedAtMs = 0;
  #caughtUpSinceMs: number | null = null;

  constructor(modules: UnreadableTablesModules) {
    this.#modules = modules;
  }

  /** Why this replica is not ready; null = no unreadable table is known. */
  get reason(): string | null {
    if (this.#tables.length === 0) return null;
    return (
      `The server crashed in the middle of DDL, and cannot open ${describeUnreadable(this.#tables)} any more. Their rows are lost ` +
      'here, and reads of these tables fail. Unless the log drops or replaces them within a minute, the replica is filled from another node.'
    );
  }

  /** The tables that are still unreadable LASTING_MS after the server has executed the whole log; '' = none. */
  lasting(nowMs: number, isCaughtUp: boolean): string {
    if (this.#tables.length === 0 || !isCaughtUp) this.#caughtUpSinceMs = null;
    else this.#caughtUpSinceMs ??= nowMs;
    const lasts = this.#caughtUpSinceMs !== null && nowMs - this.#caughtUpSinceMs >= LASTING_MS;
    return lasts ? describeUnreadable(this.#tables) : '';
  }

  /** A server has started. Resolves with true when all tables are known to be readable. */
  async serverUp({ crashed }: { crashed: boolean }, nowMs: number): Promise<boolean> {
    this.#tables = [];
    this.#wanted = crashed;
    if (crashed) await this.#look(nowMs);
    return !this.#wanted && this.#tables.length === 0;
  }

  /** Checks the unreadable tables again when they are due. Called often. Never rejects. */
  async watch(nowMs: number): Promise<void> {
    if (!this.#wanted && this.#tables.length === 0) return;
    if (this.#isLooking || nowMs - this.#lookedAtMs < LOOK_AGAIN_MS) return;
    await this.#look(nowMs);
  }

  async #look(nowMs: number): Promise<void> {
    this.#isLooking = true;
    this.#lookedAtMs = nowMs;
    try {
      const before = this.reason;
      this.#tables = await this.#modules.look(this.#wanted ? null : this.#tables);
      this.#wanted = false;
      const { reason } = this;
      if (reason !== null && reason !== before) this.#modules.event('TABLES_UNREADABLE', reason);
      if (reason === null && before !== null)
        this.#modules.logger.info({}, 'the server can open all of its tables again');
    } catch (error) {
      this.#modules.logger.warn(
        { reason: messageOf(error) },
        'the check whether all tables can be opened failed',
      );
    } finally {
      this.#isLooking = false;
    }
  }
}
