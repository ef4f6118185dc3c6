import { expect, it } from 'vitest';
import { earlier } from './earlier.js';

it('goes back over a second, a day and a year, and leaves what is no time', () => {
  expect(earlier('2026-01-01T00:00:00.500Z', 1000)).toBe('2025-12-31T23:59:59.500Z');
  expect(earlier('2026-01-01T00:00:00.500Z', 0)).toBe('2026-01-01T00:00:00.500Z');
  expect(earlier('yesterday', 1000)).toBe('yesterday');
});
