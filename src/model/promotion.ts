import { type Static, Type } from '@sinclair/typebox';

/** What `skein promote --force` did, or would do. */
export const PromotionSchema = Type.Object(
  {
    cluster: Type.String({ description: 'The name of the cluster, for `confirm`.' }),
    node: Type.String({ description: 'The node that is, or would be, the primary.' }),
    done: Type.Boolean({ description: 'False without `confirm`: nothing was changed.' }),
    epoch: Type.Union([Type.Integer(), Type.Null()], {
      description: 'The epoch that has begun, or would begin; null = it is refused.',
    }),
    after: Type.Integer({
      description: 'Number of the last transaction in the log of the node: the epoch begins after it.',
    }),
    losses: Type.Array(Type.String(), { description: 'What is given up, in whole sentences.' }),
    refusals: Type.Array(
      Type.Object({ code: Type.String(), reason: Type.String() }, { title: 'PromotionRefusal' }),
      { description: 'Why it is refused now. Empty: it is not.' },
    ),
  },
  { title: 'Promotion' },
);
export type Promotion = Static<typeof PromotionSchema>;

export interface PromotionOrder {
  /** The name of the cluster, from the operator: the nodes of all clusters have the same names. Null = it is only told what would happen. */
  readonly confirm: string | null;
  /** Also when a member that answers has a longer log. */
  readonly withShorterLog: boolean;
}
