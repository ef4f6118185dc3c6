import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { SkeinError } from '../../model/error.js';
import { StateFile } from '../../std/state-file.js';

const Schema = Type.Object({
  /** The engine's highest table id when the server was last opened. Tables with a higher id were created later. */
  tableIdMax: Type.Optional(Type.Integer({ minimum: 0 })),
  /** A text that differs when partitions were made, emptied, exchanged or removed since then; see ddl-traces.ts. */
  partitions: Type.Optional(Type.String({ maxLength: 100 })),
  /** The server's clock at that time, as text. */
  openedAt: Type.Optional(Type.String({ pattern: '^[0-9: -]{19}$' })),
  /** Differences from the replicas that were found while the primary was open; see `differenceOf`. */
  known: Type.Optional(Type.Array(Type.String())),
  /** Written by an operator: name of the differences with which the primary may open. */
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
          `${path} cannot be used (${reason}). Correct it, or remove it. Without it, known differences between the nodes' ` +
            'definitions count as new after the next crash.',
        ),
    },
  });
}
