import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import type { Logger } from '../../std/logger.js';
import { StateFile } from '../../std/state-file.js';

const Schema = Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));

/** More disks than any cluster has at a time; the disks that were seen last stay. */
const KEPT_MAX = 64;

/**
 * How many starts of its node each disk of a member has shown (rule E5): one that shows fewer is an older image of that disk.
 * It outlives the primary's process. A lower bound, so that nothing has to be fsynced.
 */
export class BootNumbers {
  readonly #file: StateFile<typeof Schema, Record<string, never>>;
  #known: Map<string, number> | null = null;

  constructor(stateDirectory: string, { logger }: { logger: Logger }) {
    this.#file = new StateFile({
      path: join(stateDirectory, 'boots.json'),
      schema: Schema,
      missing: {},
      onDamage: { startOver: logger },
      durable: false,
    });
  }

  /** Before a member is looked at. */
  async load(): Promise<void> {
    this.#known ??= new Map(Object.entries(await this.#file.load()));
  }

  /** Whether a member's disk, which shows so many starts, is older than it was seen. */
  isSetBack(incarnation: string, boot: number): boolean {
    return boot < this.of(incarnation);
  }

  /** 0 = it was never seen. */
  of(incarnation: string): number {
    return this.#known?.get(incarnation) ?? 0;
  }

  /** Never throws and does not wait: what could not be written is written with the next start of a member. */
  note(incarnation: string, boot: number): void {
    this.#known ??= new Map();
    if (boot <= this.of(incarnation)) return;
    this.#known.delete(incarnation);
    this.#known.set(incarnation, boot);
    const kept = [...this.#known].slice(-KEPT_MAX);
    this.#file.save(Object.fromEntries(kept)).catch(() => {});
  }
}
