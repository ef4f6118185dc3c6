import { SkeinError } from '../model/error.js';
import type { ServerBinary } from '../server-packages/server-binary.js';
import { lastLines, run } from '../std/run.js';
import type { RunUser } from '../std/run-user.js';
import { bootstrapArgs } from './settings.js';

/**
 * Rolls back what the engine of a snapshot has prepared and its donor had not logged yet: a replica's parallel worker prepares its
 * transaction, and waits for its turn to log it. A server does not start on such data, because no binary log tells what became of
 * the transaction. The snapshot's position is before it, so it comes again. Prepared branches of XA stay. No server may be running
 * on the data.
 * @throws SkeinError SNAPSHOT_PREPARE_FAILED, the signal's reason
 */
export async function rollBackPrepared(
  dataDir: string,
  { binary, user }: { binary: ServerBinary; user: RunUser },
  signal: AbortSignal,
): Promise<void> {
  const args = [
    ...bootstrapArgs(binary, dataDir),
    '--tc-heuristic-recover=ROLLBACK',
    // The real start does the rest of the work in the background.
    '--innodb-fast-shutdown=1',
    '--innodb-buffer-pool-dump-at-shutdown=0',
    ...(user.uid === 0 ? ['--user=root'] : []),
  ];
  const { code, killedBy, stderr } = await run(binary.command, args, {
    cwd: dataDir,
    env: { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    signal,
    ...(user.switched ? { uid: user.uid, gid: user.gid } : {}),
  });
  if (code === 0) return;
  throw new SkeinError(
    'SNAPSHOT_PREPARE_FAILED',
    `What the snapshot in ${dataDir} has prepared could not be rolled back (${code ?? killedBy}): ${lastLines(stderr, 3)}`,
  );
}
