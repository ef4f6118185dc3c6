import { describe, expect, it } from 'vitest';
import { cpuTimeMs } from '../../test/kit/cpu-time.js';
import { findOwnStatement } from './own-statements.js';

describe('statements that every account may execute', () => {
  it.each([
    'KILL 5',
    'kill hard query 5',
    'SET STATEMENT max_statement_time = 9 FOR KILL QUERY 5',
    'SET STATEMENT max_statement_time=9 FOR/**/KILL 5',
    'BEGIN NOT ATOMIC KILL 5; END',
    'BEGIN NOT ATOMIC IF 1 THEN kill 5; END IF; END',
    '/*!KILL 5*/',
    '/*M!100000 KILL 5 */',
    '/*!999999 ignored */ KILL 5',
    '/*!50000*/ KILL 5',
    "SET @a = 'it\\'s' /*! FOR */; KILL 5",
    'KILL/* x */5',
  ])('finds KILL in %s', (sql) => {
    expect(findOwnStatement(sql)).toBe('kill');
  });

  it.each([
    "XA START 'a'",
    "xa begin 'a'",
    "XA/*x*/PREPARE 'a'",
    "/*!XA PREPARE 'a'*/",
    "/*! XA */ COMMIT 'a'",
    "SET STATEMENT max_statement_time=1 FOR XA START 'a'",
    "BEGIN NOT ATOMIC XA START 'a'; XA END 'a'; END",
  ])('finds XA in %s', (sql) => {
    expect(findOwnStatement(sql)).toBe('xa');
  });

  it.each([
    "SET PASSWORD = 'x'",
    "BEGIN NOT ATOMIC SET PASSWORD = PASSWORD('x'); END",
    "SET STATEMENT max_statement_time=1 FOR SET PASSWORD = 'x'",
    "/*! ALTER */ USER CURRENT_USER() IDENTIFIED BY 'x'",
    'SET DEFAULT ROLE NONE',
  ])('finds a change of the account in %s', (sql) => {
    expect(findOwnStatement(sql)).toBe('account');
  });

  it.each([
    "INSERT INTO t VALUES ('KILL 5')",
    'UPDATE t SET `kill` = 1, t.kill = 2',
    'SET @kill = \'KILL 5\', @x = "XA START"',
    'SET @a = 1 /* KILL 5 */ -- KILL 6',
    'CREATE PROCEDURE p() BEGIN KILL 5; END',
    'DO skill(5)',
    'SET @a = CASE WHEN 1 THEN xa END',
    "CALL p('XA START')",
  ])('finds none in %s', (sql) => {
    expect(findOwnStatement(sql)).toBeNull();
  });

  it('needs time that grows with the length only', () => {
    const look = () => {
      for (const part of ['/**/', '/*!', "'\\'", 'xa ', '`', '--', 'set default '])
        findOwnStatement(`SET ${part.repeat(20_000)}X`);
    };
    expect(cpuTimeMs(look)).toBeLessThan(5_000);
  });
});
