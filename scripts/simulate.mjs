// `npm run simulate [-- --seeds N] [--seed FIRST]`: the election simulation of `npm test` with more seeds, or one of them again.
import { parseArgs } from 'node:util';

const text = { type: /** @type {const} */ ('string') };
const { values } = parseArgs({ options: { seeds: text, seed: text } });
process.env.SKEIN_ELECTION_SEED = values.seed ?? String(Date.now() % 1_000_000_000);
process.env.SKEIN_ELECTION_SEEDS = values.seeds ?? (values.seed === undefined ? '1000000' : '1');
process.argv.splice(
  2,
  Number.POSITIVE_INFINITY,
  'src/election/election.simulation.test.ts',
  '-t',
  'keep the promise',
);
await import('./test.mjs');
