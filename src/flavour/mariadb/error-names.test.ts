import { expect, it } from 'vitest';
import { errorName } from './error-names.js';

it('knows the names of errors, MariaDB’s own included', () => {
  const known: [number, string][] = [
    [1000, 'ER_HASHCHK'],
    [1007, 'ER_DB_CREATE_EXISTS'],
    [1062, 'ER_DUP_ENTRY'],
    [1265, 'WARN_DATA_TRUNCATED'],
    [1452, 'ER_NO_REFERENCED_ROW_2'],
    [1690, 'ER_DATA_OUT_OF_RANGE'],
    [1969, 'ER_STATEMENT_TIMEOUT'],
    [1264, 'ER_WARN_DATA_OUT_OF_RANGE'],
    [4025, 'ER_CONSTRAINT_FAILED'],
    [4091, 'ER_UNKNOWN_SEQUENCES'],
  ];
  expect(known.map(([errno]) => [errno, errorName(errno)])).toEqual(known);
  // A gap of the list, and a number that is beyond it.
  expect([errorName(1547), errorName(65535)]).toEqual(['ER_1547', 'ER_65535']);
});
