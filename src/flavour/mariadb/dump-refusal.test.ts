import { expect, it } from 'vitest';
import { dumpRefusal } from './dump-refusal.js';

it.each([
  ['Could not find GTID state requested by slave in any binlog files.', 1236, 'purged'],
  [
    "Error: connecting slave requested to start from GTID 0-1000001-9, which is not in the master's binlog. Since the master's binlog contains GTIDs with higher sequence numbers, it probably means that the slave has diverged",
    ...([1236, 'absent'] as const),
  ],
  ["which is not in the master's binlog", 1062, null],
  ['bogus data in log event', 1236, null],
])('%s (%i)', (message, errno, refusal) => {
  expect(dumpRefusal({ message, errno })).toBe(refusal);
});
