// Required by the nodes of a test's cluster, see trouble.ts. In the thread of the client plane that the file is for, and there
// alone, what it says is done once.
const { readFileSync, rmSync } = require('node:fs');
const { join } = require('node:path');
const { isMainThread, workerData } = require('node:worker_threads');

function make() {
  const file = join(workerData.config.directory, `trouble-for-${workerData.plane}`);
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
