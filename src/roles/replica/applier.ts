import type { ApplierState } from '../../model/status.js';
import type { ApplierWorker, ReplicaThreads } from '../local-server.js';

/**
 * Decides whether a replica's server applies committed transactions. Pure: a reading of the server -> a state and a reason
 * for people.
 *
 *   running --a thread has ended, or reports an error--> stopped
 *   running --nothing applied for `stallAfterMs`, and every worker waits--> stalled
 *   stopped, stalled --the applier makes progress--> running
 *
 * While a worker executes a statement, the applier is not stalled, however long the statement takes. The reason names the
 * statement, and the lag shows the delay.
 */

export interface ApplierReading {
  readonly threads: ReplicaThreads | null;
  /** Ordinals. */
  readonly applied: number;
  readonly committed: number;
  /** Null: not queried, because the applier is not slow. */
  readonly workers: readonly ApplierWorker[] | null;
  readonly nowMs: number;
}

export interface ApplierView {
  readonly state: ApplierState;
  /** Null when all is well. */
  readonly reason: string | null;
}

/** Time without progress after which the applier is slow and its workers are queried. Each query costs time. */
const SLOW_AFTER_MS = 2_000;
const STATEMENT_LENGTH_MAX = 120;

export class Applier {
  readonly #stallAfterMs: number;
  #applied = -1;
  #movedAtMs = 0;
  #waitingSinceMs: number | null = null;

  constructor(options: { stallAfterMs: number }) {
    this.#stallAfterMs = options.stallAfterMs;
  }

  /** Whether the workers should be queried: transactions wait, and nothing was applied for some time. */
  isSlow(applied: number, committed: number, nowMs: number): boolean {
    if (applied !== this.#applied || applied >= committed) {
      this.#applied = applied;
      this.#movedAtMs = nowMs;
      this.#waitingSinceMs = null;
    }
    return nowMs - this.#movedAtMs > SLOW_AFTER_MS;
  }

  view({ threads, applied, committed, workers, nowMs }: ApplierReading): ApplierView {
    const slow = this.isSlow(applied, committed, nowMs);
    const trouble = threadTrouble(threads);
    if (trouble !== null) return trouble;
    if (!slow || workers === null) return { state: 'running', reason: null };
    const busy = workers.filter(({ state }) => !IDLE.test(state));
    const working = busy.find((worker) => !isWaiting(worker));
    const forMs = nowMs - this.#movedAtMs;
    if (working || busy.length === 0) {
      this.#waitingSinceMs = null;
      return { state: 'running', reason: working ? slowReason(working, forMs) : null };
    }
    this.#waitingSinceMs ??= nowMs;
    if (nowMs - this.#waitingSinceMs < this.#stallAfterMs) return { state: 'running', reason: null };
    return { state: 'stalled', reason: stallReason(busy, forMs) };
  }
}

/** State of a worker without a transaction, or of a coordinator that has distributed all transactions. */
const IDLE = /^$|^Waiting for work from SQL thread|^Slave has read all relay log|^Waiting for the next event/;

function isWaiting({ state, waitsForLock }: ApplierWorker): boolean {
  return waitsForLock || /^waiting /i.test(state);
}

function threadTrouble(threads: ReplicaThreads | null): ApplierView | null {
  if (threads === null) return { state: 'stopped', reason: 'The server does not replicate from this node.' };
  if (!threads.sqlRunning) {
    const why = threads.lastSqlError || 'the SQL thread was stopped';
    return { state: 'stopped', reason: `The server stopped applying: ${why} (${threads.lastSqlErrno}).` };
  }
  // Between two attempts, the IO thread counts as running and shows the error of the last attempt.
  if (!threads.ioRunning || threads.lastIoErrno !== 0) {
    const why = threads.lastIoError || 'the IO thread was stopped';
    const state = threads.ioRunning ? 'running' : 'stopped';
    return { state, reason: `The server stopped reading from this node: ${why} (${threads.lastIoErrno}).` };
  }
  return null;
}

const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;

function doing({ state, statement }: ApplierWorker): string {
  const text = statement.replace(/\s+/g, ' ').slice(0, STATEMENT_LENGTH_MAX);
  return text === '' ? state : `${state}: ${text}`;
}

function slowReason(worker: ApplierWorker, forMs: number): string | null {
  return `The server has been executing one transaction for ${seconds(forMs)} (${doing(worker)}). The usual cause is a table without a primary key.`;
}

function stallReason(workers: readonly ApplierWorker[], forMs: number): string {
  const states = [...new Set(workers.map(doing))].slice(0, 4).join('; ');
  return `The server has applied nothing for ${seconds(forMs)}, and every worker waits (${states}).`;
}
