import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { SkeinError } from '../model/error.js';
import { StateFile } from '../std/state-file.js';

/** What a voter has promised. Both stand in one record of one file, fsynced before anybody is answered (rules H1, E13). */
export interface VotePromise {
  /** Nothing of an older epoch is taken or acknowledged any more. Only grows. */
  readonly promisedEpoch: number;
  /** The campaign of that epoch that has this node's vote, by its random token, not by a node's name (rule E5). */
  readonly votedFor: string | null;
}

export const NO_PROMISE: VotePromise = { promisedEpoch: 0, votedFor: null };

const Schema = Type.Object({
  promisedEpoch: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
  votedFor: Type.Union([Type.String(), Type.Null()]),
});

/** Kept forever. `load` throws PROMISE_UNREADABLE; null = this node has never promised anything, or it was lost. */
export type PromiseFile = StateFile<typeof Schema, null>;

export function promiseFile(stateDirectory: string): PromiseFile {
  return new StateFile({
    path: join(stateDirectory, 'promise.json'),
    schema: Schema,
    missing: null,
    onDamage: {
      refuse: ({ path, reason }) =>
        new SkeinError(
          'PROMISE_UNREADABLE',
          `${path} cannot be used (${reason}). It holds what this node has promised in elections, and a node that forgets that could vote twice. Remove this file. Of three voters or more, the node then sets its spool aside, and the primary admits it anew, as a node with a new disk.`,
        ),
    },
  });
}
