import { messageOf } from '../../model/error.js';
import type { LocalControl } from '../local-server.js';

/**
 * What a replica's node does by itself about an applier that stands still although its threads run. One step for each time
 * that it has stood for `stepMs`:
 *
 *   end the clients that hold something open -> execute one after the other -> give up and say so
 *
 * Clients of a replica only read: ending their sessions loses nothing. Parallel workers that wait for each other are a
 * fault of the server (MariaDB); one after the other, no worker waits for another.
 */
export interface UnblockModules {
  control(): LocalControl;
  event(code: string, reason: string): void;
  /** SIGKILL of the server, which is started again and goes on where its engine stands. */
  kill(reason: string): void;
  nowMs(): number;
}

const PARALLEL_WORKERS = 8;

export class ApplierUnblock {
  readonly #stepMs: number;
  readonly #modules: UnblockModules;
  #stoodAt = -1;
  #steps = 0;
  #lastStepMs = Number.NEGATIVE_INFINITY;
  /** While it is executed one after the other: until this ordinal is applied. */
  #serialUntil: number | null = null;

  constructor(options: { stepMs: number }, modules: UnblockModules) {
    this.#stepMs = options.stepMs;
    this.#modules = modules;
  }

  /** Workers that the server's applier should have when it is started now. */
  get workers(): number {
    return this.#serialUntil === null ? PARALLEL_WORKERS : 0;
  }

  /** All steps were taken at this place, the last one long enough ago, and it stands still. */
  get isGivenUp(): boolean {
    return this.#steps >= STEPS.length && this.#modules.nowMs() - this.#lastStepMs >= this.#stepMs;
  }

  /** It stands still at this ordinal; all up to `committed` wait behind it. */
  async stalled(applied: number, committed: number): Promise<void> {
    if (applied !== this.#stoodAt) {
      this.#stoodAt = applied;
      this.#steps = 0;
      this.#lastStepMs = Number.NEGATIVE_INFINITY;
    }
    const now = this.#modules.nowMs();
    if (this.#steps >= STEPS.length || now - this.#lastStepMs < this.#stepMs) return;
    this.#lastStepMs = now;
    const step = STEPS[this.#steps++];
    if (step === 'readers' && !(await this.#endReaders())) await this.stalledAgain(applied, committed);
    if (step === 'serial') await this.#serially(committed);
  }

  /** There was no client to disconnect: the next step need not wait. */
  private async stalledAgain(applied: number, committed: number): Promise<void> {
    this.#lastStepMs = Number.NEGATIVE_INFINITY;
    await this.stalled(applied, committed);
  }

  /** It moves. */
  async running(applied: number): Promise<void> {
    if (this.#serialUntil === null || applied < this.#serialUntil) return;
    this.#serialUntil = null;
    await this.#modules.control().restartApplier(PARALLEL_WORKERS, this.#stepMs);
    this.#modules.event('APPLIER_PARALLEL', 'Its server executes transactions in parallel again.');
  }

  async #endReaders(): Promise<boolean> {
    const control = this.#modules.control();
    const readers = await control.longReaders(Math.floor(this.#stepMs / 1000));
    for (const { id } of readers) await control.endSession(id);
    if (readers.length === 0) return false;
    const said = readers.map(({ user, seconds }) => `${user} (${seconds} s)`).join(', ');
    this.#modules.event(
      'APPLIER_BLOCKED',
      `Its server applied nothing, so the clients that held a transaction or a statement open were disconnected: ${said}.`,
    );
    return true;
  }

  async #serially(committed: number): Promise<void> {
    this.#serialUntil = committed;
    this.#modules.event(
      'APPLIER_SERIAL',
      'The workers of its server wait for each other, so it executes transactions one by one for now.',
    );
    try {
      await this.#modules.control().restartApplier(0, this.#stepMs);
    } catch (error) {
      // Workers that wait for each other may not end either.
      this.#modules.kill(`its applier does not stop: ${messageOf(error)}`);
    }
  }
}

const STEPS = ['readers', 'serial'] as const;
