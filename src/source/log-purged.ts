import { isSkeinError } from '../model/error.js';

/** The server uses this number for other errors of a dump too, so the text decides. */
const ER_BEFORE_THE_LOG = 1236;
const PURGED = /purged|Could not find GTID state requested by slave in any binlog files/i;

const NOT_THERE = /which is not in the master's binlog/i;

/** The error of a dump whose start was purged: the server's binary log begins after the requested position. */
export function isLogPurged(error: unknown): boolean {
  return isSkeinError(error) && error.data.errno === ER_BEFORE_THE_LOG && PURGED.test(error.message);
}

/**
 * The error of a dump whose start is not in the server's binary log: it was purged; or the log was begun anew after a group of
 * another epoch, because the beginning of a log names only the last group, and for others the server cannot tell the two apart.
 */
export function isNotInLog(error: unknown): boolean {
  return (
    isLogPurged(error) ||
    (isSkeinError(error) && error.data.errno === ER_BEFORE_THE_LOG && NOT_THERE.test(error.message))
  );
}
