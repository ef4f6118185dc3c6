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

/** Where the history of the old cluster ends in restored data, and its epochs up to there. */
export interface RestoredHistory {
  readonly position: Position;
  readonly epochs: readonly { readonly epoch: number; readonly beginsAfter: Position }[];
}

/** What `skein restore` wrote beside the data; null when the data is not restored. */
export function restoredHistory(
  about: Readonly<Record<string, unknown>> | undefined,
): RestoredHistory | null {
  return Value.Check(History, about?.history) ? about.history : null;
}

/**
 * The old cluster may have gone on after the backup. Its next epochs must not be this cluster's: a client that was told a
 * position by the one must be refused by the other (rule M3), and no two transactions may have one name.
 */
const EPOCHS_SKIPPED = 1000;

/**
 * The chain of a new cluster on restored data: the old epochs, from which the names of its transactions follow, and the
 * founding list behind them, in an epoch that the old cluster never had.
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
