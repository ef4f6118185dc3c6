import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { SkeinError } from '../model/error.js';
import { StateFile } from '../std/state-file.js';

const Schema = Type.Object({
  epoch: Type.Integer({ minimum: 1, maximum: 0xffff_ffff }),
  /** Why the data cannot be compared with the log if the server ends now, for people. */
  doubt: Type.Optional(Type.String()),
});

/**
 * Remembers on the disk that the server of this node was opened as the primary, until its data is a replica's again. Such a
 * server may have transactions that the cluster's log does not have (rules C5, E2).
 */
export class OpenMark {
  readonly #file: StateFile<typeof Schema, null>;
  #mark: Static<typeof Schema> | null = null;

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
    this.#mark = await this.#file.load();
  }

  /** The epoch in which the server was opened; null = its data is a replica's. */
  get epoch(): number | null {
    return this.#mark?.epoch ?? null;
  }

  /** Why this server's data cannot be told from the log after its death; null = it can. */
  get doubt(): string | null {
    return this.#mark?.doubt ?? null;
  }

  /** Resolves when it is on the disk. A doubt from before stays. */
  async set(epoch: number, newDoubt: string | null = null): Promise<void> {
    const doubt = this.doubt ?? newDoubt;
    if (this.epoch === epoch && this.doubt === doubt) return;
    await this.#save({ epoch, ...(doubt !== null && { doubt }) });
  }

  /** Keeps a reason until the server's data is a replica's. Without a mark nothing is done. */
  async doubtful(reason: string): Promise<void> {
    if (this.#mark === null || this.doubt !== null) return;
    await this.#save({ ...this.#mark, doubt: reason });
  }

  async #save(mark: Static<typeof Schema>): Promise<void> {
    await this.#file.save(mark);
    this.#mark = mark;
  }

  async clear(): Promise<void> {
    if (this.#mark === null) return;
    await this.#file.remove();
    this.#mark = null;
  }
}
