import { expect, it } from 'vitest';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import { ApplyTrouble } from './apply-trouble.js';

const stopped = (lastSqlErrno: number, lastSqlError = 'said') => ({
  ioRunning: true,
  sqlRunning: false,
  lastIoErrno: 0,
  lastIoError: '',
  lastSqlErrno,
  lastSqlError,
});

it('the third stop with the same error at the same position is a reason to fill the server', () => {
  const trouble = new ApplyTrouble(mariadb.errors);
  expect(trouble.stopped(stopped(1032), 7)).toBe(null);
  expect(trouble.stopped(stopped(1032), 7)).toBe(null);
  expect(trouble.stopped(stopped(1032, 'no such row'), 7)).toEqual({
    cause: 'apply-error',
    reason: expect.stringMatching(/after number 7.*\(1032\): no such row/),
    closes: true,
    trouble: 'error 1032 after 7',
  });
});

it.each([
  ['a routine exists already', 1304],
  ['a grant to revoke is missing', 1147],
  ['an XA branch is missing', 1397],
])('errors that a crash can leave count too: %s', (_, errno) => {
  const trouble = new ApplyTrouble(mariadb.errors);
  const needs = [1, 2, 3].map(() => trouble.stopped(stopped(errno), 7));
  expect(needs).toEqual([null, null, expect.objectContaining({ trouble: `error ${errno} after 7` })]);
});

it('counts again from one after progress, or after another error', () => {
  const trouble = new ApplyTrouble(mariadb.errors);
  for (const [errno, applied] of [
    [1062, 7],
    [1062, 7],
    [1062, 8],
    [1062, 8],
    [1146, 8],
    [1146, 8],
  ] as const)
    expect(trouble.stopped(stopped(errno), applied)).toBe(null);
});

it('an error that may be over at the next attempt is no reason: locks, a full disk, a stop without an error', () => {
  const trouble = new ApplyTrouble(mariadb.errors);
  for (const errno of [0, 1205, 1213, 1021, 1114, 3, 1040, 1594, 1964])
    for (let i = 0; i < 10; i++) expect(trouble.stopped(stopped(errno), 7)).toBe(null);
});
