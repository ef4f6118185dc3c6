import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { SkeinError } from '../model/error.js';
import { ORIGIN, type Position } from '../model/position.js';
import { StateFile } from '../std/state-file.js';

/** State of the XA recovery: the last known position at which log and engine had the same branches prepared. */
export interface XaAgreement {
  readonly at: Position;
  readonly branches: string[];
  /** Branches that the engine has lost and whose rollback is being logged. The engine may have a stand-in for each. */
  readonly ending: string[];
  /** Written by an operator: the outcome of each branch in doubt. */
  readonly decided?: Readonly<Record<string, 'commit' | 'rollback'>>;
}

const Schema = Type.Object({
  at: Type.Object({
    epoch: Type.Integer({ minimum: 0 }),
    ordinal: Type.Integer({ minimum: 0 }),
    gtid: Type.String(),
  }),
  branches: Type.Array(Type.String()),
  ending: Type.Array(Type.String()),
  decided: Type.Optional(
    Type.Record(Type.String(), Type.Union([Type.Literal('commit'), Type.Literal('rollback')])),
  ),
});

/** `load` throws XA_STATE_UNREADABLE, because without `ending` a stand-in would be taken for the branch itself. */
export type XaFile = StateFile<typeof Schema, XaAgreement>;

export function xaFile(stateDirectory: string): XaFile {
  return new StateFile<typeof Schema, XaAgreement>({
    path: join(stateDirectory, 'xa.json'),
    schema: Schema,
    // Without a position the whole log must be read.
    missing: { at: ORIGIN, branches: [], ending: [] },
    onDamage: {
      refuse: ({ path, reason }) =>
        new SkeinError(
          'XA_STATE_UNREADABLE',
          `${path} cannot be used (${reason}). It says which XA branches were prepared. On a primary, correct it. If it was ` +
            'damaged and no XA transaction was open when the server ended, remove it: then the whole log is read.',
        ),
    },
  });
}
