import { isSkeinError } from '../model/error.js';

/** The server uses this number for other errors of a dump too, so the text decides. */
const ER_BEFORE_THE_LOG = 1236;
const PURGED = /purged|Could not find GTID state requested by slave in any binlog files/i;

/** The error of a dump whose start was purged: the server's binary log begins after the requested position. */
export function isLogPurged(error: unknown): boolean {
  return isSkeinError(error) && error.data.errno === ER_BEFORE_THE_LOG && PURGED.test(error.message);
}
