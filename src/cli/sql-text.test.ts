import { expect, it } from 'vitest';
import { formatResults, type SqlAnswer } from './sql-text.js';

const answer = (result: Partial<SqlAnswer['results'][number]>): SqlAnswer => ({
  results: [
    {
      columns: [],
      rows: [],
      rowCount: 0,
      affectedRows: 0,
      insertId: null,
      warnings: 0,
      durationMs: 1,
      ...result,
    },
  ],
  position: '1.57.0-1000001-57',
  node: 'n2',
  role: 'replica',
  durationMs: 1.4,
});

it('shows rows as a table, numbers at the right, NULL as NULL', () => {
  const { text, summary } = formatResults(
    answer({
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'note', type: 'varchar' },
        { name: 'doc', type: 'json' },
      ],
      rows: [
        ['1', 'a', { x: 1 }],
        ['200', null, null],
      ],
    }),
  );
  expect(text).toBe(
    ' id  note  doc\n--------------------\n  1  a     {"x":1}\n200  NULL  NULL\n'.replace(
      '-'.repeat(20),
      '-'.repeat(18),
    ),
  );
  expect(summary).toBe('2 rows (1 ms, n2 replica, position 1.57.0-1000001-57)\n');
});

it('tells what a write did', () => {
  const { text, summary } = formatResults(answer({ affectedRows: 1, insertId: '17', warnings: 1 }));
  expect(text).toBe('');
  expect(summary).toMatch(/^1 row affected, insert id 17, 1 warning \(/);
});
