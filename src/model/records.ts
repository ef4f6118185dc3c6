/**
 * A run of whole records (wire/record.ts), ready to be sent and stored as it is.
 * It may begin or end in the middle of a large group, but never in the middle of a record.
 */
export interface RecordBatch {
  readonly bytes: Buffer;
  /** Ordinal of the first record. */
  readonly firstOrdinal: number;
  /** Ordinal of the last record. */
  readonly lastOrdinal: number;
  /** Ordinal of the last group that is complete with this batch (firstOrdinal - 1 if none is). */
  readonly completeOrdinal: number;
  /** Binary GTID of that group; empty when there is none yet. */
  readonly completeGtid: Uint8Array;
  /** True when the first record is the first fragment of its group (or a whole group): a reader may begin here. */
  readonly startsGroup: boolean;
  /**
   * The FORMAT_DESCRIPTION event that applies to the groups. It is not among the bytes: the sender of the batch puts a record
   * of it in front when its reader does not have it yet, wherever that reader begins.
   */
  readonly format: Buffer;
}
