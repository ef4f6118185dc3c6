import { expect, it } from 'vitest';
import { waitsForReplica } from './waits-for-replica.js';

it.each<[what: string, needed: number, hasWitness: boolean, waitedMs: number, waits: boolean]>([
  ['alone: there is nobody to ask', 0, false, 0, false],
  ['with another server in the quorum: as long as it takes', 1, false, 3_600_000, true],
  ['with a witness: the other server may start a little later', 1, true, 3_000, true],
  ['with a witness: the other server may be away for long', 1, true, 10_000, false],
])('a crashed primary %s', (_, needed, hasWitness, waitedMs, waits) => {
  expect(waitsForReplica({ needed, hasWitness }, waitedMs)).toBe(waits);
});
