import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { monotonicMs } from '../std/clock.js';
import type { Logger } from '../std/logger.js';
import { StateFile } from '../std/state-file.js';

const FILE = 'log-end.json';
const Schema = Type.Object({ ordinal: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }) });

/** A note is not worth more writes than heartbeats. */
const NOTE_MS = 500;

/**
 * How far the data of this node's server has been, kept outside of that data: on a primary up to where its log was known to be
 * committed, on a replica up to where its server had executed. Data that ends before it was lost or replaced by an older copy,
 * also within one epoch. A lower bound, so that nothing has to be fsynced: what a power cut leaves is an older number, or none.
 */
export class LogEndFile {
  readonly #file: StateFile<typeof Schema, { ordinal: 0 }>;
  readonly #nowMs: () => number;
  #known: number | null = null;
  #writing = false;
  #notedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    stateDirectory: string,
    { logger, nowMs = monotonicMs }: { logger: Logger; nowMs?: () => number },
  ) {
    this.#nowMs = nowMs;
    this.#file = new StateFile({
      path: join(stateDirectory, FILE),
      schema: Schema,
      missing: { ordinal: 0 },
      onDamage: { startOver: logger },
      durable: false,
    });
  }

  /** 0 = nothing is known. */
  async load(): Promise<number> {
    this.#known ??= (await this.#file.load()).ordinal;
    return this.#known;
  }

  /** Never throws and does not wait: what was not written is written with a later call. */
  note(ordinal: number): void {
    const nowMs = this.#nowMs();
    if (this.#writing || nowMs - this.#notedAtMs < NOTE_MS) return;
    this.#notedAtMs = nowMs;
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

/** What was known is of a history that is not the cluster's any more. Only before the file is read. */
export async function forgetLogEnd(stateDirectory: string): Promise<void> {
  await rm(join(stateDirectory, FILE), { force: true });
}
