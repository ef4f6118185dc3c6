/** A thread that writes states whose numbers are all the same, as quickly as it can, until it is ended. */
import { workerData } from 'node:worker_threads';
import { StateWriter } from '../../../src/planes/shared-state.js';

/** Else a reader would hardly ever find it between two writes. */
const PAUSE_LOADS = 2_000;

const pause = new Int32Array(1);
const writer = new StateWriter(workerData as SharedArrayBuffer);
for (let n = 1; ; n++) {
  writer.write({
    role: n % 2 === 0 ? 'primary' : 'replica',
    openness: 'OPEN',
    ...{
      epoch: n,
      generation: n,
      count: n,
      received: n,
      committed: n,
      everywhere: n,
      answered: n,
      applied: n,
    },
    ...{ lagMs: n, atMs: n, facts: n, durable: [n, n, n] },
  });
  for (let i = 0; i < PAUSE_LOADS; i++) Atomics.load(pause, 0);
}
