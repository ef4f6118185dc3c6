import { expect, it } from 'vitest';
import {
  columnsInSight,
  contentPx,
  leftsOf,
  placeAfter,
  scrollTopFor,
  widthOf,
  windowAt,
} from './grid-window.js';

const measures = (rows: number) => ({ rows, rowPx: 28, heightPx: 280 });

it('a short list is drawn where it stands', () => {
  expect(contentPx(measures(100))).toBe(2800);
  expect(windowAt(measures(100), 0)).toEqual({ first: 0, end: 16, topPx: 0 });
  expect(windowAt(measures(100), 1400)).toEqual({ first: 44, end: 66, topPx: 44 * 28 });
  expect(windowAt(measures(100), 2520)).toEqual({ first: 84, end: 100, topPx: 84 * 28 });
  expect(windowAt(measures(3), 0)).toEqual({ first: 0, end: 3, topPx: 0 });
  expect(windowAt(measures(0), 0)).toEqual({ first: 0, end: 0, topPx: 0 });
});

it('a list that is higher than an element may be is reached to its end', () => {
  const long = measures(1_000_000);
  const height = contentPx(long);
  expect(height).toBeLessThan(10_000_000);
  const last = windowAt(long, height - 280);
  expect(last.end).toBe(1_000_000);
  // The last row ends where the content does.
  expect(last.topPx + (last.end - last.first) * 28).toBeCloseTo(height, 3);
  const middle = windowAt(long, (height - 280) / 2);
  expect(Math.abs(middle.first - 500_000)).toBeLessThan(20);
  // What is drawn covers what is in sight.
  expect(middle.topPx).toBeLessThanOrEqual((height - 280) / 2);
  expect(middle.topPx + (middle.end - middle.first) * 28).toBeGreaterThanOrEqual((height - 280) / 2 + 280);
});

it.each([100, 1_000_000])('each row of %d can be brought into sight', (rows) => {
  for (const row of [0, 1, 57, rows - 2, rows - 1]) {
    for (const from of [0, contentPx(measures(rows)) - 280]) {
      const to = scrollTopFor(measures(rows), from, row) ?? from;
      const { first, end, topPx } = windowAt(measures(rows), to);
      expect(row).toBeGreaterThanOrEqual(first);
      expect(row).toBeLessThan(end);
      const top = topPx + (row - first) * 28;
      expect(top).toBeGreaterThanOrEqual(to - 0.01);
      expect(top + 28).toBeLessThanOrEqual(to + 280.01);
    }
  }
  expect(scrollTopFor(measures(rows), 0, 5)).toBeNull();
});

it('columns in sight', () => {
  const lefts = leftsOf([100, 50, 200]);
  expect(lefts).toEqual([0, 100, 150, 350]);
  expect(columnsInSight(lefts, 0, 1000)).toEqual({ first: 0, end: 3 });
  expect(columnsInSight(lefts, 0, 120)).toEqual({ first: 0, end: 2 });
  expect(columnsInSight(lefts, 100, 40)).toEqual({ first: 1, end: 2 });
  expect(columnsInSight(lefts, 160, 40)).toEqual({ first: 2, end: 3 });
});

it('widths are within limits', () => {
  expect(widthOf([], 8)).toBe(56);
  expect(widthOf([10, 20], 8)).toBe(185);
  expect(widthOf([5000], 8)).toBe(420);
});

it('keys move within the grid', () => {
  const size = { rows: 100, columns: 3, page: 9 };
  const after = (name: string, ctrl = false) => placeAfter({ name, ctrl }, { row: 50, column: 1 }, size);
  expect(after('ArrowDown')).toEqual({ row: 51, column: 1 });
  expect(after('PageUp')).toEqual({ row: 41, column: 1 });
  expect(after('Home')).toEqual({ row: 50, column: 0 });
  expect(after('End', true)).toEqual({ row: 99, column: 2 });
  expect(after('Home', true)).toEqual({ row: 0, column: 0 });
  expect(after('x')).toBeNull();
  expect(placeAfter({ name: 'ArrowDown', ctrl: false }, { row: 99, column: 2 }, size)).toEqual({
    row: 99,
    column: 2,
  });
});
