import { expect, it } from 'vitest';
import { cpuTimeMs } from '../../test/kit/cpu-time.js';
import { charsetRisk, mayHideCharset, type TableCollations } from './charset-risk.js';
import { renamingsIn, tableIn } from './table-name.js';

const MB3 = 'utf8mb3_general_ci';
const MB4 = 'utf8mb4_general_ci';
const LATIN = 'latin1_swedish_ci';
const has = (tableDefault: string, ...columns: string[]): TableCollations => ({
  schemaDefault: MB4,
  tableDefault,
  columns,
});

it.each([
  ['CREATE TABLE t (b VARCHAR(20) CHARACTER SET utf8)', has(MB4, MB4), 'UTF8_BY_OLD_MODE'],
  ['CREATE TABLE t (b VARCHAR(20)) DEFAULT CHARSET=utf8', has(MB4, MB4), 'UTF8_BY_OLD_MODE'],
  ["ALTER TABLE t CONVERT TO CHARACTER SET 'utf8'", has(MB4, MB4), 'UTF8_BY_OLD_MODE'],
  ['ALTER TABLE t MODIFY b TEXT COLLATE utf8_general_ci', has(LATIN, MB4), 'UTF8_BY_OLD_MODE'],
  ['CREATE TABLE `f` (\n  `a` varchar(9) DEFAULT NULL\n)', has(LATIN, LATIN), 'CHARSET_NOT_LOGGED'],
  ['/* app */ create table t (a INT)', has(LATIN), 'CHARSET_NOT_LOGGED'],
])('%s: replicas make another table', (statement, collations, code) => {
  expect(mayHideCharset(statement)).toBe(true);
  expect(charsetRisk(statement, collations)?.code).toBe(code);
});

it.each([
  ['CREATE TABLE t (b VARCHAR(20) CHARACTER SET utf8)', has(MB4, MB3)],
  ['CREATE TABLE t (b VARCHAR(20)) CHARSET=utf8', has(MB3, MB3)],
  ['CREATE TABLE t (b VARCHAR(20) CHARACTER SET utf8mb4)', has(MB4, MB4)],
  ['CREATE TABLE t (b VARCHAR(20)) CHARACTER SET latin1', has(LATIN, LATIN)],
  ['CREATE TABLE t LIKE other', has(LATIN, LATIN)],
  ['CREATE TABLE t (a INT)', has(MB4)],
  ['ALTER TABLE t ADD c INT', has(LATIN, LATIN)],
])('%s: all nodes make the same', (statement, collations) => {
  expect(charsetRisk(statement, collations)).toBeNull();
});

it('other statements are not compared', () => {
  for (const text of ['DROP TABLE t', 'ALTER TABLE t ADD c INT', 'CREATE PROCEDURE p() SELECT 1', ''])
    expect(mayHideCharset(text)).toBe(false);
});

it.each([
  ['CREATE TABLE t (a INT)', { schema: null, name: 't' }],
  ['create or replace table if not exists `d``1` . `t 1` (a INT)', { schema: 'd`1', name: 't 1' }],
  ['ALTER ONLINE TABLE d.t ADD c INT', { schema: 'd', name: 't' }],
])('%s names its table', (statement, table) => {
  expect(tableIn(statement)).toEqual(table);
});

it('a RENAME names its tables, in order', () => {
  const t = (name: string, schema: string | null = null) => ({ schema, name });
  expect(renamingsIn('/* app */ rename tables a to b, `d`.`x y` TO e . f')).toEqual([
    { from: t('a'), to: t('b') },
    { from: t('x y', 'd'), to: t('f', 'e') },
  ]);
  expect(renamingsIn('SET STATEMENT lock_wait_timeout=3 FOR RENAME TABLE IF EXISTS a TO b')).toEqual([
    { from: t('a'), to: t('b') },
  ]);
  expect(renamingsIn('ALTER TABLE a RENAME TO b')).toEqual([]);
});

it('a large statement is looked at in linear time', () => {
  const look = () => {
    for (const text of [
      'create ',
      'create table ',
      'table `',
      'collate utf8 ',
      'character ',
      '``',
      'create\n',
    ]) {
      const large = text.repeat(1_000_000 / text.length);
      mayHideCharset(large);
      charsetRisk(large, has(LATIN));
      tableIn(large);
      renamingsIn(`RENAME TABLE ${large}`);
    }
  };
  expect(cpuTimeMs(look)).toBeLessThan(2_000);
});
