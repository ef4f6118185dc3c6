import { SkeinError } from '../model/error.js';
import { lastLines } from '../std/run.js';

export type SnapshotErrorCode =
  /** The server did not give a backup lock in time, or the lock was held too long. Try again, better on a replica. */
  | 'SNAPSHOT_LOCKED'
  /** mariadb-backup failed; `data.phase`, `data.log`. */
  | 'SNAPSHOT_FAILED'
  | 'SNAPSHOT_NO_SPACE'
  /** What was received is cut or damaged, or not a snapshot. */
  | 'SNAPSHOT_DAMAGED'
  /** Of another flavour, of another series, or of a newer release than this node's server. */
  | 'SNAPSHOT_VERSION'
  | 'SNAPSHOT_PREPARE_FAILED'
  /** The snapshot cannot be put beside the data, or not in its place. */
  | 'SNAPSHOT_PLACE';

const SHOWN_LINES = 3;

/** @param log  the program's own last words */
export function snapshotError(
  code: SnapshotErrorCode,
  message: string,
  { phase, log = '', cause }: { phase: string; log?: string; cause?: unknown },
): SkeinError {
  const said = log === '' ? '' : ` Its last words: ${lastLines(log, SHOWN_LINES)}`;
  return new SkeinError(code, `${message}${said}`, {
    data: { phase, log },
    ...(cause === undefined ? {} : { cause }),
  });
}
