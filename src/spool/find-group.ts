import { LAST_FRAGMENT, RECORD_HEADER_SIZE, RECORD_KIND, RECORD_SIZE_MAX, readU53 } from '../wire/record.js';
import { faultAt, type GroupEnd } from './order.js';
import type { Segment } from './segment.js';
import { readRange, type StorageFile } from './storage.js';

const WINDOW_BYTES = 2 * RECORD_SIZE_MAX;

/**
 * The group `ordinal` in a segment, and the offset after its last record; null when it is missing, incomplete or
 * damaged.
 */
export async function findGroup(
  file: StorageFile,
  segment: Segment,
  ordinal: number,
): Promise<{ end: GroupEnd; offsetAfter: number } | null> {
  let offset = segment.skipDead(segment.offsetBefore(ordinal));
  while (offset < segment.size) {
    const window = await readRange(file, offset, Math.min(segment.size, offset + WINDOW_BYTES));
    const start = offset;
    for (let at = 0; at < window.length; at = offset - start) {
      const fault = faultAt(window, at, true);
      if (fault === 'truncated' && at > 0) break;
      if (fault) return null;
      const size = window.readUInt32LE(at);
      if (window[at + 8] === RECORD_KIND.group) {
        const found = readU53(window, at + 16);
        if (found > ordinal) return null;
        if (found === ordinal && (window[at + 9] ?? 0) & LAST_FRAGMENT) {
          return { end: groupEndAt(window, at), offsetAfter: offset + size };
        }
      }
      offset = segment.skipDead(offset + size);
    }
    if (offset === start) return null;
  }
  return null;
}

function groupEndAt(bytes: Buffer, at: number): GroupEnd {
  const gtidSize = bytes[at + 10] ?? 0;
  const idsAt = at + RECORD_HEADER_SIZE;
  return {
    epoch: bytes.readUInt32LE(at + 12),
    ordinal: readU53(bytes, at + 16),
    ids: Buffer.from(bytes.subarray(idsAt, idsAt + gtidSize + (bytes[at + 11] ?? 0))),
    gtidSize,
  };
}
