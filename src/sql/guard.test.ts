import { describe, expect, it } from 'vitest';
import { guardWithoutResult } from './guard.js';

const allowed = (sql: string, role: 'read' | 'write' = 'read') => {
  try {
    guardWithoutResult(sql, role, 0);
    return true;
  } catch {
    return false;
  }
};

describe('guardWithoutResult', () => {
  it.each([
    'SET @a = 1',
    'set names utf8mb4',
    'DO 1',
    ' USE demo',
    'SELECT 1 INTO @a',
    'COMMIT',
    'START TRANSACTION',
    'SHOW WARNINGS',
    '/* app */ SET @a = 1',
    '-- app\nSET @a = 1',
    '#\n/**/ USE demo',
  ])('lets a read token set up its session: %s', (sql) => expect(allowed(sql)).toBe(true));

  it.each([
    'BEGIN NOT ATOMIC COMMIT; END',
    '/*!50000 BEGIN NOT ATOMIC */ COMMIT',
    '-- x\nBEGIN NOT ATOMIC COMMIT; END',
    'IF 1 THEN COMMIT; END IF',
    'LOOP COMMIT; END LOOP',
    'SET STATEMENT x=1 FOR BEGIN NOT ATOMIC END',
    'SET/**/STATEMENT x=1 FOR BEGIN NOT ATOMIC END',
    'SET @a=1, PASSWORD=PASSWORD("x")',
    'SET /*!DEFAULT ROLE*/ NONE',
    'SET DEFAULT\n ROLE NONE',
    'SETX',
    'KILL 1',
    '/* app */ KILL 1',
    '/* app */ SET DEFAULT ROLE NONE',
    '-- x\n/**/ BEGIN NOT ATOMIC COMMIT; END',
    '/* open SET @a = 1',
  ])('refuses a read token: %s', (sql) => expect(allowed(sql)).toBe(false));

  it.each([
    'KILL 1',
    'kill query 5',
    '/* c */ KILL 1',
    '-- c\nKILL 1',
    '# c\nkill 1',
    '/*!KILL 1*/',
    'SET PASSWORD = ""',
    'ALTER USER CURRENT_USER() IDENTIFIED BY "x"',
  ])('refuses every token: %s', (sql) => expect(allowed(sql, 'write')).toBe(false));

  it.each([
    "INSERT INTO t VALUES ('kill', 'password')",
    'CREATE TABLE kill_list (a INT)',
    "UPDATE t SET password = 'x'",
    'killer',
  ])('does not mind a word elsewhere: %s', (sql) => expect(allowed(sql, 'write')).toBe(true));
});
