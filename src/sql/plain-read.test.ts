import { describe, expect, it } from 'vitest';
import { plainRead } from './plain-read.js';

const tables = (sql: string) =>
  plainRead(sql)?.tables.map(({ database, table }) => (database === null ? table : `${database}.${table}`)) ??
  null;

describe('a plain read', () => {
  it.each<[string, string[]]>([
    ['SELECT 1', []],
    ['select id, k, c, pad from points where id = ?', ['points']],
    ['SELECT * FROM `shop`.`orders` o WHERE o.id IN (?, ?, ?) ORDER BY o.id DESC LIMIT 10', ['shop.orders']],
    [
      "SELECT a.x, COUNT(*) FROM a, d.b JOIN c ON (a.x = c.x) LEFT JOIN e USING (x) WHERE a.y = 'it is; @x' GROUP BY a.x",
      ['a', 'd.b', 'c', 'e'],
    ],
    [
      "SELECT COALESCE(x, 'a''b') AS y FROM t WHERE (x > -1.5e3 OR NOT (y <=> ?)) AND z BETWEEN 1 AND 2",
      ['t'],
    ],
    ['SELECT DISTINCT x FROM t STRAIGHT_JOIN u WHERE DATE_ADD(d, INTERVAL 1 DAY) < NOW()', ['t', 'u']],
    ['SELECT CASE WHEN (x) THEN 1 ELSE (2) END FROM t', ['t']],
    ['SELECT STRAIGHT_JOIN x FROM t', ['t']],
  ])('with its tables: %s', (sql, expected) => {
    expect(tables(sql)).toEqual(expected);
  });

  it.each([
    // Leaves something.
    'SELECT @x := 5',
    'SELECT x INTO @x FROM t',
    "SELECT x FROM t INTO OUTFILE 'f'",
    "SELECT GET_LOCK('x', 0)",
    'SELECT LAST_INSERT_ID(5)',
    'SELECT NEXTVAL(s)',
    'SELECT NEXT VALUE FOR s',
    'SELECT s.nextval',
    'SELECT SQL_CALC_FOUND_ROWS x FROM t',
    'SELECT x FROM t FOR UPDATE',
    'SELECT x FROM t LOCK IN SHARE MODE',
    'SELECT x FROM t PROCEDURE ANALYSE()',
    'SELECT RAND(5) FROM t',
    // Sees something.
    'SELECT @x',
    'SELECT @@sql_mode',
    'SELECT FOUND_ROWS()',
    'SELECT ROW_COUNT()',
    'SELECT LAST_INSERT_ID()',
    'SELECT LASTVAL(s)',
    'SELECT PREVIOUS VALUE FOR s',
    'SELECT CONNECTION_ID()',
    'SELECT IS_USED_LOCK(?)',
    'SELECT DEFAULT(x) FROM t',
    'SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS',
    'SELECT * FROM performance_schema.user_variables_by_thread',
    'SELECT * FROM MySQL.proc',
    // A function of the user's.
    'SELECT f(x) FROM t',
    'SELECT `count`(x) FROM t',
    'SELECT COUNT (x) FROM t',
    'SELECT d.count(x) FROM t',
    'SELECT `d`.`count`(x) FROM t',
    'SELECT d . count(x) FROM t',
    // Not looked into.
    'SELECT x FROM (SELECT @x := 1) t',
    'SELECT (SELECT 1)',
    'SELECT x FROM t WHERE x IN (SELECT y FROM u)',
    'SELECT x FROM t UNION SELECT y FROM u',
    'SELECT x FROM t PARTITION (p)',
    'SELECT x FROM (t, u)',
    'SELECT x FROM t JOIN (u) ON 1',
    'SELECT x FROM (t JOIN u)',
    "SELECT * FROM JSON_TABLE('[]', '$[*]' COLUMNS (a INT PATH '$')) t",
    'SELECT SUBSTRING(c FROM 2) FROM t',
    'SELECT /*! @x := */ 5',
    'SELECT 5 -- x',
    'SELECT 5 --1',
    'SELECT 5 # x',
    "SELECT 'a\\' , @x := 5, '",
    'SELECT "a"',
    'SELECT x FROM 1t',
    'SELECT 1.e FROM t',
    'SELECT x FROM `a b`',
    'SELECT ä FROM t',
    'SELECT x; SELECT y',
    'SELECT {d 5}',
    'SELECT x FROM',
    'SELECT x FROM t,',
    "SELECT x FROM 't'",
    'WITH q AS (SELECT 1) SELECT x FROM q',
    'VALUES (1)',
    'SHOW TABLES',
    'INSERT INTO t VALUES (1)',
    '(SELECT 1)',
    '',
    `SELECT ${'1,'.repeat(3000)}1`,
    `SELECT 1 FROM ${'t,'.repeat(10)}t`,
  ])('is not: %s', (sql) => {
    expect(plainRead(sql)).toBeNull();
  });
});
