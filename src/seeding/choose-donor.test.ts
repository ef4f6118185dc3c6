import { expect, it } from 'vitest';
import { type DonorFacts, donorsInOrder } from './choose-donor.js';

const donor = (name: string, over: Partial<DonorFacts> = {}): DonorFacts => ({
  name,
  role: 'replica',
  isHealthy: true,
  applied: 10,
  ...over,
});
const names = (donors: DonorFacts[], from = 0) => donorsInOrder(donors, from).map(({ name }) => name);

it('asks replicas before the primary, the newest first, and the unknown last', () => {
  const all = [
    donor('unknown', { isHealthy: null, applied: 0 }),
    donor('n1', { role: 'primary', applied: 99 }),
    donor('old', { applied: 8 }),
    donor('new', { applied: 12 }),
  ];
  expect(names(all)).toEqual(['new', 'old', 'n1', 'unknown']);
});

it('asks nobody who is ill, or whose snapshot would end before the spool begins', () => {
  expect(names([donor('ill', { isHealthy: false }), donor('old', { applied: 8 })], 9)).toEqual([]);
  expect(names([donor('level', { applied: 9 })], 9)).toEqual(['level']);
  // Its own answer tells.
  expect(names([donor('unknown', { isHealthy: null, applied: 0 })], 9)).toEqual(['unknown']);
});
