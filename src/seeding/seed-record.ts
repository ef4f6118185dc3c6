import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { SEED_CAUSES } from '../model/seed.js';
import type { Logger } from '../std/logger.js';
import { StateFile } from '../std/state-file.js';

const Schema = Type.Object({
  /** Null = no seed is under way. */
  need: Type.Union([
    Type.Object({
      cause: Type.Union(SEED_CAUSES.map((cause) => Type.Literal(cause))),
      reason: Type.String(),
      closes: Type.Boolean(),
      trouble: Type.String(),
    }),
    Type.Null(),
  ]),
  attempt: Type.Integer({ minimum: 0 }),
  /** GTID of the snapshot whose placing has begun; null = none. Whether it is in place, the snapshot's own note says. */
  placing: Type.Union([Type.String(), Type.Null()]),
  /** Seeds of before, see repeats.ts. */
  done: Type.Array(Type.Object({ trouble: Type.String(), atMs: Type.Number() })),
});

/** What of a seed outlives the node's process: a node whose data was found bad stays closed when it starts again. */
export type SeedRecord = Readonly<Static<typeof Schema>>;
export type SeedRecordFile = StateFile<typeof Schema, SeedRecord>;

export function seedRecordFile(stateDirectory: string, { logger }: { logger: Logger }): SeedRecordFile {
  return new StateFile<typeof Schema, SeedRecord>({
    path: join(stateDirectory, 'seeding.json'),
    schema: Schema,
    missing: { need: null, attempt: 0, placing: null, done: [] },
    // What is wrong with the data is found again, and what is being placed stands in the snapshot's own note.
    onDamage: { startOver: logger },
  });
}
