import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { torture } from '../torture/torture.js';

/** The short form of `npm run torture`. What it waits for has deadlines of its own; a cluster that hangs takes minutes. */
it('a cluster keeps its promises through some faults', { timeout: 600_000 }, async () => {
  const { violations, rounds, directory } = await torture({
    seed: 102,
    nodes: 3,
    durationMs: 20_000,
    pairs: 0.5,
  });
  expect(violations, `everything of this run: ${directory}`).toEqual([]);
  expect(rounds.length).toBeGreaterThanOrEqual(2);
  rmSync(directory, { recursive: true });
});
