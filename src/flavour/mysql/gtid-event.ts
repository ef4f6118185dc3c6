import { EVENT_HEADER_SIZE } from '../../mysql-protocol/events.js';
import { encodeMysqlGtid, uuidText } from './gtid.js';

/** Behind the header: u8 flags, 16 bytes UUID, u64 number, and what replicas order transactions by. */
const UUID_AT = EVENT_HEADER_SIZE + 1;
const NUMBER_AT = UUID_AT + 16;
const U32 = 0x1_0000_0000;

/** The binary GTID of a GTID event without a tag. */
export function gtidOfEvent(event: Buffer): Buffer {
  return encodeMysqlGtid({ uuid: uuidText(event.subarray(UUID_AT)), number: u64(event, NUMBER_AT) });
}

function u64(event: Buffer, at: number): number {
  return event.readUInt32LE(at) + event.readUInt32LE(at + 4) * U32;
}
