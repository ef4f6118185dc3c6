import { expect, it } from 'vitest';
import { torture } from '../torture/torture.js';

/** `npm run torture -- --minutes N [--nodes 3|5] [--seed S]`. */
const MINUTES = Number(process.env.SKEIN_TORTURE_MINUTES ?? 10);
const NODES = Number(process.env.SKEIN_TORTURE_NODES ?? 3);
const SEED = Number(process.env.SKEIN_TORTURE_SEED ?? Date.now() % 1_000_000);

it(`${MINUTES} minutes of faults, ${NODES} nodes, seed ${SEED}`, {
  timeout: (MINUTES + 15) * 60_000,
}, async () => {
  console.log(`torture: ${NODES} nodes, seed ${SEED}`);
  const { violations, directory } = await torture({ seed: SEED, nodes: NODES, durationMs: MINUTES * 60_000 });
  console.log(`torture: report ${directory}/report.md`);
  expect(violations).toEqual([]);
});
