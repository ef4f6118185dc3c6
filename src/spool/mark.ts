import {
  encodeRecord,
  RECORD_HEADER_SIZE,
  RECORD_KIND,
  readU53,
  recordFault,
  writeU53,
} from '../wire/record.js';
import { type GroupEnd, gtidOf, layoutFits, previousGtidOf } from './order.js';

/**
 * Marks are the spool's own records between the groups. One stands at the head of each segment and before each
 * group commit, and one behind the last commit when the spool is idle. A mark is evidence for the recovery: it was
 * written only after everything before `syncedOffset` in its file had been fsynced.
 *
 * Header: the last complete group before it (so a segment can be read alone, and an empty spool know
 * where it begins). Payload: u53 syncedOffset, u53 own offset, 16 bytes incarnation. The last two are there because
 * users' data may contain anything, also bytes that look like a mark: a mark counts only at the offset that it names.
 */
export interface Mark {
  /** The spool begins with this segment; older segments are void leftovers. */
  readonly begins: boolean;
  readonly end: GroupEnd;
  readonly syncedOffset: number;
  readonly offset: number;
  readonly incarnation: string;
  readonly size: number;
}

const BEGINS = 1;
const INCARNATION_BYTES = 16;
const PAYLOAD_SIZE = 16 + INCARNATION_BYTES;

export function encodeMark(fields: Omit<Mark, 'size'>, atMs: number): Buffer {
  const payload = Buffer.alloc(PAYLOAD_SIZE);
  writeU53(payload, fields.syncedOffset, 0);
  writeU53(payload, fields.offset, 8);
  payload.write(fields.incarnation, 16, 'hex');
  return encodeRecord(
    {
      kind: RECORD_KIND.mark,
      flags: fields.begins ? BEGINS : 0,
      epoch: fields.end.epoch,
      ordinal: fields.end.ordinal,
      atMs,
      gtid: gtidOf(fields.end),
      previousGtid: previousGtidOf(fields.end),
    },
    payload,
  );
}

/** The mark at `at` in `bytes`, which is `fileOffset` in its file; null when there is no sound mark of this place. */
export function readMark(bytes: Buffer, at: number, fileOffset: number): Mark | null {
  if (bytes.length - at < RECORD_HEADER_SIZE || bytes[at + 8] !== RECORD_KIND.mark) return null;
  const size = bytes.readUInt32LE(at);
  const gtidSize = bytes[at + 10] ?? 0;
  const idsSize = gtidSize + (bytes[at + 11] ?? 0);
  if (size !== RECORD_HEADER_SIZE + idsSize + PAYLOAD_SIZE) return null;
  if (recordFault(bytes, at) || !layoutFits(bytes, at)) return null;
  const idsAt = at + RECORD_HEADER_SIZE;
  const payloadAt = idsAt + idsSize;
  const mark: Mark = {
    begins: (bytes[at + 9] ?? 0) === BEGINS,
    end: {
      epoch: bytes.readUInt32LE(at + 12),
      ordinal: readU53(bytes, at + 16),
      ids: Buffer.from(bytes.subarray(idsAt, payloadAt)),
      gtidSize,
    },
    syncedOffset: readU53(bytes, payloadAt),
    offset: readU53(bytes, payloadAt + 8),
    incarnation: bytes.toString('hex', payloadAt + 16, payloadAt + PAYLOAD_SIZE),
    size,
  };
  return mark.offset === fileOffset && mark.syncedOffset <= fileOffset ? mark : null;
}
