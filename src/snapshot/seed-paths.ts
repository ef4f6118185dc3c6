import { join, resolve } from 'node:path';

/** Where a snapshot is unpacked beside the data that it will replace, in the directory of its node. */
export interface SeedPaths {
  readonly directory: string;
  /** The data that is replaced. */
  readonly live: string;
  readonly seed: string;
  /** The new data, until it is in its place. */
  readonly data: string;
  /** For the programs' own files. */
  readonly tmp: string;
  /** The note about the current step. */
  readonly note: string;
  /** The old data, until the new is taken over. */
  readonly replaced: string;
}

/** Beside it are the directories of programs that take snapshots now, with temporary names. */
export const takingPath = (nodeDirectory: string) => join(nodeDirectory, 'snapshot');

export function seedPaths(nodeDirectory: string): SeedPaths {
  const directory = resolve(nodeDirectory);
  const seed = join(directory, 'seed');
  return {
    directory,
    live: join(directory, 'data'),
    seed,
    data: join(seed, 'data'),
    tmp: join(seed, 'tmp'),
    note: join(seed, 'snapshot.json'),
    replaced: join(directory, 'data.replaced'),
  };
}
