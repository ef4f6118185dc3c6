// `npm run fuzz [-- --minutes N] [--target NAME] [--seed N] [--case N]`: the hostile inputs of `npm test` for longer, or one of
// them again.
import { parseArgs } from 'node:util';

const text = { type: /** @type {const} */ ('string') };
const { values } = parseArgs({ options: { minutes: text, target: text, seed: text, case: text } });
process.env.SKEIN_FUZZ_SECONDS = String(60 * Number(values.minutes ?? 5));
if (values.target !== undefined) process.env.SKEIN_FUZZ_TARGET = values.target;
process.env.SKEIN_FUZZ_SEED = values.seed ?? String(Date.now() % 1_000_000_000);
if (values.case !== undefined) process.env.SKEIN_FUZZ_CASE = values.case;
process.argv.splice(2, Number.POSITIVE_INFINITY, 'test/system/fuzz.test.ts');
await import('./test.mjs');
