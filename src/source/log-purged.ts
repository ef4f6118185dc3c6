import { isSkeinError } from '../model/error.js';

/** The error of a dump whose start was purged: the server's binary log begins after the requested position. */
export function isLogPurged(error: unknown): boolean {
  return isSkeinError(error) && error.data.refusal === 'purged';
}

/**
 * The error of a dump whose start is not in the server's binary log: it was purged; or the log was begun anew after a group of
 * another epoch, because the beginning of a log names only the last group, and for others the server cannot tell the two apart.
 */
export function isNotInLog(error: unknown): boolean {
  return isLogPurged(error) || (isSkeinError(error) && error.data.refusal === 'absent');
}
