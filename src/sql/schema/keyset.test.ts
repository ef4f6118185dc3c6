import { describe, expect, it } from 'vitest';
import {
  choosePageKey,
  decodeCursor,
  encodeCursor,
  type IndexPart,
  type PageKey,
  pageStatement,
} from './keyset.js';

const column = (name: string, dataType = 'int', columnType = dataType) => ({ name, dataType, columnType });
const part = (index: string, name: string, more: Partial<IndexPart> = {}): IndexPart => ({
  index,
  column: name,
  unique: true,
  kind: 'BTREE',
  prefix: null,
  nullable: false,
  ...more,
});
const columns = [column('a'), column('b'), column('c')];
const key: PageKey = { index: 'PRIMARY', columns: [column('a'), column('b', 'varchar')] };
const place = { database: 'd', table: 't', key, order: 'asc' as const };

describe('the key of a table', () => {
  it('is the primary one, else the shortest that is unique without NULL', () => {
    const wide = [part('wide', 'a'), part('wide', 'b')];
    expect(
      choosePageKey([part('one', 'c'), part('PRIMARY', 'a'), part('PRIMARY', 'b')], columns)?.index,
    ).toBe('PRIMARY');
    expect(choosePageKey([...wide, part('one', 'c')], columns)?.index).toBe('one');
    expect(choosePageKey(wide, columns)?.columns.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it.each([{ unique: false }, { nullable: true }, { prefix: 10 }, { kind: 'HASH' }])(
    'is none of %j',
    (more) => {
      expect(choosePageKey([part('x', 'a'), part('x', 'b', more)], columns)).toBeNull();
    },
  );
});

describe('a page', () => {
  it('begins after a row by a range, with every value bound', () => {
    const statement = pageStatement({ ...place, columns: ['a', 'b`c'], limit: 10, after: [7, 'x'] });
    expect(statement.sql).toBe(
      'SELECT `a`, `b``c` FROM `d`.`t` FORCE INDEX (PRIMARY) WHERE `a` >= ? AND (`a` > ? OR (`a` = ? AND `b` > ?)) ORDER BY `a`, `b` LIMIT 11',
    );
    expect(statement.parameters).toEqual([
      ...Array.from({ length: 3 }, () => ({ kind: 'integer', value: 7n })),
      { kind: 'text', value: 'x' },
    ]);
  });

  it('compares members of enum and set by their number, whatever their text holds', () => {
    const type = "enum('a','it''s','b\\\\c')";
    const afterMember = (dataType: string, columnType: string, value: string) =>
      pageStatement({
        ...place,
        key: { index: 'k', columns: [column('a', dataType, columnType)] },
        columns: ['a'],
        limit: 1,
        after: [value],
      }).parameters[0];
    expect(afterMember('enum', type, "it's")).toEqual({ kind: 'integer', value: 2n });
    expect(afterMember('enum', type, 'b\\c')).toEqual({ kind: 'integer', value: 3n });
    expect(afterMember('enum', type, '')).toEqual({ kind: 'integer', value: 0n });
    expect(afterMember('set', "set('a','b','c')", 'a,c')).toEqual({ kind: 'integer', value: 5n });
    expect(afterMember('set', "set('a','b','c')", '')).toEqual({ kind: 'integer', value: 0n });
  });
});

describe('a cursor', () => {
  it('comes back as it was, for its own table, key and order only', () => {
    const text = encodeCursor(place, ['18446744073709551615', 'ä😀']);
    expect(text).toMatch(/^[\w-]+$/);
    expect(decodeCursor(text, place)).toEqual(['18446744073709551615', 'ä😀']);
    for (const other of [
      { ...place, table: 'u' },
      { ...place, database: 'e' },
      { ...place, order: 'desc' as const },
      { ...place, key: { ...key, columns: [column('b'), column('a')] } },
    ]) {
      expect(() => decodeCursor(text, other)).toThrow(expect.objectContaining({ code: 'INVALID_CURSOR' }));
    }
  });

  it.each([
    '',
    '%',
    'bm9wZQ',
    Buffer.from('[]').toString('base64url'),
    Buffer.from('{}').toString('base64url'),
  ])('of nonsense is refused: %j', (text) => {
    expect(() => decodeCursor(text, place)).toThrow(expect.objectContaining({ code: 'INVALID_CURSOR' }));
  });
});
