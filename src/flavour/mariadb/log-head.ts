import { EVENT, EVENT_HEADER_SIZE, HEADER_AT } from '../../mysql-protocol/events.js';
import { MARIADB_EVENT } from './event-types.js';
import { decodeMariadbGtid, formatMariadbGtid, type MariadbGtid } from './gtid.js';

const MAGIC_SIZE = 4;
const GTID_SIZE = 16;
/** The high four bits of the number of entries are flags. */
const COUNT_MASK = 0x0f_ff_ff_ff;

/**
 * The GTID after which a file of a binary log begins, from its first bytes; '' = it is the first of all. Null: they do not tell, or
 * are encrypted.
 */
export function beginOfHead(head: Buffer): string | null {
  for (let at = MAGIC_SIZE; at + EVENT_HEADER_SIZE <= head.length; ) {
    const size = head.readUInt32LE(at + HEADER_AT.size);
    const event = head.subarray(at, at + size);
    if (size < EVENT_HEADER_SIZE || event.length < size) return null;
    const type = event[HEADER_AT.type];
    if (type === MARIADB_EVENT.gtidList) return lastOfList(event);
    if (type !== EVENT.formatDescription) return null;
    at += size;
  }
  return null;
}

/** One entry for each server id that has written, so one for each epoch: the highest is the last. */
export function lastOfList(event: Buffer): string | null {
  const from = EVENT_HEADER_SIZE + 4;
  if (event.length < from) return null;
  const count = event.readUInt32LE(EVENT_HEADER_SIZE) & COUNT_MASK;
  if (event.length < from + count * GTID_SIZE) return null;
  let last: MariadbGtid | null = null;
  for (let i = 0; i < count; i++) {
    const gtid = decodeMariadbGtid(event.subarray(from + i * GTID_SIZE));
    if (last === null || gtid.sequence > last.sequence) last = gtid;
  }
  return last === null ? '' : formatMariadbGtid(last);
}
