import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import type { Logger } from '../../std/logger.js';
import { StateFile } from '../../std/state-file.js';

const Schema = Type.Object({ ordinal: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }) });

/**
 * The last commit position that the primary knew, kept outside of the server's data. A log that ends before this position was
 * lost, or replaced by an older copy, even within one epoch. The number is a lower bound, so it needs no fsync: a power cut
 * leaves an older number, or none.
 */
export class LogEndFile {
  readonly #file: StateFile<typeof Schema, { ordinal: 0 }>;
  #known: number | null = null;
  #writing = false;

  constructor(stateDirectory: string, { logger }: { logger: Logger }) {
    this.#file = new StateFile({
      path: join(stateDirectory, 'log-end.json'),
      schema: Schema,
      missing: { ordinal: 0 },
      onDamage: { startOver: logger },
      durable: false,
    });
  }

  /** 0 = not known. */
  async load(): Promise<number> {
    this.#known ??= (await this.#file.load()).ordinal;
    return this.#known;
  }

  /** Never throws and does not wait. After a failed write, the next call writes a newer number. */
  note(ordinal: number): void {
    if (this.#writing) return;
    this.#writing = true;
    this.#write(ordinal)
      .catch(() => {})
      .finally(() => {
        this.#writing = false;
      });
  }

  async #write(ordinal: number): Promise<void> {
    if (ordinal <= (await this.load())) return;
    await this.#file.save({ ordinal });
    this.#known = ordinal;
  }
}
