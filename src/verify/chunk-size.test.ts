import { expect, it } from 'vitest';
import { CHUNK_ROWS_FIRST, CHUNK_TARGET_MS, nextChunkRows } from './chunk-size.js';

it('comes to chunks that take about the wanted time, and shrinks at once when they take longer', () => {
  let rows = CHUNK_ROWS_FIRST;
  const msPerRow = 0.002;
  for (let i = 0; i < 20; i++) rows = nextChunkRows(rows, rows * msPerRow);
  expect(rows * msPerRow).toBeCloseTo(CHUNK_TARGET_MS, 0);
  expect(nextChunkRows(rows, 100 * CHUNK_TARGET_MS)).toBe(rows / 100);
});

it.each([
  [1_000, 0, 2_000],
  [10, 1e9, 10],
  [1_000_000, 0, 1_000_000],
])('from %i rows in %f ms to %i: by twice at most, within its limits', (rows, tookMs, next) => {
  expect(nextChunkRows(rows, tookMs)).toBe(next);
});
