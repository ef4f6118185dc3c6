import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Chain } from '../model/chain.js';
import type { ListedMember } from '../model/members.js';
import type { Position } from '../model/position.js';

const PositionSchema = Type.Object({
  epoch: Type.Integer({ minimum: 0 }),
  ordinal: Type.Integer({ minimum: 0 }),
  gtid: Type.String(),
});

const History = Type.Object({
  position: PositionSchema,
  epochs: Type.Array(Type.Object({ epoch: Type.Integer({ minimum: 1 }), beginsAfter: PositionSchema })),
});

/** The position of restored data in the history of the old cluster, and the old cluster's epochs up to that position. */
export interface RestoredHistory {
  readonly position: Position;
  readonly epochs: readonly { readonly epoch: number; readonly beginsAfter: Position }[];
}

/** The history that `skein restore` wrote beside the data; null when the data does not come from a restore. */
export function restoredHistory(
  about: Readonly<Record<string, unknown>> | undefined,
): RestoredHistory | null {
  return Value.Check(History, about?.history) ? about.history : null;
}

/**
 * The old cluster may have gone on after the backup. The new cluster must not use its later epochs: a position of one cluster
 * must be refused by the other (rule M3), and no two transactions may have the same name.
 */
const EPOCHS_SKIPPED = 1000;

/**
 * The chain of a new cluster on restored data: first the old epochs, which give the old transactions their names, then the
 * founding list, in an epoch that the old cluster never had.
 */
export function restoredChain({ position, epochs }: RestoredHistory, founder: ListedMember): Chain {
  const last = epochs.at(-1)?.epoch ?? 0;
  return [
    ...epochs.map(({ epoch, beginsAfter }) => ({
      epoch,
      number: 0,
      beginsAfter,
      primary: '',
      members: null,
    })),
    {
      epoch: last + EPOCHS_SKIPPED,
      number: 0,
      beginsAfter: position,
      primary: founder.name,
      members: [founder],
    },
  ];
}
