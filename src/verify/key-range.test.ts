import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../test/kit/random.js';
import { type KeyRange, rangeCondition } from './key-range.js';
import { type ColumnShape, chooseKey, type IndexPart, normalised, type TableKey } from './table-shape.js';

const column = (name: string, dataType: string, characterSet: string | null = null): ColumnShape => ({
  ...{ name, dataType, characterSet, lengthMax: null, generated: 'no' },
});

const key = (...columns: ColumnShape[]): TableKey => ({ index: 'PRIMARY', columns });

/** Whether a row of small numbers meets the condition, by the meaning that SQL gives it. */
function meets(condition: string, row: readonly number[]): boolean {
  if (condition === '') return true;
  const js = condition
    .replace(/`k(\d+)`/g, (_, i) => String(row[Number(i)]))
    .replaceAll(' = ', ' === ')
    .replaceAll('AND', '&&')
    .replaceAll('OR', '||');
  return Boolean(new Function(`return ${js};`)());
}

describe('ranges of a key', () => {
  it('puts each row into exactly one of the chunks, whatever the borders are', () => {
    const from = seededRandom(14);
    for (let round = 0; round < 200; round++) {
      const width = from.int(1, 4);
      const columns = Array.from({ length: width }, (_, i) => column(`k${i}`, 'int'));
      const rows = Array.from({ length: from.int(1, 40) }, () => columns.map(() => from.int(0, 3)));
      const order = (a: readonly number[], b: readonly number[]) =>
        a.map((value, i) => value - (b[i] ?? 0)).find((difference) => difference !== 0) ?? 0;
      const borders = [...rows]
        .sort(order)
        .filter((_, i) => i % from.int(1, 5) === 0)
        .filter((row, i, all) => i === 0 || order(row, all[i - 1] ?? []) !== 0)
        .map((row) => row.map(String));
      const ranges: KeyRange[] = [null, ...borders].map((after, i) => ({ after, upTo: borders[i] ?? null }));
      const conditions = ranges.map((range) => rangeCondition(key(...columns), range));
      for (const row of rows) expect(conditions.filter((each) => meets(each, row))).toHaveLength(1);
    }
  });

  it('is a range that the server can look up in its index', () => {
    const two = key(column('k0', 'int'), column('k1', 'varchar', 'latin1'));
    expect(rangeCondition(two, { after: ['7', 'E4'], upTo: ['9', ''] })).toBe(
      "`k0` >= 7 AND (`k0` > 7 OR (`k0` = 7 AND `k1` > _latin1 x'E4')) AND " +
        "`k0` <= 9 AND (`k0` < 9 OR (`k0` = 9 AND `k1` <= _latin1 x''))",
    );
  });

  it.each([
    ['int', '1 OR 1=1'],
    ['varchar', "41' OR 1=1 -- "],
    ['datetime', "2020-01-01' OR 1"],
    ['uuid', "x' OR 1"],
  ])('refuses what is no value of a %s', (dataType, text) => {
    const one = key(column('k0', dataType, dataType === 'varchar' ? 'utf8mb4' : null));
    expect(() => rangeCondition(one, { after: [text], upTo: null })).toThrow(/no value of the column k0/);
  });

  it('refuses a border of another key', () => {
    expect(() => rangeCondition(key(column('k0', 'int')), { after: ['1', '2'], upTo: null })).toThrow(
      /not the 1 columns/,
    );
  });
});

describe('the key of a table', () => {
  const part = (index: string, name: string, more: Partial<IndexPart> = {}): IndexPart => ({
    ...{ index, column: name, isUnique: true, kind: 'BTREE', isPrefix: false, isNullable: false },
    ...more,
  });
  const columns = [column('a', 'int'), column('b', 'varchar', 'utf8mb4'), column('d', 'double')];

  it('is the primary key, else the shortest unique key that is NOT NULL and has an order', () => {
    const longer = [part('u2', 'a'), part('u2', 'b')];
    expect(chooseKey([...longer, part('PRIMARY', 'b'), part('u1', 'a')], columns)?.index).toBe('PRIMARY');
    expect(chooseKey([...longer, part('u1', 'a')], columns)?.index).toBe('u1');
  });

  it.each([
    ['is not unique', { isUnique: false }],
    ['may be NULL', { isNullable: true }],
    ['is of a part of the column', { isPrefix: true }],
    ['is a hash', { kind: 'HASH' }],
  ])('is none that %s', (_, more) => {
    expect(chooseKey([part('u1', 'a', more)], columns)).toBeNull();
  });

  it('is none of a type without an exact text', () => {
    expect(chooseKey([part('PRIMARY', 'd')], columns)).toBeNull();
  });
});

it('a definition is compared without its counter, and without partitions that the server adds by itself', () => {
  const create = (end: string) =>
    `CREATE TABLE \`t\` (\n  \`a\` int DEFAULT ' AUTO_INCREMENT=1'\n) ENGINE=InnoDB${end}`;
  expect(normalised(create(' AUTO_INCREMENT=17'))).toBe(create(''));
  expect(normalised(create('\n PARTITION BY HASH (`a`)'))).not.toBe(normalised(create('')));
  const auto = (parts: number) =>
    create(`\n PARTITION BY SYSTEM_TIME INTERVAL 1 DAY AUTO\nPARTITIONS ${parts}`);
  expect(normalised(auto(2))).toBe(normalised(auto(3)));
});
