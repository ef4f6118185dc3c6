import { rm } from 'node:fs/promises';
import { type Static, Type } from '@sinclair/typebox';
import { SkeinError } from '../model/error.js';
import { syncPath } from '../std/files.js';
import { StateFile } from '../std/state-file.js';
import type { SeedPaths } from './seed-paths.js';

const Schema = Type.Object({
  /**
   * `ready`: the new data is whole and on the disk, beside the old · `placing`: it takes the old one's place, and nothing else
   * may happen any more · `placed`: it is in place; the server on it does not know its position yet · `returning`: it is of no
   * use, and the old data takes its place again.
   */
  step: Type.Union([
    Type.Literal('ready'),
    Type.Literal('placing'),
    Type.Literal('placed'),
    Type.Literal('returning'),
  ]),
  /** Of the last transaction in it; '' = none. */
  gtid: Type.String(),
  bytes: Type.Integer({ minimum: 0 }),
  /** Data of the caller, for instance where the snapshot came from. */
  about: Type.Record(Type.String(), Type.Unknown()),
});

/** The step of a received snapshot. Without a note there is none, or it is half received. */
export type SeedNote = Readonly<Static<typeof Schema>>;

/** The durable note; it is written when what it says is on the disk. */
export class SeedNoteFile {
  readonly #paths: SeedPaths;
  readonly #file: StateFile<typeof Schema, null>;

  constructor(paths: SeedPaths) {
    this.#paths = paths;
    this.#file = new StateFile({
      path: paths.note,
      schema: Schema,
      missing: null,
      onDamage: {
        refuse: ({ path, reason }) =>
          new SkeinError(
            'SEED_NOTE_UNREADABLE',
            `${path} cannot be used (${reason}). It says whether ${paths.live} is new data whose position is not set yet. If there is a directory ${paths.data}, remove ${paths.seed}; else remove ${paths.live} too, so that the node is filled again.`,
          ),
      },
    });
  }

  /** @throws SkeinError SEED_NOTE_UNREADABLE */
  read(): Promise<SeedNote | null> {
    return this.#file.load();
  }

  /** Resolves when it is on the disk. */
  write(note: SeedNote): Promise<void> {
    return this.#file.save(note);
  }

  async remove(): Promise<void> {
    await rm(this.#paths.note, { force: true });
    await syncPath(this.#paths.seed);
  }
}
