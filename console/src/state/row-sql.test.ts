import { describe, expect, it } from 'vitest';
import type { Column, Table } from '../../../client/src/index.js';
import {
  conditionOf,
  deleteStatement,
  insertStatement,
  keyOf,
  type ReadRow,
  selectStatement,
  updateStatement,
} from './row-sql.js';

const HOSTILE = '`; DROP TABLE x; -- <img src=x onerror=alert(1)>';
const place = { database: 'shop', table: 'orders' };

function tableWith(indexes: Partial<Table['indexes'][number]>[], nullable: string[] = []): Table {
  const columns = ['id', 'a', 'b'].map((name) => ({ name, nullable: nullable.includes(name) }));
  return {
    kind: 'table',
    columns,
    indexes: indexes.map((index) => ({ unique: true, kind: 'BTREE', ...index })),
  } as unknown as Table;
}
const parts = (...names: string[]) => names.map((name) => ({ name, prefix: null, descending: false }));

describe('the key of a table', () => {
  it('is the primary key, else the shortest unique key without NULL', () => {
    const primary = { name: 'PRIMARY', columns: parts('id', 'a', 'b') };
    const two = { name: 'aa', columns: parts('a', 'b') };
    const one = { name: 'zz', columns: parts('b') };
    expect(keyOf(tableWith([one, two, primary]))).toEqual(['id', 'a', 'b']);
    expect(keyOf(tableWith([two, one]))).toEqual(['b']);
    expect(keyOf(tableWith([two, one], ['b']))).toBe(null);
  });

  it('is none that does not tell rows apart', () => {
    expect(keyOf(tableWith([]))).toBe(null);
    expect(keyOf(tableWith([{ name: 'x', columns: parts('a'), unique: false }]))).toBe(null);
    expect(keyOf(tableWith([{ name: 'x', columns: parts('a'), kind: 'HASH' }]))).toBe(null);
    const prefix = [{ name: 'a', prefix: 10, descending: false }];
    expect(keyOf(tableWith([{ name: 'x', columns: prefix }]))).toBe(null);
    const view = { ...tableWith([{ name: 'PRIMARY', columns: parts('id') }]), kind: 'view' as const };
    expect(keyOf(view)).toBe(null);
  });
});

const columns: Column[] = [
  { name: 'id', type: 'bigint', nullable: false },
  { name: HOSTILE, type: 'varchar', nullable: true },
  { name: 'doc', type: 'json', nullable: true },
];
const row: ReadRow = { place, key: ['id'], columns, values: ['7', HOSTILE, { a: 1 }] };
const ID = { $type: 'bigint', value: '7' };

describe('a statement that changes a row', () => {
  it('finds it by its key, and only as it was read', () => {
    expect(updateStatement(row, [{ column: HOSTILE, bound: 'new' }])).toEqual({
      sql: [
        'UPDATE `shop`.`orders`',
        'SET ```; DROP TABLE x; -- <img src=x onerror=alert(1)>` = ?',
        'WHERE `id` = ? AND ```; DROP TABLE x; -- <img src=x onerror=alert(1)>` <=> ?',
      ].join('\n'),
      params: ['new', ID, HOSTILE],
    });
  });

  it('does not compare what has several texts, nor the key twice', () => {
    const both = updateStatement(row, [
      { column: 'doc', bound: null },
      { column: 'id', bound: { $type: 'bigint', value: '8' } },
    ]);
    expect(both.sql).toBe('UPDATE `shop`.`orders`\nSET `doc` = ?, `id` = ?\nWHERE `id` = ?');
    expect(both.params).toEqual([null, { $type: 'bigint', value: '8' }, ID]);
  });

  it('never finds more than one: without its key there is no statement', () => {
    expect(deleteStatement(row)).toEqual({
      sql: 'DELETE FROM `shop`.`orders`\nWHERE `id` = ?',
      params: [ID],
    });
    expect(() => deleteStatement({ ...row, key: ['gone'] })).toThrow('no column gone');
  });

  it('makes a row with what was given, also with nothing', () => {
    expect(insertStatement(place, [{ column: 'a`b', bound: HOSTILE }])).toEqual({
      sql: 'INSERT INTO `shop`.`orders` (`a``b`)\nVALUES (?)',
      params: [HOSTILE],
    });
    expect(insertStatement(place, []).sql).toBe('INSERT INTO `shop`.`orders` ()\nVALUES ()');
  });

  it('holds no value in its text, whatever it is', () => {
    const value = 'a value that stands nowhere else';
    const changes = [{ column: 'doc', bound: value }];
    for (const { sql } of [updateStatement(row, changes), insertStatement(place, changes)])
      expect(sql).not.toContain(value);
  });
});

describe('a filter', () => {
  const filter = (operator: Parameters<typeof conditionOf>[0]['operator'], text = '') =>
    conditionOf({ column: 'a', operator, text }, 'varchar');

  it('binds its value', () => {
    expect(filter('equal', "' OR 1=1 --")).toEqual({
      condition: { sql: '`a` = ?', params: ["' OR 1=1 --"] },
    });
    expect(filter('unequal', 'x')).toEqual({ condition: { sql: '`a` <> ?', params: ['x'] } });
    expect(filter('null')).toEqual({ condition: { sql: '`a` IS NULL', params: [] } });
    expect(filter('notNull', 'ignored')).toEqual({ condition: { sql: '`a` IS NOT NULL', params: [] } });
  });

  it('means characters, not patterns', () => {
    expect(filter('contains', '50%_|\\')).toEqual({
      condition: { sql: "`a` LIKE ? ESCAPE '|'", params: ['%50|%|_||\\%'] },
    });
    expect(filter('begins', 'x')).toEqual({ condition: { sql: "`a` LIKE ? ESCAPE '|'", params: ['x%'] } });
  });

  it('says what is wrong with its value', () => {
    expect(conditionOf({ column: 'a', operator: 'less', text: 'much' }, 'int')).toEqual({
      wrong: 'This takes a whole number.',
    });
  });

  it('gives the rows in the order of the key, one more than a page', () => {
    const condition = { sql: '`a` = ?', params: ['x'] };
    const wish = { place, columns: ['id', 'a'], key: ['id'], order: 'desc', condition, offset: 200 } as const;
    expect(selectStatement(wish)).toEqual({
      sql: 'SELECT `id`, `a`\nFROM `shop`.`orders`\nWHERE `a` = ?\nORDER BY `id` DESC\nLIMIT 101 OFFSET 200',
      params: ['x'],
    });
    expect(selectStatement({ ...wish, key: null, condition: null, offset: 0 }).sql).toBe(
      'SELECT `id`, `a`\nFROM `shop`.`orders`\nLIMIT 101 OFFSET 0',
    );
  });
});
