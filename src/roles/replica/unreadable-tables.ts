import { messageOf } from '../../model/error.js';
import type { TableName } from '../../mysql-control/schema-look.js';
import { describeUnreadable, type UnreadableTable } from '../../mysql-control/unreadable-tables.js';
import type { Logger } from '../../std/logger.js';

/**
 * Tables that a replica's server lists and cannot open, since it died in the middle of DDL. Their rows are gone here, and
 * the replica may have counted that DDL as executed: it is not ready before the log has dropped or replaced all of them.
 */
export interface UnreadableTablesModules {
  readonly logger: Logger;
  look(among: readonly TableName[] | null): Promise<readonly UnreadableTable[]>;
  event(code: string, reason: string): void;
}

/** A table stays as it is until the log comes to it, or a person. */
const LOOK_AGAIN_MS = 2_000;
/** A DROP or another CREATE of the table, which cures it for nothing, may follow. */
const LASTING_MS = 60_000;

export class UnreadableTables {
  readonly #modules: UnreadableTablesModules;
  #tables: readonly UnreadableTable[] = [];
  /** The list is not known: all tables are to be looked at. */
  #wanted = false;
  #isLooking = false;
  #lookedAtMs = 0;
  #levelSinceMs: number | null = null;

  constructor(modules: UnreadableTablesModules) {
    this.#modules = modules;
  }

  /** Why this replica is not ready; null = it can open all of its tables, as far as is known. */
  get reason(): string | null {
    if (this.#tables.length === 0) return null;
    return (
      `Its server died in the middle of DDL, and cannot open ${describeUnreadable(this.#tables)} any more: the rows are gone ` +
      'here. Reads of these tables fail. Unless the log drops or replaces them within a minute, it is filled anew from another node.'
    );
  }

  /** The tables that could not be opened for longer than that, with everything executed that the log has; '' = none. */
  lasting(nowMs: number, isLevel: boolean): string {
    if (this.#tables.length === 0 || !isLevel) this.#levelSinceMs = null;
    else this.#levelSinceMs ??= nowMs;
    const lasts = this.#levelSinceMs !== null && nowMs - this.#levelSinceMs >= LASTING_MS;
    return lasts ? describeUnreadable(this.#tables) : '';
  }

  /** A server has been started. @returns whether all tables were looked at, and can be opened */
  async serverUp({ crashed }: { crashed: boolean }, nowMs: number): Promise<boolean> {
    this.#tables = [];
    this.#wanted = crashed;
    if (crashed) await this.#look(nowMs);
    return !this.#wanted && this.#tables.length === 0;
  }

  /** Called often. */
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
        'whether all tables can be opened is not known',
      );
    } finally {
      this.#isLooking = false;
    }
  }
}
