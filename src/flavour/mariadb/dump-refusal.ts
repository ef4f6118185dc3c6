import type { ServerErr } from '../../mysql-protocol/packets.js';
import type { DumpRefusal } from '../flavour.js';

/** The server uses this number for other errors of a dump too, so the text decides. */
const ER_BEFORE_THE_LOG = 1236;
const PURGED = /purged|Could not find GTID state requested by slave in any binlog files/i;
const NOT_THERE = /which is not in the master's binlog/i;

/** See `Flavour.dumpRefusal`. */
export function dumpRefusal({ errno, message }: Pick<ServerErr, 'errno' | 'message'>): DumpRefusal | null {
  if (errno !== ER_BEFORE_THE_LOG) return null;
  if (PURGED.test(message)) return 'purged';
  return NOT_THERE.test(message) ? 'absent' : null;
}
