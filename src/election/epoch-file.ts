import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { SkeinError } from '../model/error.js';
import { StateFile } from '../std/state-file.js';

const Schema = Type.Object({
  /** The highest epoch number that this node has used. */
  used: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
});

/** Kept forever in its own fsynced file (rule H1). `load` throws EPOCH_UNREADABLE. */
export type EpochFile = StateFile<typeof Schema, { used: 0 }>;

export function epochFile(stateDirectory: string): EpochFile {
  return new StateFile({
    path: join(stateDirectory, 'epoch.json'),
    schema: Schema,
    missing: { used: 0 },
    onDamage: {
      refuse: ({ path, reason }) =>
        new SkeinError(
          'EPOCH_UNREADABLE',
          `${path} cannot be used (${reason}). It holds the last epoch number of this node. Write {"used": N} into it, with N at least the highest epoch that any node of the cluster shows.`,
        ),
    },
  });
}
