import { expect, it } from 'vitest';
import { type Applied, notPrimary, thatApplied } from './api-error.js';

it.each<[Applied, number]>([
  ['no', 421],
  ['partial', 503],
  ['yes', 503],
  ['unknown', 503],
])('a request of which "%s" was done when the role changed is answered with %i', (applied, status) => {
  const failure = thatApplied(notPrimary('http://n2'), applied);
  expect([failure.status, failure.details.applied]).toEqual([status, applied]);
});
