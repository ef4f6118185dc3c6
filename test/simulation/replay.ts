import type { Defect } from './defects.js';
import { runSeed } from './schedule.js';

/** What happened with this seed, a line for each thing, and what was violated. */
export function scheduleOf(seed: number, defect: Defect | null): string {
  const { world, violation } = runSeed({ seed, defect, isTraced: true });
  const again = `SKEIN_ELECTION_SEED=${seed} SKEIN_ELECTION_SEEDS=1 npx vitest run --project unit src/election/election.simulation.test.ts`;
  return [
    `seed ${seed}: ${violation?.message ?? 'nothing is violated'}`,
    ...(world.trace ?? []),
    `Again: ${again}`,
  ].join('\n');
}
