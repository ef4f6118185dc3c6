import { expect, it } from 'vitest';
import { SkeinError } from '../model/error.js';
import { isLogPurged, isNotInLog } from './log-purged.js';

const error = (message: string, errno = 1236) => new SkeinError('DUMP_ENDED', message, { data: { errno } });

it.each([
  ['Could not find GTID state requested by slave in any binlog files.', 1236, true, true],
  [
    "Error: connecting slave requested to start from GTID 0-1000001-9, which is not in the master's binlog. Since the master's binlog contains GTIDs with higher sequence numbers, it probably means that the slave has diverged",
    ...([1236, false, true] as const),
  ],
  ["which is not in the master's binlog", 1062, false, false],
  ['bogus data in log event', 1236, false, false],
])('%s (%i)', (message, errno, isPurged, isAbsent) => {
  expect([isLogPurged(error(message, errno)), isNotInLog(error(message, errno))]).toEqual([
    isPurged,
    isAbsent,
  ]);
});
