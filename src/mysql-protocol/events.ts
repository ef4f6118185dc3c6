import { crc32 } from 'node:zlib';

/**
 * Binary log events, as far as Skein reads them: the 19-byte header, and the few small events that begin a stream. Row images
 * are never read. Layout: MariaDB knowledge base "Event Header", MySQL internals "Binlog Event".
 */
export const EVENT_HEADER_SIZE = 19;
export const CHECKSUM_SIZE = 4;
/** Set on events that a source generates for the stream and that are in no file. */
export const FLAG_ARTIFICIAL = 0x20;

/** Types of events that servers of every kind write. */
export const EVENT = {
  query: 2,
  stop: 3,
  rotate: 4,
  intvar: 5,
  rand: 13,
  userVar: 14,
  formatDescription: 15,
  xid: 16,
  beginLoadQuery: 17,
  executeLoadQuery: 18,
  tableMap: 19,
  incident: 26,
  heartbeat: 27,
  xaPrepare: 38,
} as const;

export const HEADER_AT = { timestamp: 0, type: 4, serverId: 5, size: 9, endPosition: 13, flags: 17 } as const;

export interface EventFields {
  readonly type: number;
  readonly serverId: number;
  /** Default 0: the event stands in no file. */
  readonly endPosition?: number;
  readonly flags?: number;
  readonly body: Uint8Array;
}

/** Builds an event with header and CRC32, as a source makes it up for a stream. */
export function buildEvent({ type, serverId, endPosition = 0, flags = 0, body }: EventFields): Buffer {
  const size = EVENT_HEADER_SIZE + body.length + CHECKSUM_SIZE;
  const event = Buffer.alloc(size);
  event[HEADER_AT.type] = type;
  event.writeUInt32LE(serverId, HEADER_AT.serverId);
  event.writeUInt32LE(size, HEADER_AT.size);
  event.writeUInt32LE(endPosition, HEADER_AT.endPosition);
  event.writeUInt16LE(flags, HEADER_AT.flags);
  event.set(body, EVENT_HEADER_SIZE);
  return resealEvent(event);
}

/** Recomputes the checksum in place, after a change. */
export function resealEvent(event: Buffer): Buffer {
  event.writeUInt32LE(crc32(event.subarray(0, event.length - CHECKSUM_SIZE)), event.length - CHECKSUM_SIZE);
  return event;
}

export function rotateEvent(serverId: number, file: string, position = 4): Buffer {
  const body = Buffer.alloc(8 + Buffer.byteLength(file));
  body.writeUInt32LE(position, 0);
  body.write(file, 8);
  return buildEvent({ type: EVENT.rotate, serverId, flags: FLAG_ARTIFICIAL, body });
}

/** The file that a ROTATE event names, and the position in it. `hasChecksum` follows the stream's setting. */
export function decodeRotate(event: Buffer, hasChecksum: boolean): { file: string; position: number } {
  const end = event.length - (hasChecksum ? CHECKSUM_SIZE : 0);
  return {
    file: event.toString('utf8', EVENT_HEADER_SIZE + 8, end),
    position: Number(event.readBigUInt64LE(EVENT_HEADER_SIZE)),
  };
}

/** Offset of the `created` time stamp in a FORMAT_DESCRIPTION event: header, u16 version, 50 bytes server version. */
const FORMAT_CREATED_AT = EVENT_HEADER_SIZE + 2 + 50;
/** In a FORMAT_DESCRIPTION event: the file is still being written; of no meaning in a stream. */
export const FLAG_IN_USE = 0x1;

/**
 * A copy of the primary's FORMAT_DESCRIPTION that may stand at the head of any stream: `created` 0 (otherwise the
 * reader takes it for a restart of its source and drops temporary tables), position 0 (it stands in no file here).
 */
export function formatForStream(format: Buffer): Buffer {
  const copy = Buffer.from(format);
  copy.writeUInt32LE(0, FORMAT_CREATED_AT);
  copy.writeUInt32LE(0, HEADER_AT.endPosition);
  copy.writeUInt16LE((copy.readUInt16LE(HEADER_AT.flags) & ~FLAG_IN_USE) | FLAG_ARTIFICIAL, HEADER_AT.flags);
  return resealEvent(copy);
}

/** True when the format says that every event carries a CRC32 (the last byte before its own checksum is 1). */
export function formatHasChecksum(format: Buffer): boolean {
  return format[format.length - CHECKSUM_SIZE - 1] === 1;
}

const COMMIT = Buffer.from('COMMIT');
const ROLLBACK = Buffer.from('ROLLBACK');

/**
 * The statement of a QUERY event. Post-header: u32 thread, u32 seconds, u8 database length, u16 error, u16 status
 * length; then status, database, 0, text.
 */
export function queryText(event: Buffer, hasChecksum: boolean): Buffer {
  const at = EVENT_HEADER_SIZE;
  const textAt = at + 13 + event.readUInt16LE(at + 11) + (event[at + 8] ?? 0) + 1;
  return event.subarray(textAt, event.length - (hasChecksum ? CHECKSUM_SIZE : 0));
}

/** The database that the statement of a QUERY event was executed in; '' = none. */
export function queryDatabase(event: Buffer): string {
  const at = EVENT_HEADER_SIZE;
  const from = at + 13 + event.readUInt16LE(at + 11);
  return event.toString('utf8', from, from + (event[at + 8] ?? 0));
}

/** Whether a QUERY event is a bare COMMIT or ROLLBACK, which ends a group of a non-transactional engine. */
export function isCommitOrRollback(event: Buffer, hasChecksum: boolean): boolean {
  const text = queryText(event, hasChecksum);
  return text.equals(COMMIT) || text.equals(ROLLBACK);
}
