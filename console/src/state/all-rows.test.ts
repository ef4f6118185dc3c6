import { expect, it } from 'vitest';
import { allRowsText } from './all-rows.js';

it.each([
  'DELETE FROM t',
  'delete from t;',
  '  \n/* all of them */ DELETE FROM t -- WHERE id = 1',
  'DELETE FROM t # WHERE id = 1',
  "UPDATE t SET a = 'WHERE id = 1'",
  'UPDATE t SET a = "\\" WHERE id = 1"',
  'UPDATE `t WHERE` SET a = 1',
  'UPDATE t SET a = (SELECT MAX(b) FROM c WHERE c.id = 1)',
  'DELETE a FROM a JOIN b USING (id)',
  'DELETE FROM t /*!50000 WHERE id = 1 */',
  'UPDATE t SET a = 1 /* WHERE id = 1',
])('asks before %s', (sql) => {
  expect(allRowsText(sql)).toMatch(/^This (UPDATE|DELETE) has no WHERE: it (changes|deletes) all rows\.$/);
});

it.each([
  'DELETE FROM t WHERE id = 1',
  "UPDATE t SET a = 'it''s' where id = 1",
  "UPDATE t SET a = '\\'' WHERE id = 1",
  'UPDATE t SET a = (SELECT 1) WHERE id IN (SELECT id FROM c)',
  'DELETE FROM t ORDER BY id LIMIT 10',
  'UPDATE t SET a = b--1 WHERE id = 1',
  'SELECT * FROM t',
  'EXPLAIN DELETE FROM t',
  'TRUNCATE t',
  'SHOW CREATE TABLE `update`',
  '',
])('does not ask before %s', (sql) => {
  expect(allRowsText(sql)).toBe(null);
});
