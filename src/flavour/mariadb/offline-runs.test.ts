import { expect, it } from 'vitest';
import { hasRolledBack } from './offline-runs.js';

/** The end of what a server 11.8 wrote to standard error. */
const DONE = `2026-11-28  5:54:50 0 [Note] Heuristic crash recovery mode
2026-11-28  5:54:50 0 [Note] Please restart without --tc-heuristic-recover
2026-11-28  5:54:50 0 [ERROR] Can't init tc log
2026-11-28  5:54:50 0 [ERROR] Aborting
`;

it.each([
  ['an older server ends in order', 0, '', true],
  ['a newer one ends with an error afterwards', 1, DONE, true],
  [
    'it could not do it',
    1,
    DONE.replace('[Note] Please', '[ERROR] Heuristic crash recovery failed\n[Note] Please'),
    false,
  ],
  ['it did not come so far', 1, '[ERROR] InnoDB: Cannot open datafile', false],
  ['it was killed', null, '', false],
])('%s', (_what, code, output, done) => {
  expect(hasRolledBack(code, output)).toBe(done);
});
