import { EVENT, EVENT_HEADER_SIZE, HEADER_AT, queryText } from '../../mysql-protocol/events.js';
import type { XaMark } from '../flavour.js';
import { MARIADB_EVENT } from './event-types.js';
import {
  decodeMariadbGtidEvent,
  GTID_FLAG_COMPLETED_XA,
  GTID_FLAG_GROUP_COMMIT_ID,
  GTID_FLAG_PREPARED_XA,
} from './gtid.js';

/** What MariaDB's GTID event says of an XA branch. Whether a completed one was committed stands in the statement after it. */
interface EventMark {
  readonly does: 'prepare' | 'complete';
  readonly branch: string;
}

/**
 * Null for a group of an ordinary transaction. Behind the flags stand a u64 commit id, where there is one, then u32
 * format id, u8 sizes of gtrid and bqual, and their bytes (seen on 10.11). XA COMMIT ... ONE PHASE counts as an ordinary
 * transaction.
 */
export function decodeXaMark(event: Buffer): EventMark | null {
  const { flags } = decodeMariadbGtidEvent(event);
  if ((flags & (GTID_FLAG_PREPARED_XA | GTID_FLAG_COMPLETED_XA)) === 0) return null;
  const at = EVENT_HEADER_SIZE + 13 + (flags & GTID_FLAG_GROUP_COMMIT_ID ? 8 : 0);
  const middle = at + 6 + event.readUInt8(at + 4);
  return {
    does: flags & GTID_FLAG_PREPARED_XA ? 'prepare' : 'complete',
    branch: xaBranch(
      event.readUInt32LE(at),
      event.subarray(at + 6, middle),
      event.subarray(middle, middle + event.readUInt8(at + 5)),
    ),
  };
}

export function xaBranch(format: number, gtrid: Buffer, bqual: Buffer): string {
  return `X'${gtrid.toString('hex')}',X'${bqual.toString('hex')}',${format}`;
}

/** See `Flavour.xaMarks`. */
export function mariadbXaMarks(): (event: Buffer) => XaMark | null {
  let completed: string | null = null;
  return (event) => {
    const type = event[HEADER_AT.type];
    if (type === MARIADB_EVENT.gtid) {
      const mark = decodeXaMark(event);
      completed = mark?.does === 'complete' ? mark.branch : null;
      return mark?.does === 'prepare' ? { does: 'prepare', branch: mark.branch } : null;
    }
    if (completed === null || type !== EVENT.query) return null;
    const commits = queryText(event, true).toString('latin1', 0, 9) === 'XA COMMIT';
    return { does: commits ? 'commit' : 'rollback', branch: completed };
  };
}
