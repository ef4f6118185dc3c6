import { expect, it } from 'vitest';
import { noted, repeated } from './repeats.js';

const HOUR_MS = 3_600_000;

it('the same trouble within an hour is no reason for a second seed by itself, another one is', () => {
  const done = noted([], 'error 1062 at 7', 1_000);
  expect(repeated(done, 'error 1062 at 7', 61_000)).toMatch(/same trouble at 1970-01-01T00:00:01.000Z/);
  expect(repeated(done, 'error 1032 at 7', 61_000)).toBe(null);
  expect(repeated(done, 'error 1062 at 7', 1_000 + HOUR_MS)).toBe(null);
});

it('a clock that was set back does not forbid it for long', () => {
  expect(repeated([{ trouble: 'x', atMs: 10 * HOUR_MS }], 'x', 0)).toBe(null);
});

it('different troubles one after the other are bounded too, and those of an operator do not count', () => {
  let done = noted([], 'operator at 7', 0);
  for (let i = 0; i < 19; i++) done = noted(done, `t${i}`, 0);
  expect(repeated(done, 'new', 0)).toBe(null);
  expect(repeated(noted(done, 't19', 0), 'new', 0)).toMatch(/20 times/);
});

it('forgets what is old, and keeps a bounded list', () => {
  let done = noted([], 'old', 0);
  for (let i = 0; i < 90; i++) done = noted(done, `t${i}`, 2 * HOUR_MS);
  expect(done).toHaveLength(40);
  expect(done.at(-1)).toEqual({ trouble: 't89', atMs: 2 * HOUR_MS });
});

it('a server that was lost as the primary is filled each time, however often that is', () => {
  const done = Array.from({ length: 40 }, (_, at) => ({
    trouble: `former primary of epoch ${at}, process ${at}`,
    atMs: 1_000,
  }));
  expect(repeated(done, 'former primary of epoch 40, process 40', 2_000)).toBe(null);
  expect(repeated(done, 'page damage', 2_000)).toBe(null);
});
