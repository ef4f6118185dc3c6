import { expect, it } from 'vitest';
import type { Column } from '../../../../client/src/index.js';
import { type Format, mayRunAgain, tableFor, writerOf } from './export-text.js';

const columns = [
  { name: 'id', type: 'int', nullable: false },
  { name: 'te"xt', type: 'text', nullable: true },
  { name: 'id', type: 'decimal', nullable: true },
  { name: 'b', type: 'blob', nullable: true },
  { name: 'j', type: 'json', nullable: true },
] as const satisfies readonly Column[];
const rows = [
  [1, 'a, "b"\n', '12.50', 'AP8Q', { a: [1] }],
  [2, "it's \\ ", null, '', null],
  [3, '', '1', null, []],
];

const text = (format: Format) => {
  const { begin, row, end } = writerOf(format, columns, '`shop`.orders');
  return `${begin}${rows.map((values, at) => row(values, at === 0)).join('')}${end}`;
};

it('CSV tells NULL from an empty text, and quotes what it must', () => {
  expect(text('csv')).toBe(
    [
      'id,"te""xt",id,b,j',
      '1,"a, ""b""\n",12.50,0x00ff10,"{""a"":[1]}"',
      "2,\"it's \\ \",,X'',",
      '3,"",1,,[]',
      '',
    ].join('\r\n'),
  );
});

it('JSON is an array of objects', () => {
  expect(JSON.parse(text('json'))).toEqual([
    { id: 1, 'te"xt': 'a, "b"\n', id_2: '12.50', b: 'AP8Q', j: { a: [1] } },
    { id: 2, 'te"xt': "it's \\ ", id_2: null, b: '', j: null },
    { id: 3, 'te"xt': '', id_2: '1', b: null, j: [] },
  ]);
  const { begin, end } = writerOf('json', columns, '');
  expect(JSON.parse(begin + end)).toEqual([]);
});

it('INSERTs have literals that no value can leave', () => {
  const into = 'INSERT INTO `shop`.orders (`id`, `te"xt`, `id`, `b`, `j`) VALUES ';
  expect(text('sql')).toBe(
    `${into}(1, 'a, "b"\n', 12.50, 0x00ff10, '{"a":[1]}');\n${into}(2, 'it''s \\\\ ', NULL, X'', NULL);\n${into}(3, '', 1, NULL, '[]');\n`,
  );
});

it('the table of INSERTs is the one that was read', () => {
  expect(tableFor('SELECT * FROM shop.`o o` WHERE 1')).toBe('shop.`o o`');
  expect(tableFor('SELECT 1')).toBe('`table`');
});

it('only a read is run again for its other rows', () => {
  expect(['SELECT 1', '(select 1)', 'WITH a AS (SELECT 1) SELECT 1'].every(mayRunAgain)).toBe(true);
  expect(['DELETE FROM a RETURNING id', 'CALL p()', 'SELECTED'].some(mayRunAgain)).toBe(false);
});
