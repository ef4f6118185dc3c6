import {
  CHECKSUM_SIZE,
  EVENT,
  EVENT_HEADER_SIZE,
  HEADER_AT,
  queryText,
  resealEvent,
} from '../../mysql-protocol/events.js';

/**
 * MariaDB logs some statements in a form that no replica can execute (seen on 10.11). A replica's server gets them in
 * another form. The bytes in the spool stay unchanged, and so do the lengths of all events.
 */

/**
 * Behind the header of a QUERY event: u32 thread, u32 seconds, u8 database length, u16 error, u16 length of the status
 * variables.
 */
const STATUS_AT = EVENT_HEADER_SIZE + 13;
/** The first two status variables: u8 0, u32 flags; u8 1, u64 sql_mode. */
const FLAGS2 = 0;
const SQL_MODE_AT = STATUS_AT + 5;
const SQL_MODE = 1;

/** @@sql_if_exists in the flags (MariaDB's OPTION_IF_EXISTS). */
const OPTION_IF_EXISTS = 0x1000_0000;
const MODE_MYSQL323 = 0x1_0000;
const MODE_MYSQL40 = 0x2_0000;

const NAMES_RENAME = /\brename\b/i;
const IS_ALTER = /^\s*alter\b/i;

/**
 * RENAME TABLE of a temporary table is logged as if it were of an ordinary one, and nothing in the event tells the two
 * apart. A replica has no temporary tables of clients and would stop at error 1146. With sql_if_exists=1 it skips a table
 * that it does not have, with a note, and the group keeps its place in the replica's own log. A replica that lacks a real
 * table stops at the table's next row. Other statements with this word execute as before.
 */
export function toleratingRename(group: Buffer, ddl: string): Buffer {
  if (!NAMES_RENAME.test(ddl) || IS_ALTER.test(ddl)) return group;
  return changed(group, (event) => {
    if (event[STATUS_AT] !== FLAGS2) return false;
    event.writeUInt32LE((event.readUInt32LE(STATUS_AT + 1) | OPTION_IF_EXISTS) >>> 0, STATUS_AT + 1);
    return true;
  });
}

/** As the server writes it; in an ordinary statement TYPE= is a syntax error. */
const CREATE_TABLE = Buffer.from('CREATE TABLE `');
const OLD_ENGINE = Buffer.from('\n) TYPE=InnoDB');

/**
 * Under sql_mode MYSQL323 or MYSQL40 the server logs CREATE TABLE ... SELECT, and LIKE a temporary table, with
 * `TYPE=InnoDB`, which it does not understand itself (1064). The words are blanked: InnoDB is the only engine. Returns
 * the group itself when there is nothing to do.
 */
export function withoutOldEngineName(group: Buffer): Buffer {
  if (!group.includes(OLD_ENGINE)) return group;
  return changed(group, (event) => {
    if (event[SQL_MODE_AT] !== SQL_MODE) return false;
    if ((event.readUInt32LE(SQL_MODE_AT + 1) & (MODE_MYSQL323 | MODE_MYSQL40)) === 0) return false;
    const text = queryText(event, true);
    const at = text.lastIndexOf(OLD_ENGINE);
    if (at === -1 || !text.subarray(0, CREATE_TABLE.length).equals(CREATE_TABLE)) return false;
    // After the line break and the bracket. This changes the event's own bytes.
    text.fill(' ', at + 2, at + OLD_ENGINE.length);
    return true;
  });
}

/** A copy of the group in which `change` was applied to its QUERY events; the group itself when it changed none. */
function changed(group: Buffer, change: (event: Buffer) => boolean): Buffer {
  const copy = Buffer.from(group);
  let some = false;
  for (let at = 0; at + EVENT_HEADER_SIZE <= copy.length; ) {
    const size = copy.readUInt32LE(at + HEADER_AT.size);
    // A group may be sent in pieces; an event that is not complete in this piece is not a statement.
    if (size < EVENT_HEADER_SIZE + CHECKSUM_SIZE || at + size > copy.length) break;
    const event = copy.subarray(at, at + size);
    if (event[HEADER_AT.type] === EVENT.query && size > SQL_MODE_AT + 9 && change(event)) {
      resealEvent(event);
      some = true;
    }
    at += size;
  }
  return some ? copy : group;
}
