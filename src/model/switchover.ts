import { type Static, Type } from '@sinclair/typebox';

/** What a switchover did, or would do. */
export const SwitchoverSchema = Type.Object(
  {
    dryRun: Type.Boolean(),
    from: Type.String({ description: 'The primary before.' }),
    to: Type.Union([Type.String(), Type.Null()], {
      description: 'The primary now. With `dryRun`: who would take over; null = nobody can.',
    }),
    epoch: Type.Integer({ description: 'The present epoch.' }),
    pauseMs: Type.Union([Type.Number(), Type.Null()], {
      description: 'How long no primary took writes, as the primary before saw it; null with `dryRun`.',
    }),
    against: Type.Array(Type.String(), {
      description: 'With `dryRun`: what stands against each node that would not take over.',
    }),
  },
  { title: 'Switchover' },
);
export type Switchover = Static<typeof SwitchoverSchema>;

export interface SwitchoverOrder {
  /** Null = the fittest. */
  readonly to: string | null;
  /** Only tells what would happen. */
  readonly dryRun: boolean;
}
