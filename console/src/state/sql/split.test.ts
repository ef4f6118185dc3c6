import { describe, expect, it } from 'vitest';
import {
  lineOfError,
  refusalOf,
  shortName,
  splitStatements,
  statementAt,
  statementsToRun,
  usedDatabase,
} from './split.js';

const texts = (sql: string) => splitStatements(sql).map(({ text }) => text);

describe('statements are split', () => {
  it('at semicolons, without what is empty', () => {
    expect(texts(' SELECT 1;\n\n;;SELECT 2 ; ')).toEqual(['SELECT 1', 'SELECT 2']);
    expect(texts('')).toEqual([]);
    expect(texts('-- nothing\n/* at all */ ;')).toEqual([]);
  });

  it('not at those in texts, names and comments', () => {
    const one = [
      "SELECT ';', \"a;b\", `c;d`, 'it''s;', 'a\\';b'",
      'SELECT 1 /* ; */ + 1 -- ; and\n+ 2 # ; so on\n+ 3',
      "SELECT '--;', '/*;' , '#;'",
    ];
    for (const sql of one) expect(texts(`${sql};`)).toEqual([sql]);
    expect(texts('SELECT 1--1; SELECT 2')).toEqual(['SELECT 1--1', 'SELECT 2']);
    expect(texts('SELECT 1--;\n; SELECT 2')).toEqual(['SELECT 1--', 'SELECT 2']);
  });

  it('with what was not ended up to the end', () => {
    expect(texts("SELECT 'a; SELECT 2")).toEqual(["SELECT 'a; SELECT 2"]);
    expect(texts('SELECT 1; /* open ; SELECT 2')).toEqual(['SELECT 1']);
  });

  it('with their places, after the comments before them', () => {
    const sql = '-- first\nSELECT 1; /* second */ SELECT 2 -- end';
    expect(splitStatements(sql).map(({ from, to }) => sql.slice(from, to))).toEqual(['SELECT 1', 'SELECT 2']);
    expect(texts('/*!50000 SET @a = 1 */; SELECT 1')).toEqual(['/*!50000 SET @a = 1 */', 'SELECT 1']);
    expect(texts('/*M! SET @a = 1; */; SELECT 1')).toEqual(['/*M! SET @a = 1; */', 'SELECT 1']);
  });

  it('but not between the BEGIN and END of what is stored', () => {
    const procedure = `CREATE OR REPLACE DEFINER = \`a\`@\`b\` PROCEDURE p(x INT)
BEGIN
  IF x > IF(1, 2, 3) THEN SELECT CASE x WHEN 1 THEN 'one' ELSE 'more' END; END IF;
  CASE x WHEN 1 THEN SELECT 1; END CASE;
  WHILE x > 0 DO SET x = x - 1; END WHILE;
END`;
    expect(texts(`${procedure}; SELECT 1`)).toEqual([procedure, 'SELECT 1']);
    const block = 'BEGIN NOT ATOMIC SELECT 1; SELECT 2; END';
    expect(texts(`${block}; BEGIN; SELECT 3; COMMIT`)).toEqual([block, 'BEGIN', 'SELECT 3', 'COMMIT']);
    expect(texts('SELECT CASE 1 WHEN 1 THEN 2 END; SELECT 2').length).toBe(2);
    expect(texts('CREATE TABLE t (a INT); SELECT 1').length).toBe(2);
  });
});

it('the statement under the cursor is found', () => {
  const sql = '  SELECT 1;\n\nSELECT 2; ';
  const all = splitStatements(sql);
  const at = (position: number) => statementAt(all, position)?.text;
  expect([0, 2, 10, 11].map(at)).toEqual(['SELECT 1', 'SELECT 1', 'SELECT 1', 'SELECT 1']);
  expect([13, 21, 23].map(at)).toEqual(['SELECT 2', 'SELECT 2', 'SELECT 2']);
  expect(statementAt([], 0)).toBeNull();
});

it('DELIMITER is refused, and nothing is not run', () => {
  expect(refusalOf(splitStatements('delimiter //\nSELECT 1'))).toContain('DELIMITER');
  expect(refusalOf(splitStatements(' -- '))).toBe('There is no statement to run.');
  expect(refusalOf(splitStatements("SELECT 'delimiter'; SELECT 1"))).toBeNull();
});

it('a tab is called by the first words', () => {
  const [statement] = splitStatements('SELECT item,\n  amount FROM orders');
  expect(statement && shortName(statement)).toBe('SELECT item, amount FROM…');
});

it('the line of an error is that of the editor', () => {
  const sql = 'SELECT 1;\n\nSELECT\n  nothing nothing nothing;\nSELECT 3';
  const [, second] = splitStatements(sql);
  const message = "You have an error in your SQL syntax; check near 'nothing' at line 2";
  expect(second && lineOfError(sql, second, message)).toBe(4);
  expect(second && lineOfError(sql, second, "near '' at line 99")).toBe(4);
  expect(second && lineOfError(sql, second, "Table 'at line 3' does not exist")).toBeNull();
});

it('USE is understood', () => {
  const used = (sql: string) => splitStatements(sql).map(usedDatabase);
  expect(used('USE shop; use `a``b`; SELECT 1')).toEqual(['shop', 'a`b', null]);
});

it('what is selected is run, else the statement under the cursor, or all', () => {
  const sql = 'SELECT 1; SELECT 2; SELECT 3';
  const run = (from: number, to: number, which: 'here' | 'all') =>
    statementsToRun(sql, { from, to }, which).map((one) => [one.text, one.from, sql.slice(one.from, one.to)]);
  expect(run(12, 12, 'here')).toEqual([['SELECT 2', 10, 'SELECT 2']]);
  expect(run(17, 28, 'here')).toEqual([
    ['2', 17, '2'],
    ['SELECT 3', 20, 'SELECT 3'],
  ]);
  expect(run(12, 12, 'all').length).toBe(3);
  expect(statementsToRun(' ', { from: 0, to: 0 }, 'here')).toEqual([]);
});
