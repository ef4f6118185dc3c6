import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { torture } from '../torture/torture.js';

/** The short form of `npm run torture`. */
it('a cluster keeps its promises through half a minute of faults', { timeout: 240_000 }, async () => {
  const { violations, rounds, directory } = await torture({
    seed: 28,
    nodes: 3,
    durationMs: 30_000,
    pairs: 0.5,
  });
  expect(violations, `everything of this run: ${directory}`).toEqual([]);
  expect(rounds.length).toBeGreaterThanOrEqual(2);
  rmSync(directory, { recursive: true });
});
