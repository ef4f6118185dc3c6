import type { ApplierState } from '../../model/status.js';
import type { ApplierWorker, ReplicaThreads } from '../local-server.js';

/**
 * Whether a replica's server executes what is committed. Pure: what the server says -> a state and a reason for people.
 *
 *   running --a thread ended, or says an error--> stopped
 *   running --nothing applied for `stallAfterMs`, and every worker waits--> stalled
 *   stopped, stalled --it goes on--> running
 *
 * A worker that works is no stall, however long its statement takes: it is said, and the lag tells the rest.
 */

export interface ApplierReading {
  readonly threads: ReplicaThreads | null;
  /** Ordinals. */
  readonly applied: number;
  readonly committed: number;
  /** Null: not asked, because there was no reason to. */
  readonly workers: readonly ApplierWorker[] | null;
  readonly nowMs: number;
}

export interface ApplierView {
  readonly state: ApplierState;
  /** Null when all is well. */
  readonly reason: string | null;
}

/** Shorter statements do not count as slow; each check costs one query. */
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

  /** Whether the workers should be asked what they do: something is to be applied, and nothing was for a while. */
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

/** A worker without a transaction, or the coordinator that has handed out all that there is. */
const IDLE = /^$|^Waiting for work from SQL thread|^Slave has read all relay log|^Waiting for the next event/;

function isWaiting({ state, waitsForLock }: ApplierWorker): boolean {
  return waitsForLock || /^waiting /i.test(state);
}

function threadTrouble(threads: ReplicaThreads | null): ApplierView | null {
  if (threads === null) return { state: 'stopped', reason: 'The server does not replicate from this node.' };
  if (!threads.sqlRunning) {
    const why = threads.lastSqlError || 'its SQL thread was stopped';
    return { state: 'stopped', reason: `The server stopped applying: ${why} (${threads.lastSqlErrno}).` };
  }
  // An IO thread that is between two attempts counts as running, but says what the last one met.
  if (!threads.ioRunning || threads.lastIoErrno !== 0) {
    const why = threads.lastIoError || 'its IO thread was stopped';
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
  return `Its server has been executing one transaction for ${seconds(forMs)} (${doing(worker)}). A table without a primary key is the usual cause.`;
}

function stallReason(workers: readonly ApplierWorker[], forMs: number): string {
  const said = [...new Set(workers.map(doing))].slice(0, 4).join('; ');
  return `Its server has applied nothing for ${seconds(forMs)}, and every worker waits (${said}).`;
}
