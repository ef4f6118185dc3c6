import { messageOf } from '../../model/error.js';
import type { Logger } from '../../std/logger.js';

/**
 * Finds tables that a replica's server lists but cannot open after a crash in the middle of DDL. Their rows are lost here. It
 * looks once after each crash, when the server has executed what the spool had at its start: that may drop or replace them.
 */
export interface UnreadableTablesModules {
  readonly logger: Logger;
  /** Names of the tables; '' = none. */
  look(): Promise<string>;
  /** Gets the result of a check. */
  found(tables: string): Promise<void>;
}

const LOOK_AGAIN_MS = 2_000;

export class UnreadableTables {
  readonly #modules: UnreadableTablesModules;
  /** Ordinal up to which the server must have executed first; null = no check is due. */
  #lookAt: number | null = null;
  #isLooking = false;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(modules: UnreadableTablesModules) {
    this.#modules = modules;
  }

  /** A server has started. `lookAt`: see #lookAt; null = the server before it ended in order. */
  serverUp(lookAt: number | null): void {
    this.#lookAt = lookAt;
  }

  /** Does the check when it is due. Called often. Never rejects. */
  async watch(applied: number, committed: number, nowMs: number): Promise<void> {
    // A transaction that is never committed is not executed.
    if (this.#lookAt === null || applied < Math.min(this.#lookAt, committed)) return;
    if (this.#isLooking || nowMs - this.#lookedAtMs < LOOK_AGAIN_MS) return;
    const wanted = this.#lookAt;
    this.#isLooking = true;
    this.#lookedAtMs = nowMs;
    try {
      const tables = await this.#modules.look();
      // Another server has started meanwhile.
      if (this.#lookAt !== wanted) return;
      await this.#modules.found(tables);
      this.#lookAt = null;
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
