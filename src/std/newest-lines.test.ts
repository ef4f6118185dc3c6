import { expect, it } from 'vitest';
import { NewestLines, searchEnd } from './newest-lines.js';

it('takes as many as are wanted, and gives the oldest first', () => {
  const lines = new NewestLines(2, 100);
  expect([lines.add('c'), lines.add('b')]).toEqual([true, false]);
  expect(lines.found).toEqual({ lines: ['b', 'c'], isCut: false });
});

it('takes the newest that fit, and says that there are more', () => {
  const lines = new NewestLines(10, 10);
  // With their new lines: 5 bytes and 5, in UTF-8.
  expect([lines.add('dddd'), lines.add('üü'), lines.add('a')]).toEqual([true, true, false]);
  expect(lines.found).toEqual({ lines: ['üü', 'dddd'], isCut: true });
});

it('is not cut when everything fits', () => {
  const lines = new NewestLines(10, 10);
  lines.add('dddd');
  lines.add('cccc');
  expect(lines.found).toEqual({ lines: ['cccc', 'dddd'], isCut: false });
});

it('a single line above the limit is left out and told of', () => {
  const lines = new NewestLines(10, 10);
  expect(lines.add('a'.repeat(10))).toBe(false);
  expect(lines.found).toEqual({ lines: [], isCut: true });
});

it('a search looks two seconds further back than it is asked, over a year too, and leaves what is no time', () => {
  expect(searchEnd('2026-01-01T00:00:00.500Z')).toBe('2025-12-31T23:59:58.500Z');
  expect(searchEnd('yesterday')).toBe('yesterday');
  expect(searchEnd(undefined)).toBeNull();
});
