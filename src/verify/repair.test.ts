import { expect, it } from 'vitest';
import { WHOLE_TABLE } from './key-range.js';
import { readRows } from './repair.js';
import type { SqlSession } from './sql-session.js';
import type { TableShape } from './table-shape.js';

const column = (name: string, dataType: string) => ({
  ...{ name, dataType, characterSet: null, lengthMax: null },
  generated: 'no' as const,
});
const SHAPE: TableShape = {
  ...{ digest: '', engine: 'InnoDB', key: null, isVersioned: false, hasHiddenPeriod: false },
  columns: [column('id', 'int'), column('body', 'longblob')],
};
const TABLE = { schema: 'shop', name: 'files' };

/** A session whose server has one row, of a size that it says. */
function session(size: { n: string; b: string }) {
  const asked: string[] = [];
  const own: SqlSession = {
    run: async () => {},
    queryRows: async (sql) => {
      asked.push(sql);
      return asked.length === 1 ? [size] : [{ v0: '1', v1: 'FF' }];
    },
    destroy: () => {},
  };
  return { own, asked };
}

it('does not fetch rows that are too many, or larger than this process can hold', async () => {
  for (const size of [
    { n: '101', b: '900' },
    { n: '1', b: '2147483648' },
  ]) {
    const { own, asked } = session(size);
    expect(await readRows(own, TABLE, SHAPE, WHOLE_TABLE, 100)).toBe(null);
    expect(asked).toHaveLength(1);
    // The server must not make the texts only to count them.
    expect(asked[0]).not.toContain('HEX(');
  }
  const { own } = session({ n: '1', b: '900' });
  expect(await readRows(own, TABLE, SHAPE, WHOLE_TABLE, 100)).toEqual([['1', 'FF']]);
});
