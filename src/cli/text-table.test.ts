import { expect, it } from 'vitest';
import { textTable, width } from './text-table.js';

it('aligns columns and leaves no blanks at the end of a line', () => {
  const columns = [{ name: 'NODE' }, { name: 'LAG', align: 'right' }, { name: 'WHY' }] as const;
  expect(
    textTable(columns, [
      ['n1', '0', ''],
      ['n2-long', '1200 ms', 'catching up'],
    ]),
  ).toEqual(['NODE         LAG  WHY', 'n1             0', 'n2-long  1200 ms  catching up']);
});

it('counts wide letters as two and marks as none', () => {
  expect(width('日本')).toBe(4);
  expect(width('e\u0301')).toBe(1);
  expect(textTable([{ name: 'A' }, { name: 'B' }], [['日本', 'x']])).toEqual(['A     B', '日本  x']);
});

it('keeps one row on one line, and control characters off the terminal', () => {
  expect(textTable([{ name: 'A' }], [['a\nb\tc\u001b[31m']])[1]).toBe('a\\nb\\tc\\e[31m');
  expect(textTable([{ name: 'a\n\u001b[31m\u009bb' }], [])).toEqual(['a\\n\\e[31m\\u009bb']);
});

it('cuts a very long cell', () => {
  const cell = textTable([{ name: 'A' }], [['x'.repeat(500)]])[1] ?? '';
  expect(width(cell)).toBe(80);
  expect(cell.endsWith('…')).toBe(true);
});
