import { expect, it } from 'vitest';
import { TransferRate } from './progress.js';

it('tells the rate of the last seconds, and the rest of the time', () => {
  const rate = new TransferRate(0);
  expect(rate.perSecond(0)).toBe(0);
  expect(rate.remainingMs(100, 0)).toBe(null);
  for (let second = 1; second <= 20; second++) rate.add(1_000, second * 1_000);
  expect(rate.bytes).toBe(20_000);
  expect(rate.perSecond(20_000)).toBe(1_000);
  expect(rate.remainingMs(30_000, 20_000)).toBe(10_000);
  expect(rate.remainingMs(null, 20_000)).toBe(null);
  // More came than was estimated.
  expect(rate.remainingMs(10_000, 20_000)).toBe(0);
  for (let second = 21; second <= 40; second++) rate.add(9_000, second * 1_000);
  expect(rate.perSecond(40_000)).toBe(9_000);
});

it('shows that nothing comes any more', () => {
  const rate = new TransferRate(0);
  rate.add(10_000, 1_000);
  expect(rate.perSecond(100_000)).toBe(100);
});
