import { CHECKSUM_SIZE, EVENT, EVENT_HEADER_SIZE, HEADER_AT } from '../../mysql-protocol/events.js';

/**
 * TABLE_MAP as `binlog_row_metadata=FULL` writes it: u48 table id, u16 flags, database and table (u8 length, text, 0),
 * number of columns, a byte for each, their metadata (with its length), a bit for each; then optional fields, each u8 type,
 * length, value. Numbers are length-encoded. Layout: MariaDB `Table_map_log_event`.
 */
const NAMES_AT = EVENT_HEADER_SIZE + 8;
const SIMPLE_PRIMARY_KEY = 8;
const PRIMARY_KEY_WITH_PREFIX = 9;

/**
 * Whether the log says that the table has a primary key, or a unique key of NOT NULL columns, by which the engine orders
 * its rows. False also when the log was written without these fields.
 */
function hasKey(event: Buffer): boolean {
  const end = event.length - CHECKSUM_SIZE;
  let at = NAMES_AT;
  for (let name = 0; name < 2; name++) at += 2 + event.readUInt8(at);
  const columns = lengthAt(event, at);
  at = columns.end + columns.value;
  const metadata = lengthAt(event, at);
  at = metadata.end + metadata.value + ((columns.value + 7) >> 3);
  while (at < end) {
    const type = event[at];
    if (type === SIMPLE_PRIMARY_KEY || type === PRIMARY_KEY_WITH_PREFIX) return true;
    const field = lengthAt(event, at + 1);
    at = field.end + field.value;
  }
  return false;
}

/** @throws RangeError the event ends before */
function lengthAt(event: Buffer, at: number): { value: number; end: number } {
  const first = event.readUInt8(at);
  if (first < 0xfb) return { value: first, end: at + 1 };
  const size = first === 0xfc ? 2 : first === 0xfd ? 3 : 6;
  return { value: event.readUIntLE(at + 1, size), end: at + 1 + (size === 6 ? 8 : size) };
}

/** Whether, according to the log, the group changes a table without a key, whose rows are in the order of insertion. */
export function changesKeylessTable(group: Buffer): boolean {
  for (let at = 0; at + EVENT_HEADER_SIZE <= group.length; ) {
    const size = group.readUInt32LE(at + HEADER_AT.size);
    if (size < EVENT_HEADER_SIZE || at + size > group.length) break;
    if (group[at + HEADER_AT.type] === EVENT.tableMap && !hasKey(group.subarray(at, at + size))) return true;
    at += size;
  }
  return false;
}
