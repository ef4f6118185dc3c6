import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `work` while no other process does work of the same name in this clone: two commands at once (`npm start` and `npm test`)
 * must not install or build over each other. The lock is a name in Linux' abstract socket namespace: it is free again as soon as the
 * process ends, however it ends. Other systems have no such names, and no lock.
 * @template Result
 * @param {string} name What the work is, as a noun.
 * @param {() => Promise<Result>} work
 */
export async function withLock(name, work) {
  if (process.platform !== 'linux') return work();
  const clone = createHash('sha256')
    .update(join(import.meta.dirname, '..'))
    .digest('hex')
    .slice(0, 32);
  const server = createServer();
  for (let told = false; ; told = true) {
    try {
      await once(server.listen(`\0skein-${clone}-${name}`), 'listening');
      break;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EADDRINUSE') throw error;
      if (!told) console.error(`skein: waiting for another command that is at the ${name} here ...`);
      await sleep(200);
    }
  }
  try {
    return await work();
  } finally {
    server.close();
  }
}
