import { SkeinError } from '../model/error.js';
import { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import type { SpoolDamage } from './recovery.js';
import { closedError, damagedError, failedError } from './spool-errors.js';

export interface SpoolHealthModules {
  readonly logger: Logger;
  /** Ordinal of the last durable group, for the log line of a failure. */
  readonly durable: () => number;
}

/**
 * Whether a spool can be used: it may be damaged (found when it was opened, or while it is read), failed (an error of the
 * storage), or closed. None of these states ends before the spool is opened again.
 */
export class SpoolHealth {
  readonly onFailed = new Emitter<SkeinError>();
  readonly onDamaged = new Emitter<SpoolDamage>();
  readonly #directory: string;
  readonly #modules: SpoolHealthModules;
  #damage: SpoolDamage | null;
  #failed: SkeinError | null = null;
  #closed = false;

  constructor(options: { directory: string; damage: SpoolDamage | null }, modules: SpoolHealthModules) {
    this.#directory = options.directory;
    this.#damage = options.damage;
    this.#modules = modules;
  }

  get damage(): SpoolDamage | null {
    return this.#damage;
  }

  get failed(): SkeinError | null {
    return this.#failed;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** False when it is closed already. */
  close(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    return true;
  }

  /** @throws SkeinError SPOOL_FAILED */
  throwIfFailed(): void {
    if (this.#failed) throw this.#failed;
  }

  /** @throws SkeinError SPOOL_FAILED, SPOOL_CLOSED */
  throwIfUnusable(): void {
    this.throwIfFailed();
    if (this.#closed) throw closedError();
  }

  /** Notes the first damage that a reader finds; returns the error for the reader. */
  readonly foundDamage = (file: string, offset: number, fault: string): SkeinError => {
    if (!this.#damage) {
      this.#damage = { reason: `a record turned bad (${fault})`, file, offset };
      this.#modules.logger.error({ damage: this.#damage }, 'spool is damaged');
      this.onDamaged.emit(this.#damage);
    }
    return damagedError(this.#damage);
  };

  /** Runs `work`. An error of the storage makes the spool failed; a SkeinError does not. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof SkeinError) throw cause;
      throw this.fail(cause);
    }
  }

  /** Returns the first failure when there was one already. */
  fail(cause: unknown): SkeinError {
    if (this.#failed) return this.#failed;
    const error = failedError(this.#directory, cause);
    this.#failed = error;
    this.#modules.logger.error({ error: error.message, durable: this.#modules.durable() }, 'spool failed');
    this.onFailed.emit(error);
    return error;
  }
}
