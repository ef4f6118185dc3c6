/**
 * Which read is ended when the server's temporary files are more than they may be. A session variable bounds one temporary
 * table (tmp_disk_table_size); nothing on MariaDB 10.11 bounds what sorting writes, or all together. Pure.
 */
export interface TmpStatement {
  readonly sessionId: number;
  readonly queryId: number;
  readonly account: string;
  /** The session cannot be committing, so it may be killed (rule C1). */
  readonly readsOnly: boolean;
  /** Bytes that its thread has written into files since it was first seen. */
  readonly writtenBytes: number;
}

/** The read that has written most; null when ending reads would not bring the files below what they may be. */
export function readToEnd(
  statements: readonly TmpStatement[],
  { bytes, bytesMax }: { bytes: number; bytesMax: number },
): TmpStatement | null {
  const reads = statements.filter(({ readsOnly }) => readsOnly);
  const written = reads.reduce((sum, { writtenBytes }) => sum + writtenBytes, 0);
  if (bytes <= bytesMax || written < bytes - bytesMax || written === 0) return null;
  return reads.reduce((most, next) => (next.writtenBytes > most.writtenBytes ? next : most));
}
