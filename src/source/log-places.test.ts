import { expect, it } from 'vitest';
import { LogPlaces } from './log-places.js';

it('finds the ordinal of a group by the log file and position at which it ends', () => {
  const places = new LogPlaces();
  places.note(7, 'bin.000001', 400);
  places.note(8, 'bin.000002', 400);
  expect(places.ordinalAt('bin.000001', 400)).toBe(7);
  expect(places.ordinalAt('bin.000002', 400)).toBe(8);
  expect(places.ordinalAt('bin.000002', 401)).toBeNull();
  for (let ordinal = 9; ordinal < 10_000; ordinal++) places.note(ordinal, 'bin.000002', ordinal * 100);
  expect(places.ordinalAt('bin.000001', 400)).toBeNull();
  expect(places.ordinalAt('bin.000002', 999_900)).toBe(9_999);
});
