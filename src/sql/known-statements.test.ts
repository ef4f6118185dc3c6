import { expect, test } from 'vitest';
import { KnownStatements } from './known-statements.js';

test('a text is known with its parameters once it was learned', () => {
  const known = new KnownStatements();
  expect(known.parameterCount('SELECT ?')).toBeNull();
  known.learn('SELECT ?', 1);
  expect(known.parameterCount('SELECT ?')).toBe(1);
});

test.each([
  ['depends on NO_BACKSLASH_ESCAPES', "SELECT 'a\\', ? -- '"],
  ['depends on ORACLE', 'SELECT :a'],
  ['may commit by itself', 'CREATE TABLE t (a INT)'],
  ['is told apart by what was prepared only', "SET PASSWORD = ''"],
  ['is long', `SELECT '${'x'.repeat(5000)}'`],
])('a text that %s is never known', (_why, sql) => {
  const known = new KnownStatements();
  known.learn(sql, 1);
  expect(known.parameterCount(sql)).toBeNull();
});

test('it is bounded, and the oldest leaves first', () => {
  const known = new KnownStatements();
  for (let i = 0; i <= 1000; i++) known.learn(`SELECT ${i}`, 0);
  expect(known.parameterCount('SELECT 0')).toBeNull();
  expect(known.parameterCount('SELECT 1')).toBe(0);
  expect(known.parameterCount('SELECT 1000')).toBe(0);
});
