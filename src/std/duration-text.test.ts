import { expect, it } from 'vitest';
import { durationText } from './duration-text.js';

it.each([
  [0, '0 ms'],
  [-3, '0 ms'],
  [3.4, '3 ms'],
  [1234, '1.2 s'],
  [59_400, '59 s'],
  [60_000, '1 min'],
  [250_000, '4 min 10 s'],
  [7_500_000, '2 h 5 min'],
  [259_200_000, '3 d'],
])('%d ms is %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
