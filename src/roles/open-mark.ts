import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { SkeinError } from '../model/error.js';
import { StateFile } from '../std/state-file.js';

const Schema = Type.Object({ epoch: Type.Integer({ minimum: 1, maximum: 0xffff_ffff }) });

/**
 * Remembers on the disk that the server of this node was opened as the primary, until its data is a replica's again. Such a
 * server may have transactions that the cluster's log does not have (rules C5, E2).
 */
export class OpenMark {
  readonly #file: StateFile<typeof Schema, null>;
  #epoch: number | null = null;

  constructor(stateDirectory: string) {
    this.#file = new StateFile({
      path: join(stateDirectory, 'open-epoch.json'),
      schema: Schema,
      missing: null,
      onDamage: {
        refuse: ({ path, reason }) =>
          new SkeinError(
            'OPEN_MARK_UNREADABLE',
            `${path} cannot be used (${reason}). It says that the server of this node was open as the primary. Write {"epoch":1} into it: the server is then compared with the cluster's log before it serves.`,
          ),
      },
    });
  }

  async load(): Promise<void> {
    this.#epoch = (await this.#file.load())?.epoch ?? null;
  }

  /** The epoch in which the server was opened; null = its data is a replica's. */
  get epoch(): number | null {
    return this.#epoch;
  }

  /** Resolves when it is on the disk. */
  async set(epoch: number): Promise<void> {
    if (this.#epoch === epoch) return;
    await this.#file.save({ epoch });
    this.#epoch = epoch;
  }

  async clear(): Promise<void> {
    if (this.#epoch === null) return;
    await this.#file.remove();
    this.#epoch = null;
  }
}
