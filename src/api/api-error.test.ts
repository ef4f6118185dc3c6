import { expect, it } from 'vitest';
import { type Applied, notOpen, notPrimary, thatApplied } from './api-error.js';

it.each<[Applied, number]>([
  ['no', 421],
  ['partial', 503],
  ['yes', 503],
  ['unknown', 503],
])('a request of which "%s" was done when the role changed is answered with %i', (applied, status) => {
  const failure = thatApplied(notPrimary('http://n2'), applied);
  expect([failure.status, failure.details.applied]).toEqual([status, applied]);
});

it('a witness never serves, so it says who does; any other closed node may soon serve again', () => {
  const witness = { open: false, code: 'WITNESS', reason: 'w3 is a witness.' } as const;
  const refused = notOpen(witness, 'http://n1');
  expect([refused.status, refused.code, refused.message, refused.details.primary]).toEqual([
    ...[421, 'WITNESS', 'w3 is a witness. The primary is at http://n1.', 'http://n1'],
  ]);
  expect(notOpen(witness, null).message).toBe('w3 is a witness. No primary is known now.');
  const closed = notOpen({ open: false, code: 'NO_QUORUM', reason: 'Alone.' }, 'http://n1');
  expect([closed.status, closed.code, closed.details.primary]).toEqual([503, 'NO_QUORUM', undefined]);
});
