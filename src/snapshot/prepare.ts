import { join } from 'node:path';
import type { BackupPrograms } from '../server-packages/backup-programs.js';
import { run } from '../std/run.js';
import type { RunUser } from '../std/run-user.js';
import { isDiskFull } from './backup-log.js';
import { snapshotError } from './snapshot-error.js';

/** Memory of the recovery that makes a snapshot consistent; it is faster with more, and works with this. */
const PREPARE_MEMORY_BYTES = 128 * 2 ** 20;
const KEPT_LOG_CHARS = 4_000;

/**
 * Makes an unpacked snapshot consistent: the same recovery as that of a server after a crash, but without a server.
 * @throws SkeinError SNAPSHOT_PREPARE_FAILED, SNAPSHOT_NO_SPACE
 */
export async function prepareSnapshot(
  directory: string,
  {
    programs,
    user,
    tmp,
    memoryBytes = PREPARE_MEMORY_BYTES,
  }: { programs: BackupPrograms; user: RunUser; tmp: string; memoryBytes?: number },
  signal: AbortSignal,
): Promise<void> {
  const args = ['--prepare', `--target-dir=${directory}`, `--use-memory=${memoryBytes}`, `--tmpdir=${tmp}`];
  const { code, killedBy, stderr, stdout } = await run(programs.backup, ['--no-defaults', ...args], {
    cwd: join(directory, '..'),
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
    signal,
    ...(user.switched ? { uid: user.uid, gid: user.gid } : {}),
  });
  if (code === 0 && /completed OK!\s*$/.test(stderr)) return;
  const log = (stdout + stderr).slice(-KEPT_LOG_CHARS);
  if (isDiskFull(log)) {
    throw snapshotError(
      'SNAPSHOT_NO_SPACE',
      `There is no space left in ${directory} to prepare the snapshot.`,
      {
        phase: 'prepare',
        log,
      },
    );
  }
  throw snapshotError(
    'SNAPSHOT_PREPARE_FAILED',
    `The snapshot in ${directory} could not be prepared (${code ?? killedBy}).`,
    { phase: 'prepare', log },
  );
}
