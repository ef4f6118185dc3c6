import { SkeinError } from '../../model/error.js';
import { EVENT, HEADER_AT, isCommitOrRollback, queryText } from '../../mysql-protocol/events.js';
import type { EventPlace, GroupGrammar } from '../flavour.js';
import { MYSQL_EVENT } from './event-types.js';
import { gtidOfEvent } from './gtid-event.js';

/** Events that only lead up to the next one. */
const LEADING = new Set<number>([
  EVENT.intvar,
  EVENT.rand,
  EVENT.userVar,
  EVENT.beginLoadQuery,
  EVENT.tableMap,
  MYSQL_EVENT.rowsQuery,
  MYSQL_EVENT.writeRows,
  MYSQL_EVENT.updateRows,
  MYSQL_EVENT.deleteRows,
  MYSQL_EVENT.partialUpdateRows,
]);

/** Events of the log itself, which say nothing about data. */
const HOUSEKEEPING = new Set<number>([
  EVENT.stop,
  EVENT.heartbeat,
  MYSQL_EVENT.heartbeatV2,
  MYSQL_EVENT.previousGtids,
]);

const BEGIN = Buffer.from('BEGIN');
const XA_START = Buffer.from('XA START ');

/** Where a group stands: before it, behind its GTID, in a transaction that a COMMIT or an event of its own will end. */
type State = 'outside' | 'begun' | 'open';

/**
 * A group is a GTID, then either one statement that stands alone, one payload event with a whole transaction in it, or BEGIN or XA
 * START and everything up to the end that belongs to it.
 */
export class MysqlGrammar implements GroupGrammar {
  #state: State = 'outside';

  place(event: Buffer): EventPlace {
    const type = event[HEADER_AT.type] ?? 0;
    if (HOUSEKEEPING.has(type)) return 'skip';
    if (this.#state !== 'outside') return this.#placeInGroup(event, type);
    if (type === MYSQL_EVENT.gtid || type === MYSQL_EVENT.gtidTagged) {
      this.#state = 'begun';
      return 'begin';
    }
    if (type === EVENT.formatDescription) return 'format';
    if (type === EVENT.rotate) return 'rotate';
    if (!LEADING.has(type) && type !== EVENT.query && type !== EVENT.xid) throw unknownEvent(event, type);
    throw new SkeinError('UNEXPECTED_EVENT', `An event of type ${type} stands outside of any transaction.`);
  }

  #placeInGroup(event: Buffer, type: number): EventPlace {
    if (type === EVENT.xid || type === EVENT.xaPrepare || type === MYSQL_EVENT.transactionPayload)
      return this.#end();
    if (LEADING.has(type)) return 'inside';
    if (type === EVENT.query) return this.#query(event);
    if (type === EVENT.executeLoadQuery) return this.#state === 'open' ? 'inside' : this.#end();
    if (type === EVENT.formatDescription || type === EVENT.rotate || type === MYSQL_EVENT.gtid) {
      throw new SkeinError(
        'UNEXPECTED_EVENT',
        `An event of type ${type} stands in the middle of a transaction.`,
      );
    }
    throw unknownEvent(event, type);
  }

  #query(event: Buffer): EventPlace {
    if (this.#state === 'open') return isCommitOrRollback(event, true) ? this.#end() : 'inside';
    const text = queryText(event, true);
    if (!text.equals(BEGIN) && !text.subarray(0, XA_START.length).equals(XA_START)) return this.#end();
    this.#state = 'open';
    return 'inside';
  }

  #end(): EventPlace {
    this.#state = 'outside';
    return 'end';
  }

  /** @throws SkeinError FOREIGN_TRANSACTION */
  gtidOf(event: Buffer): Buffer {
    if (event[HEADER_AT.type] === MYSQL_EVENT.gtid) return gtidOfEvent(event);
    throw new SkeinError(
      'FOREIGN_TRANSACTION',
      'The server has logged a transaction whose GTID has a tag: a session has set gtid_next past Skein. It has no place in the history of the cluster.',
    );
  }
}

function unknownEvent(event: Buffer, type: number): SkeinError {
  const endPosition = event.readUInt32LE(HEADER_AT.endPosition);
  return new SkeinError(
    'UNKNOWN_EVENT',
    `The binary log holds an event of type ${type} that Skein does not know (server id ${event.readUInt32LE(HEADER_AT.serverId)}, ` +
      `ending at position ${endPosition}). Replication stops here, because to skip it could lose data.`,
    { data: { type, endPosition } },
  );
}
