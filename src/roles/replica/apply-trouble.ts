import type { ServerErrors } from '../../flavour/server-errors.js';
import type { SeedNeed } from '../../model/seed.js';
import type { ReplicaThreads } from '../local-server.js';

/**
 * The thread is started again after each stop. When this many attempts in a row fail in the same way, the next ones will
 * too.
 */
const TRIES = 3;

/** Counts how often a replica's server stops with the same error at the same position. Pure. */
export class ApplyTrouble {
  readonly #errors: Pick<ServerErrors, 'isLasting'>;
  #last = '';
  #times = 0;

  constructor(errors: Pick<ServerErrors, 'isLasting'>) {
    this.#errors = errors;
  }

  /**
   * The thread has stopped, and will be started again. `applied`: ordinal. Returns a need when another attempt cannot
   * help.
   */
  stopped({ sqlRunning, lastSqlErrno, lastSqlError }: ReplicaThreads, applied: number): SeedNeed | null {
    if (sqlRunning || !this.#errors.isLasting(lastSqlErrno)) return null;
    const trouble = `error ${lastSqlErrno} after ${applied}`;
    this.#times = trouble === this.#last ? this.#times + 1 : 1;
    this.#last = trouble;
    if (this.#times < TRIES) return null;
    return {
      cause: 'apply-error',
      reason: `The server cannot execute the transaction after number ${applied}, and repeated attempts fail in the same way (${lastSqlErrno}): ${lastSqlError}`,
      closes: true,
      trouble,
    };
  }
}
