import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { SkeinError } from '../../model/error.js';
import { StateFile } from '../../std/state-file.js';

const Schema = Type.Object({
  /** What the engine had made when the server was last opened: what has a higher id was made since. */
  tableIdMax: Type.Optional(Type.Integer({ minimum: 0 })),
  /** The server's clock then, as it tells it. */
  openedAt: Type.Optional(Type.String({ pattern: '^[0-9: -]{19}$' })),
  /** Differences from the replicas that were seen in peace; see `differenceOf`. */
  known: Type.Optional(Type.Array(Type.String())),
  /** Written by a person: the difference of this name is taken as it is. */
  accept: Type.Optional(Type.String()),
});

/** `load` throws DEFINITIONS_NOTE_UNREADABLE. */
export type DefinitionsFile = StateFile<typeof Schema, Record<string, never>>;

export function definitionsFile(stateDirectory: string): DefinitionsFile {
  return new StateFile({
    path: join(stateDirectory, 'definitions.json'),
    schema: Schema,
    missing: {},
    onDamage: {
      refuse: ({ path, reason }) =>
        new SkeinError(
          'DEFINITIONS_NOTE_UNREADABLE',
          `${path} cannot be used (${reason}). Correct it, or remove it: known differences between the nodes' ` +
            'definitions are then judged again after the next crash.',
        ),
    },
  });
}
