import { SkeinError } from '../model/error.js';
import { lastLines } from '../std/run.js';
import type { RunUser } from '../std/run-user.js';
import { runProgram, type ServerTools } from './offline-run.js';

/**
 * Rolls back what the engine of a snapshot has prepared and its donor had not logged yet: a replica's parallel worker prepares its
 * transaction, and waits for its turn to log it. A server does not start on such data, because no binary log tells what became of
 * the transaction. The snapshot's position is before it, so it comes again. Prepared branches of XA stay. No server may be running
 * on the data.
 * @throws SkeinError SNAPSHOT_PREPARE_FAILED, the signal's reason
 */
export async function rollBackPrepared(
  dataDir: string,
  { binary, program, user }: ServerTools & { user: RunUser },
  signal: AbortSignal,
): Promise<void> {
  const { code, killedBy, stderr } = await runProgram(
    { binary, program },
    dataDir,
    program.rollBackPrepared(binary, dataDir),
    {
      ...{ user, signal },
      env: { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    },
  );
  if (program.hasRolledBack(code, stderr)) return;
  throw new SkeinError(
    'SNAPSHOT_PREPARE_FAILED',
    `What the snapshot in ${dataDir} has prepared could not be rolled back (${code ?? killedBy}): ${lastLines(stderr, 3)}`,
  );
}
