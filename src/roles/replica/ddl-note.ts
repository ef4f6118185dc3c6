import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { SkeinError } from '../../model/error.js';
import { StateFile } from '../../std/state-file.js';

const Schema = Type.Object({
  /** Ordinal of the DDL. All transactions before it were applied. */
  ordinal: Type.Integer({ minimum: 1 }),
  /** The partitions before the DDL (see LocalControl.partitionIds); null = the DDL changes no partitions. */
  partitions: Type.Union([Type.String(), Type.Null()]),
});

/** Note about DDL whose outcome the server's log does not show. It is written before the server gets the DDL. */
export type DdlNote = Static<typeof Schema>;

/**
 * Has only the last note, which is used when the server crashed before the DDL was applied. `load` throws
 * DDL_NOTE_UNREADABLE.
 */
export type DdlNoteFile = StateFile<typeof Schema, null>;

export function ddlNoteFile(stateDirectory: string): DdlNoteFile {
  return new StateFile({
    path: join(stateDirectory, 'ddl.json'),
    schema: Schema,
    missing: null,
    onDamage: {
      refuse: ({ path, reason }) =>
        new SkeinError(
          'DDL_NOTE_UNREADABLE',
          `${path} is damaged (${reason}). It names the DDL that this replica's server was executing when it crashed.`,
        ),
    },
  });
}
