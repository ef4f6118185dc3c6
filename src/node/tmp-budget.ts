/**
 * Chooses the read to end when the server's temporary files exceed their limit. MariaDB 10.11 can limit one temporary table
 * (tmp_disk_table_size), but neither the files of a sort nor the total. Pure.
 */
export interface TmpStatement {
  readonly sessionId: number;
  readonly queryId: number;
  readonly account: string;
  /** True when the session cannot be committing, so that it may be killed (rule C1). */
  readonly readsOnly: boolean;
  /** Bytes that the thread has written into files since this statement was first seen. */
  readonly writtenBytes: number;
}

/** The read that has written most. Null when the files would exceed the limit even without any read. */
export function readToEnd(
  statements: readonly TmpStatement[],
  { bytes, bytesMax }: { bytes: number; bytesMax: number },
): TmpStatement | null {
  const reads = statements.filter(({ readsOnly }) => readsOnly);
  const written = reads.reduce((sum, { writtenBytes }) => sum + writtenBytes, 0);
  if (bytes <= bytesMax || written < bytes - bytesMax || written === 0) return null;
  return reads.reduce((most, next) => (next.writtenBytes > most.writtenBytes ? next : most));
}
