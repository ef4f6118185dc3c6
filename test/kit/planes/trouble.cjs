// Required by the nodes of a test's cluster, see trouble.ts. In the thread that serves clients, and there alone, what the
// file says is done once.
const { readFileSync, rmSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { isMainThread } = require('node:worker_threads');

const file = join(dirname(process.argv.at(-1) ?? ''), 'trouble-for-clients');

function make() {
  let what;
  try {
    what = readFileSync(file, 'utf8');
  } catch {
    return;
  }
  rmSync(file);
  if (what === 'throw') throw new Error('a fault made by a test');
  const end = performance.now() + Number(what);
  while (performance.now() < end);
}

if (!isMainThread) setInterval(make, 20);
