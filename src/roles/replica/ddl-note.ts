import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { SkeinError } from '../../model/error.js';
import { StateFile } from '../../std/state-file.js';

const Schema = Type.Object({
  /** Its number in the cluster's history; all before it was applied. */
  ordinal: Type.Integer({ minimum: 1 }),
  /** What may have happened to it (see mysql-control/ddl-traces.ts). */
  doubt: Type.Union([Type.Literal('unlogged'), Type.Literal('lost')]),
  /** What the server had of such things then (see LocalControl.ddlTraces). */
  traces: Type.String(),
});

/** DDL whose outcome the server's log does not tell, as it was noted before the server got it. */
export type DdlNote = Static<typeof Schema>;

/** Holds the last one only: it is looked at when the server died before it was noted as applied. `load` throws DDL_NOTE_UNREADABLE. */
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
          `${path} is damaged (${reason}): it says which DDL this replica's server was executing. If the server ended in order, ` +
            "remove the file. If the server crashed, remove the node's data, spool and state directories: the replica is filled again.",
        ),
    },
  });
}
