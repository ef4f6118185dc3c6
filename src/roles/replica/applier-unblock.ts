import { messageOf } from '../../model/error.js';
import type { LocalControl } from '../local-server.js';

/**
 * Unblocks the applier of a replica's server that stalls although its threads run. After each `stepMs` without progress it
 * takes one step:
 *
 *   disconnect clients with open transactions -> apply transactions one at a time -> give up and report
 *
 * Clients of a replica only read, so ending their sessions loses nothing. Parallel workers that wait for each other are a
 * bug of the server (MariaDB). When transactions are applied one at a time, no worker waits for another.
 */
export interface UnblockModules {
  control(): LocalControl;
  event(code: string, reason: string): void;
  /** Kills the server (SIGKILL). It is started again, and applies from the position of its engine. */
  kill(reason: string): void;
  nowMs(): number;
}

const PARALLEL_WORKERS = 8;

export class ApplierUnblock {
  readonly #stepMs: number;
  readonly #modules: UnblockModules;
  #stalledAt = -1;
  #steps = 0;
  #lastStepMs = Number.NEGATIVE_INFINITY;
  /** Transactions are applied one at a time until this ordinal is applied; null = in parallel. */
  #serialUntil: number | null = null;

  constructor(options: { stepMs: number }, modules: UnblockModules) {
    this.#stepMs = options.stepMs;
    this.#modules = modules;
  }

  /** Number of parallel workers for the next start of the server's applier. */
  get workers(): number {
    return this.#serialUntil === null ? PARALLEL_WORKERS : 0;
  }

  /** All steps were taken at this position, and the last one has not helped within `stepMs`. */
  get isGivenUp(): boolean {
    return this.#steps >= STEPS.length && this.#modules.nowMs() - this.#lastStepMs >= this.#stepMs;
  }

  /** The applier has stalled after this ordinal, and transactions up to `committed` wait. */
  async stalled(applied: number, committed: number): Promise<void> {
    if (applied !== this.#stalledAt) {
      this.#stalledAt = applied;
      this.#steps = 0;
      this.#lastStepMs = Number.NEGATIVE_INFINITY;
    }
    const now = this.#modules.nowMs();
    if (this.#steps >= STEPS.length || now - this.#lastStepMs < this.#stepMs) return;
    this.#lastStepMs = now;
    const step = STEPS[this.#steps++];
    if (step === 'readers' && !(await this.#endReaders())) {
      // There was no client to disconnect, so the next step need not wait.
      this.#lastStepMs = Number.NEGATIVE_INFINITY;
      await this.stalled(applied, committed);
    }
    if (step === 'serial') await this.#applySerially(committed);
  }

  /** The applier makes progress. */
  async running(applied: number): Promise<void> {
    if (this.#serialUntil === null || applied < this.#serialUntil) return;
    this.#serialUntil = null;
    await this.#modules.control().restartApplier(PARALLEL_WORKERS, this.#stepMs);
    this.#modules.event('APPLIER_PARALLEL', 'The server applies transactions in parallel again.');
  }

  async #endReaders(): Promise<boolean> {
    const control = this.#modules.control();
    const readers = await control.longReaders(Math.floor(this.#stepMs / 1000));
    for (const { id } of readers) await control.endSession(id);
    if (readers.length === 0) return false;
    const ended = readers.map(({ user, seconds }) => `${user} (${seconds} s)`).join(', ');
    this.#modules.event(
      'APPLIER_BLOCKED',
      `The server applied nothing, so the clients with an open transaction or statement were disconnected: ${ended}.`,
    );
    return true;
  }

  async #applySerially(committed: number): Promise<void> {
    this.#serialUntil = committed;
    this.#modules.event(
      'APPLIER_SERIAL',
      'The workers of the server wait for each other, so the server applies transactions one at a time for now.',
    );
    try {
      await this.#modules.control().restartApplier(0, this.#stepMs);
    } catch (error) {
      // Workers that wait for each other may also ignore the order to stop.
      this.#modules.kill(`its applier does not stop: ${messageOf(error)}`);
    }
  }
}

const STEPS = ['readers', 'serial'] as const;
