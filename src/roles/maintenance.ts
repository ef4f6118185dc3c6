import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { SkeinError } from '../model/error.js';
import { Emitter } from '../std/emitter.js';
import { StateFile } from '../std/state-file.js';

const Schema = Type.Object({ since: Type.String({ description: 'ISO time.' }) });

/**
 * Whether an operator has put this node into maintenance, over restarts: it keeps no lead, and no other node is filled from it.
 * It still votes, acknowledges, and may be elected and hand over (rule E14).
 */
export class Maintenance {
  readonly onChange = new Emitter<void>();
  readonly #file: StateFile<typeof Schema, null>;
  #isOn = false;

  constructor(stateDirectory: string) {
    this.#file = new StateFile({
      path: join(stateDirectory, 'maintenance.json'),
      schema: Schema,
      missing: null,
      onDamage: {
        refuse: ({ path, reason }) =>
          new SkeinError(
            'MAINTENANCE_UNREADABLE',
            `${path} cannot be used (${reason}). It says that this node is in maintenance. Remove it to end that.`,
          ),
      },
    });
  }

  async load(): Promise<void> {
    this.#isOn = (await this.#file.load()) !== null;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** Resolves when it is on the disk. */
  async set(isOn: boolean): Promise<void> {
    if (isOn) await this.#file.save({ since: new Date().toISOString() });
    else await this.#file.remove();
    if (isOn === this.#isOn) return;
    this.#isOn = isOn;
    this.onChange.emit();
  }
}
