import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { threadOf } from '../../test/kit/thread.js';
import { DEFECTS } from '../../test/simulation/defects.js';
import type { SeedRange, SeedsMet } from '../../test/simulation/many-seeds.js';
import { scheduleOf } from '../../test/simulation/replay.js';
import { runSeed, runSeedOnSpool } from '../../test/simulation/schedule.js';

/**
 * Clusters of one to six nodes, each from a seed: everything around the election cores may fail (test/simulation). A failing
 * seed prints its schedule. One seed again:
 *   SKEIN_ELECTION_SEED=<seed> SKEIN_ELECTION_SEEDS=1 npx vitest run --project unit src/election/election.simulation.test.ts
 * Many: npm run simulate -- --seeds 1000000
 */
const FIRST_SEED = Number(process.env.SKEIN_ELECTION_SEED ?? 1);
const SEEDS = Number(process.env.SKEIN_ELECTION_SEEDS ?? 20_000);
/** The real code on a simulated disk takes ten times as long. */
const SPOOL_SEEDS = Math.min(200, SEEDS);

it(`${SEEDS} seeds keep the promise`, { timeout: 86_400_000 }, async () => {
  const { elections, acknowledged, violated } = await runMany({ first: FIRST_SEED, count: SEEDS });
  if (violated !== null) throw new Error(scheduleOf(violated, null));
  // They did meet what they are about.
  expect(elections).toBeGreaterThan(SEEDS);
  expect(acknowledged).toBeGreaterThan(2 * SEEDS);
});

async function runMany(range: SeedRange): Promise<SeedsMet> {
  const start = await threadOf(new URL('../../test/simulation/many-seeds.ts', import.meta.url));
  const [met] = await once(start({ workerData: range }), 'message');
  return met as SeedsMet;
}

it('the same seed is the same schedule', () => {
  expect(scheduleOf(3, null)).toBe(scheduleOf(3, null));
});

it('the real spool keeps it too, on a disk that forgets what was not synced', async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SPOOL_SEEDS; seed++) {
    const { violation, world } = await runSeedOnSpool({ seed, isTraced: true });
    if (violation) throw new Error(`seed ${seed}\n${world.trace?.join('\n')}`, { cause: violation });
  }
});

describe('the simulation finds', () => {
  it.each(DEFECTS)('$name', (defect) => {
    const first = defect.firstSeed ?? 1;
    const last = first + (defect.seedsMax ?? 500);
    let seed = first;
    while (seed < last && runSeed({ seed, defect }).violation === null) seed++;
    expect(seed, 'a seed that shows it').toBeLessThan(last);
    // It is the defect that was found.
    expect(runSeed({ seed, mood: defect.mood }).violation).toBeNull();
  });
});
