import type { SeedNeed } from '../../model/seed.js';
import type { ReplicaThreads } from '../local-server.js';

/**
 * Errors that remain when the transaction is executed again: an object that it needs is missing, or an object that it creates
 * already exists. The log is the cluster's history, so the server's data differs from it, or its files are damaged. Other
 * errors (locks, a full disk, memory, a lost connection) may be over at the next attempt.
 */
const DIFFERS: ReadonlySet<number> = new Set([
  // Databases, tables, columns, keys, partitions: already existing, or missing.
  ...[1007, 1008, 1049, 1050, 1051, 1054, 1060, 1061, 1068, 1072, 1091, 1146, 1507, 1517],
  // Rows: missing, already existing, or violating a foreign key.
  ...[1032, 1062, 1022, 1216, 1217, 1451, 1452],
  // Routines, triggers, views, events, loadable functions, servers.
  ...[1304, 1305, 1359, 1360, 1347, 1537, 1539, 1125, 1476, 1477],
  // Accounts, roles and grants.
  ...[1396, 1141, 1147, 1269, 1403, 1962],
  // XA branches.
  ...[1397, 1440],
  // The table has other columns than the rows in the log.
  ...[1532, 1535, 1677],
  // Files of the engine: missing, left over, damaged.
  ...[1016, 1017, 1030, 1033, 1034, 1194, 1195, 1712, 1812, 1813, 1877, 1932],
  // The server already has another transaction with this GTID (gtid_strict_mode).
  1950,
]);

/**
 * The thread is started again after each stop. When this many attempts in a row fail in the same way, the next ones will
 * too.
 */
const TRIES = 3;

/** Counts how often a replica's server stops with the same error at the same position. Pure. */
export class ApplyTrouble {
  #last = '';
  #times = 0;

  /**
   * The thread has stopped, and will be started again. `applied`: ordinal. Returns a need when another attempt cannot
   * help.
   */
  stopped({ sqlRunning, lastSqlErrno, lastSqlError }: ReplicaThreads, applied: number): SeedNeed | null {
    if (sqlRunning || !DIFFERS.has(lastSqlErrno)) return null;
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
