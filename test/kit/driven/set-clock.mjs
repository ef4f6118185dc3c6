// Loaded before a node (`--import`): its wall clock can be set while it runs, as an operator or NTP sets that of a machine. What the
// file `clock-offset` in the node's directory says, in milliseconds, is added to it. The monotonic clock goes on, as it does then.
// Threads of the node load this too.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

const LOOK_EVERY_MS = 50;

const { env, argv } = process;
if (isMainThread) {
  const at = argv.indexOf('--config');
  const isNode = argv[2] === 'node' && at > 0;
  // A demo starts nodes with its own environment.
  if (isNode) env.SKEIN_TEST_CLOCK = join(dirname(argv[at + 1] ?? ''), 'clock-offset');
  else delete env.SKEIN_TEST_CLOCK;
}
if (env.SKEIN_TEST_CLOCK) set(env.SKEIN_TEST_CLOCK);

/** @param {string} file */
function set(file) {
  const Real = Date;
  let offsetMs = 0;
  const look = () => {
    try {
      offsetMs = Number(readFileSync(file, 'utf8')) || 0;
    } catch {
      offsetMs = 0;
    }
  };
  look();
  setInterval(look, LOOK_EVERY_MS).unref();
  const now = () => Real.now() + offsetMs;
  globalThis.Date = new Proxy(Real, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    get: (target, key, receiver) => (key === 'now' ? now : Reflect.get(target, key, receiver)),
  });
}
