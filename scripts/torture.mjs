// `npm run torture -- --minutes N [--nodes 3|5] [--seed S]`: faults on a real cluster under load, and whether it kept its promises.
import { parseArgs } from 'node:util';

const text = { type: /** @type {const} */ ('string') };
const { values } = parseArgs({ options: { minutes: text, nodes: text, seed: text } });
process.env.SKEIN_TORTURE_MINUTES = values.minutes ?? '10';
process.env.SKEIN_TORTURE_NODES = values.nodes ?? '3';
process.env.SKEIN_TORTURE_SEED = values.seed ?? String(Date.now() % 1_000_000);
process.argv.splice(2, Number.POSITIVE_INFINITY, 'test/long/torture.test.ts', '--disable-console-intercept');
await import('./test.mjs');
